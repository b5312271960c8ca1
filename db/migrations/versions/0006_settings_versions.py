"""Who changed which settings, when and why?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None

APP = "foundry_app"
MAINTENANCE = "foundry_maintenance"
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"
TABLE = "settings_versions"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("restored_number", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("number", name=op.f(f"uq_{TABLE}_number")),
    )
    for column in ("created_at", "is_deleted", "organization_id"):
        op.create_index(op.f(f"ix_{TABLE}_{column}"), TABLE, [column], unique=False)
    op.execute(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY tenant ON {TABLE} USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
    )
    # Versions are added, never changed.
    op.execute(f"GRANT SELECT, INSERT ON {TABLE} TO {APP}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {MAINTENANCE}")
    op.execute(
        """
        CREATE FUNCTION public.current_settings() RETURNS TABLE (number bigint, content jsonb)
        AS $$ SELECT s.number, s.content FROM public.settings_versions s WHERE NOT s.is_deleted
              ORDER BY s.number DESC LIMIT 1 $$
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
        """
    )
    op.execute("REVOKE ALL ON FUNCTION public.current_settings() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION public.current_settings() TO {APP}")
    op.execute(f"ALTER FUNCTION public.current_settings() OWNER TO {MAINTENANCE}")


def downgrade() -> None:
    op.execute("DROP FUNCTION public.current_settings()")
    op.drop_table(TABLE)
