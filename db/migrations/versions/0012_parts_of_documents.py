"""Which document lay in the file of which, and which collection is somebody's own?

An attachment of a mail, or a member of an archive, is a document of its own and goes with the one it lay in. Files
that a person hands in for himself lie in a collection that nobody else reads.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels = None
depends_on = None

DOCUMENTS, PARENT = "documents", "parent_document_id"
COLLECTIONS, NAMES = "collections", "uq_collections_organization_id_name"


def upgrade() -> None:
    op.add_column(DOCUMENTS, sa.Column(PARENT, sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f(f"fk_{DOCUMENTS}_{PARENT}_{DOCUMENTS}"), DOCUMENTS, DOCUMENTS, [PARENT], ["id"], ondelete="CASCADE"
    )
    op.create_index(op.f(f"ix_{DOCUMENTS}_{PARENT}"), DOCUMENTS, [PARENT])
    op.add_column(COLLECTIONS, sa.Column("user_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f(f"fk_{COLLECTIONS}_user_id_users"), COLLECTIONS, "users", ["user_id"], ["id"], ondelete="CASCADE"
    )
    op.create_index(
        "uq_collections_user_id", COLLECTIONS, ["user_id"], unique=True, postgresql_where=sa.text("not is_deleted")
    )
    _names("not is_deleted and user_id is null")


def _names(of: str) -> None:
    op.drop_index(NAMES, COLLECTIONS)
    op.create_index(NAMES, COLLECTIONS, ["organization_id", "name"], unique=True, postgresql_where=sa.text(of))


def downgrade() -> None:
    op.drop_index("uq_collections_user_id", COLLECTIONS)
    op.execute("UPDATE collections SET name = name || ' ' || user_id WHERE user_id IS NOT NULL")
    op.drop_column(COLLECTIONS, "user_id")
    _names("not is_deleted")
    op.drop_index(op.f(f"ix_{DOCUMENTS}_{PARENT}"), DOCUMENTS)
    op.drop_column(DOCUMENTS, PARENT)
