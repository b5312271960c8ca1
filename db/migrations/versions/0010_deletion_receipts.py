"""What was deleted for good, and from where?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None

APP = "foundry_app"
MAINTENANCE = "foundry_maintenance"
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"
TABLE = "deletion_receipts"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("removed", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("left", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("backups_until", sa.Date(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("subject in ('organization')", name=op.f(f"ck_{TABLE}_subject")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
    )
    for column in ("created_at", "is_deleted", "organization_id", "subject_id"):
        op.create_index(op.f(f"ix_{TABLE}_{column}"), TABLE, [column], unique=False)
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {TABLE} USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
    )
    # Only the role that deletes writes them, and nobody removes one.
    op.execute(f"GRANT SELECT ON {TABLE} TO {APP}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {TABLE} TO {MAINTENANCE}")


def downgrade() -> None:
    op.drop_table(TABLE)
