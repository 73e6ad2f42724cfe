"""The backbone's tables, the contents of materials by digest, and the matters whose deadlines are provisional."""

from __future__ import annotations

from alembic import op

from onematter.backbone.schema import create_backbone_tables, drop_backbone_tables

revision = "intake_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables of intake."""
    create_backbone_tables(op)
    op.execute(
        """
        CREATE TABLE materials (
            digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
            size_bytes bigint NOT NULL,
            content bytea NOT NULL
        )
        """
    )
    # Read in slices, and mostly compressed already.
    op.execute("ALTER TABLE materials ALTER COLUMN content SET STORAGE EXTERNAL")
    op.execute(
        """
        CREATE TABLE provisional_matters (
            matter_id text COLLATE "C" PRIMARY KEY,
            years integer[] NOT NULL,
            is_missing boolean NOT NULL
        )
        """
    )


def downgrade() -> None:
    """Undo upgrade."""
    op.execute("DROP TABLE provisional_matters")
    op.execute("DROP TABLE materials")
    drop_backbone_tables(op)
