"""The backbone's tables and the calls that are due."""

from __future__ import annotations

from alembic import op

from onematter.backbone.schema import create_backbone_tables, drop_backbone_tables

revision = "exchange_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables of the exchange."""
    create_backbone_tables(op)
    op.execute(
        """
        CREATE TABLE calls (
            matter_id text COLLATE "C" NOT NULL,
            material_id text COLLATE "C" NOT NULL,
            source text COLLATE "C" NOT NULL,
            attempt integer NOT NULL,
            due timestamptz NOT NULL,
            PRIMARY KEY (matter_id, material_id)
        )
        """
    )
    op.execute("CREATE INDEX calls_due ON calls (due, source)")


def downgrade() -> None:
    """Undo upgrade."""
    op.execute("DROP TABLE calls")
    drop_backbone_tables(op)
