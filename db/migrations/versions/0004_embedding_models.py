"""Which models made the vectors that are searched? Asked before an organisation is known."""

from __future__ import annotations

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None

APP = "foundry_app"
MAINTENANCE = "foundry_maintenance"


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION public.embedding_models() RETURNS text[]
        AS $$ SELECT coalesce(array_agg(DISTINCT v.embedding_model::text), '{}') FROM public.documents d
              JOIN public.document_versions v ON v.id = d.active_version_id
              WHERE NOT d.is_deleted AND v.embedding_model IS NOT NULL $$
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
        """
    )
    op.execute("REVOKE ALL ON FUNCTION public.embedding_models() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION public.embedding_models() TO {APP}")
    op.execute(f"ALTER FUNCTION public.embedding_models() OWNER TO {MAINTENANCE}")


def downgrade() -> None:
    op.execute("DROP FUNCTION public.embedding_models()")
