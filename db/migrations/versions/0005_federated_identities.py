"""Who is somebody at another service that vouches for them?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

APP = "foundry_app"
MAINTENANCE = "foundry_maintenance"
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"
TABLE = "federated_identities"

LOOKUPS = {
    "find_identity(wanted_issuer text, wanted_subject text)": """
        RETURNS TABLE (user_id uuid, organization_id uuid, is_active boolean)
        AS $$ SELECT u.id, u.organization_id, u.is_active AND NOT u.is_deleted AND NOT o.is_deleted
              FROM public.federated_identities f
              JOIN public.users u ON u.id = f.user_id
              JOIN public.organizations o ON o.id = u.organization_id
              WHERE f.issuer = wanted_issuer AND f.subject = wanted_subject LIMIT 1 $$""",
    # A name that two organisations bear means neither.
    "find_organization(wanted text)": """
        RETURNS TABLE (organization_id uuid)
        AS $$ SELECT min(o.id::text)::uuid FROM public.organizations o
              WHERE NOT o.is_deleted AND (o.id::text = lower(wanted) OR o.name = wanted) HAVING count(*) = 1 $$""",
}


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{TABLE}_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("issuer", "subject", name=op.f(f"uq_{TABLE}_issuer_subject")),
    )
    for column in ("created_at", "is_deleted", "organization_id", "user_id"):
        op.create_index(op.f(f"ix_{TABLE}_{column}"), TABLE, [column], unique=False)
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {TABLE} USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP}, {MAINTENANCE}")
    for signature, body in LOOKUPS.items():
        op.execute(
            f"CREATE FUNCTION public.{signature} {body} LANGUAGE sql STABLE SECURITY DEFINER"
            " SET search_path = pg_catalog"
        )
        op.execute(f"REVOKE ALL ON FUNCTION public.{signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION public.{signature} TO {APP}")
        op.execute(f"ALTER FUNCTION public.{signature} OWNER TO {MAINTENANCE}")


def downgrade() -> None:
    for signature in LOOKUPS:
        op.execute(f"DROP FUNCTION public.{signature}")
    op.drop_table(TABLE)
