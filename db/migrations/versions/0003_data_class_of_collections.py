"""How far may the text of a collection travel?"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collections", sa.Column("data_class", sa.String(), server_default="internal", nullable=False))
    op.create_check_constraint(
        op.f("ck_collections_data_class"), "collections", "data_class in ('internal', 'confidential')"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_collections_data_class"), "collections")
    op.drop_column("collections", "data_class")
