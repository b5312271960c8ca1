"""When did which version answer, and what is nearly the same as what?

A version may answer several times: it is put in force again when a later one was a mistake.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None

APP = "foundry_app"
MAINTENANCE = "foundry_maintenance"
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"
PERIODS, BANDS = "version_periods", "version_bands"

# An exclusion constraint over a uuid and a range would need btree_gist, which not every server has. Two open periods
# are kept out by the unique index, all else by this; whoever writes periods holds the document's row.
APART = """
    CREATE FUNCTION public.version_periods_apart() RETURNS trigger AS $$
    BEGIN
        IF EXISTS (
            SELECT 1 FROM public.version_periods p
            WHERE p.document_id = NEW.document_id AND p.id <> NEW.id
            AND tstzrange(p.valid_from, p.valid_to) && tstzrange(NEW.valid_from, NEW.valid_to)
        ) THEN
            RAISE EXCEPTION 'two versions of a document cannot answer at the same time'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'ex_version_periods_document_id';
        END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql SET search_path = pg_catalog
"""


def upgrade() -> None:
    op.create_table(
        PERIODS,
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        *_common(),
        _key(PERIODS, "document_id", "documents"),
        _key(PERIODS, "version_id", "document_versions"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{PERIODS}")),
        sa.CheckConstraint("valid_to > valid_from", name=op.f(f"ck_{PERIODS}_order")),
        sa.UniqueConstraint("document_id", "valid_from", name=op.f(f"uq_{PERIODS}_document_id_valid_from")),
    )
    op.create_index(
        f"uq_{PERIODS}_open", PERIODS, ["document_id"], unique=True, postgresql_where=sa.text("valid_to IS NULL")
    )
    op.create_index(op.f(f"ix_{PERIODS}_version_id"), PERIODS, ["version_id"])
    op.add_column("document_versions", sa.Column("signature", sa.LargeBinary(), nullable=True))
    op.add_column("document_versions", sa.Column("term_counts", sa.LargeBinary(), nullable=True))
    op.create_table(
        BANDS,
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("band", sa.BigInteger(), nullable=False),
        *_common(),
        _key(BANDS, "version_id", "document_versions"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{BANDS}")),
        sa.UniqueConstraint("version_id", "band", name=op.f(f"uq_{BANDS}_version_id_band")),
    )
    op.create_index(f"ix_{BANDS}_organization_id_band", BANDS, ["organization_id", "band"])
    for table in (PERIODS, BANDS):
        for column in ("created_at", "is_deleted", "organization_id"):
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant ON {table}"
            f" USING (organization_id = {TENANT}) WITH CHECK (organization_id = {TENANT})"
        )
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}, {MAINTENANCE}")
    _fill()
    op.execute(APART)
    op.execute(
        f"CREATE TRIGGER version_periods_apart BEFORE INSERT OR UPDATE ON {PERIODS}"
        " FOR EACH ROW EXECUTE FUNCTION public.version_periods_apart()"
    )


def _fill() -> None:
    """Up to now every version answered once; one that answers is open, whatever its row says."""
    op.execute(f"SET LOCAL ROLE {MAINTENANCE}")
    op.execute(
        """
        INSERT INTO version_periods (organization_id, document_id, version_id, valid_from, valid_to)
        SELECT v.organization_id, v.document_id, v.id, v.valid_from,
               CASE WHEN d.active_version_id = v.id THEN NULL ELSE v.valid_to END
        FROM document_versions v JOIN documents d ON d.id = v.document_id
        WHERE v.valid_from IS NOT NULL
        AND (d.active_version_id = v.id OR v.valid_to > v.valid_from)
        """
    )
    op.execute("RESET ROLE")


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete="CASCADE")


def _common() -> list[sa.Column[object]]:
    return [
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    ]


def downgrade() -> None:
    op.drop_table(BANDS)
    op.drop_column("document_versions", "term_counts")
    op.drop_column("document_versions", "signature")
    op.drop_table(PERIODS)
    op.execute("DROP FUNCTION public.version_periods_apart()")
