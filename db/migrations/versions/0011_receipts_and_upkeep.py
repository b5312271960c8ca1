"""How does every deletion leave a receipt, and every round of upkeep a report?

Receipts know what is still to be removed, so that another process can finish them; documents outlive whoever uploaded
them; collections say how long their documents are kept.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels = None
depends_on = None

APP = "foundry_app"
MAINTENANCE = "foundry_maintenance"
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"
RECEIPTS, REPORTS = "deletion_receipts", "maintenance_reports"
SUBJECTS = "('organization', 'collection', 'document', 'version', 'user')"
UPLOADER = "fk_documents_user_id_users"
EMPTY_OBJECT = sa.text("'{}'::jsonb")


def upgrade() -> None:
    op.drop_constraint(op.f(f"ck_{RECEIPTS}_subject"), RECEIPTS, type_="check")
    op.create_check_constraint(op.f(f"ck_{RECEIPTS}_subject"), RECEIPTS, f"subject in {SUBJECTS}")
    op.add_column(RECEIPTS, sa.Column("traces", postgresql.JSONB(), server_default=EMPTY_OBJECT, nullable=False))
    op.add_column(RECEIPTS, sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        f"ix_{RECEIPTS}_pending", RECEIPTS, ["next_try_at"], postgresql_where=sa.text("completed_at IS NULL")
    )
    # Whoever deletes a document writes its receipt in the same transaction; nobody removes one.
    op.execute(f"GRANT INSERT, UPDATE ON {RECEIPTS} TO {APP}")
    op.drop_constraint(op.f(UPLOADER), "documents", type_="foreignkey")
    op.alter_column("documents", "user_id", nullable=True)
    op.create_foreign_key(op.f(UPLOADER), "documents", "users", ["user_id"], ["id"], ondelete="SET NULL")
    op.add_column("collections", sa.Column("retention_days", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_collections_retention_days"), "collections", "retention_days > 0")
    _reports()


def _reports() -> None:
    op.create_table(
        REPORTS,
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("repaired", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("details", postgresql.JSONB(), server_default=EMPTY_OBJECT, nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{REPORTS}")),
    )
    op.create_index(f"uq_{REPORTS}_open", REPORTS, ["kind"], unique=True, postgresql_where=sa.text("ended_at IS NULL"))
    for column in ("created_at", "is_deleted", "organization_id"):
        op.create_index(op.f(f"ix_{REPORTS}_{column}"), REPORTS, [column], unique=False)
    op.execute(f"ALTER TABLE {REPORTS} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {REPORTS} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {REPORTS} USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {REPORTS} TO {MAINTENANCE}")


def downgrade() -> None:
    op.drop_table(REPORTS)
    op.drop_column("collections", "retention_days")
    op.drop_constraint(op.f(UPLOADER), "documents", type_="foreignkey")
    op.create_foreign_key(op.f(UPLOADER), "documents", "users", ["user_id"], ["id"])
    op.drop_column(RECEIPTS, "next_try_at")
    op.drop_column(RECEIPTS, "traces")
    op.drop_constraint(op.f(f"ck_{RECEIPTS}_subject"), RECEIPTS, type_="check")
    op.create_check_constraint(op.f(f"ck_{RECEIPTS}_subject"), RECEIPTS, "subject in ('organization')")
