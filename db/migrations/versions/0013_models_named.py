"""With which model was an index made whose entry names none?

Until 0.4 an entry of the onnx embedding without ``model`` meant all-MiniLM-L6-v2. Another one is meant now; so what an
index was made with is written out, and it is still searched with its own model while its documents move.
"""

from __future__ import annotations

from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        UPDATE search_indexes
        SET plugins = jsonb_set(plugins, '{embedding,config}',
            jsonb_build_object('model', split_part(model, '/', 1), 'precision', split_part(model, '/', 2))
            || (plugins #> '{embedding,config}'))
        WHERE plugins #>> '{embedding,plugin}' LIKE 'plugins.embedding.onnx%' AND model LIKE 'all-MiniLM-L6-v2/%'
        """
    )
    # From the time before indexes were counted, when nothing was kept of how they were made.
    op.execute(
        """
        UPDATE search_indexes
        SET plugins = jsonb_build_object('embedding', jsonb_build_object(
            'plugin', 'plugins.embedding.onnx:OnnxEmbedding',
            'config', jsonb_build_object(
                'model', split_part(model, '/', 1), 'precision', split_part(model, '/', 2))))
        WHERE plugins = '{}' AND model LIKE 'all-MiniLM-L6-v2/%'
        """
    )


def downgrade() -> None:
    """Nothing to undo: what is written out is what was meant."""
