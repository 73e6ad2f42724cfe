"""The backbone's tables; notification needs no others."""

from __future__ import annotations

from alembic import op

from onematter.backbone.schema import create_backbone_tables, drop_backbone_tables

revision = "notification_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables of a notification deployment."""
    create_backbone_tables(op)


def downgrade() -> None:
    """Undo upgrade."""
    drop_backbone_tables(op)
