"""The backbone's tables and the archived records."""

from __future__ import annotations

from alembic import op

from onematter.backbone.schema import create_backbone_tables, drop_backbone_tables

revision = "archive_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables of an archive deployment."""
    create_backbone_tables(op)
    # A chunk is a few KB: in the page it costs one write, and what is larger goes beside it as it is.
    op.execute(
        """
        CREATE TABLE records (
            matter_id text COLLATE "C" NOT NULL,
            chunk bigint NOT NULL,
            records bytea NOT NULL,
            PRIMARY KEY (matter_id, chunk)
        ) WITH (toast_tuple_target = 8160)
        """
    )
    op.execute("ALTER TABLE records ALTER COLUMN records SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Undo upgrade."""
    op.execute("DROP TABLE records")
    drop_backbone_tables(op)
