"""In which index do the vectors of a version lie?

Before, there was one index, and every vector lay in it; its row is adopted by the first start after this.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels = None
depends_on = None

APP = "foundry_app"
MAINTENANCE = "foundry_maintenance"
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"
NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
INDEXES, MEMBERS = "search_indexes", "indexed_versions"

PROGRESS = """
    CREATE FUNCTION public.index_progress(wanted text)
    RETURNS TABLE (index_id uuid, documents bigint, as_wanted bigint)
    AS $$ SELECT m.index_id, count(*), count(*) FILTER (WHERE coalesce(v.chunking, wanted) = wanted)
          FROM public.documents d
          JOIN public.document_versions v ON v.id = d.active_version_id
          JOIN public.indexed_versions m ON m.version_id = v.id
          WHERE NOT d.is_deleted GROUP BY m.index_id
          UNION ALL
          SELECT NULL, count(*), 0 FROM public.documents d
          WHERE NOT d.is_deleted AND d.active_version_id IS NOT NULL $$
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
"""
PACE = """
    CREATE FUNCTION public.documents_moved_since(since timestamptz) RETURNS bigint
    AS $$ SELECT count(*) FROM public.tasks t
          WHERE t.task_type = 'move' AND t.status = 'completed' AND t.completed_at > since $$
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
"""


def upgrade() -> None:
    _create_tables()
    op.add_column("document_versions", sa.Column("chunking", sa.String(), nullable=True))
    # Chunks that were replaced stay, for the answers that cite them.
    op.drop_constraint("uq_document_chunks_version_id_chunk_index", "document_chunks")
    op.create_index(
        "uq_document_chunks_version_id_chunk_index",
        "document_chunks",
        ["version_id", "chunk_index"],
        unique=True,
        postgresql_where=sa.text("not is_deleted"),
    )
    _adopt()
    for signature, body in (("index_progress(text)", PROGRESS), ("documents_moved_since(timestamptz)", PACE)):
        op.execute(body)
        op.execute(f"REVOKE ALL ON FUNCTION public.{signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION public.{signature} TO {APP}")
        op.execute(f"ALTER FUNCTION public.{signature} OWNER TO {MAINTENANCE}")
    op.execute("DROP FUNCTION public.embedding_models()")


def _create_tables() -> None:
    op.create_table(
        INDEXES,
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("plugins", postgresql.JSONB(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        *_common(),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{INDEXES}")),
        sa.UniqueConstraint("store", "collection", name=op.f(f"uq_{INDEXES}_store_collection")),
    )
    op.create_table(
        MEMBERS,
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("index_id", sa.Uuid(), nullable=False),
        *_common(),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["document_versions.id"],
            name=op.f(f"fk_{MEMBERS}_version_id_document_versions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["index_id"], [f"{INDEXES}.id"], name=op.f(f"fk_{MEMBERS}_index_id_{INDEXES}"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{MEMBERS}")),
        sa.UniqueConstraint("version_id", "index_id", name=op.f(f"uq_{MEMBERS}_version_id_index_id")),
    )
    for table in (INDEXES, MEMBERS):
        for column in ("created_at", "is_deleted", "organization_id"):
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {MAINTENANCE}")
    op.create_index(op.f(f"ix_{MEMBERS}_index_id"), MEMBERS, ["index_id"], unique=False)
    op.execute(
        f"CREATE POLICY tenant ON {MEMBERS} USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
    )
    # Indexes belong to the installation and say nothing of anybody's documents.
    op.execute(f"CREATE POLICY shared ON {INDEXES} USING (organization_id = {NOBODY})")


def _common() -> list[sa.Column[object]]:
    return [
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    ]


def _adopt() -> None:
    """Everything indexed so far lies in one index, whose store only the settings know."""
    op.execute(f"SET LOCAL ROLE {MAINTENANCE}")
    op.execute(
        """
        INSERT INTO search_indexes (organization_id, store, collection, model, plugins)
        SELECT '00000000-0000-0000-0000-000000000000'::uuid, '', '', min(v.embedding_model), '{}'
        FROM document_versions v WHERE v.embedding_model IS NOT NULL HAVING count(*) > 0
        """
    )
    op.execute(
        """
        INSERT INTO indexed_versions (organization_id, version_id, index_id)
        SELECT v.organization_id, v.id, i.id FROM document_versions v, search_indexes i
        WHERE v.embedding_model IS NOT NULL
        """
    )
    op.execute("RESET ROLE")


def downgrade() -> None:
    op.execute("DROP FUNCTION public.documents_moved_since(timestamptz)")
    op.execute("DROP FUNCTION public.index_progress(text)")
    op.drop_index("uq_document_chunks_version_id_chunk_index", "document_chunks")
    op.execute(f"SET LOCAL ROLE {MAINTENANCE}")
    op.execute("DELETE FROM document_chunks WHERE is_deleted")
    op.execute("RESET ROLE")
    op.create_unique_constraint(
        "uq_document_chunks_version_id_chunk_index", "document_chunks", ["version_id", "chunk_index"]
    )
    op.drop_column("document_versions", "chunking")
    op.drop_table(MEMBERS)
    op.drop_table(INDEXES)
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
