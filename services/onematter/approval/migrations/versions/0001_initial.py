"""The backbone's tables and the inbox.

`tasks_inbox` serves a department's own list, `tasks_waiting` one without all three filters, `tasks_ended` the
look back, `tasks_provisional` those to work out again; the primary key serves the tasks of one matter. Status: 1 open,
2 claimed, 3 decided, 4 recalled, 5 suspended, 6 revoked.
"""

from __future__ import annotations

from alembic import op

from onematter.backbone.schema import create_backbone_tables, drop_backbone_tables

revision = "approval_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables of an approval deployment."""
    create_backbone_tables(op)
    op.execute(
        """
        CREATE TABLE tasks (
            matter_id text COLLATE "C" NOT NULL,
            item_id text COLLATE "C" NOT NULL,
            level smallint NOT NULL,
            division text NOT NULL,
            department text NOT NULL,
            status smallint NOT NULL,
            promised_deadline_unix_ms bigint NOT NULL,
            legal_deadline_unix_ms bigint NOT NULL,
            matter_code text NOT NULL,
            claimed_by text NOT NULL,
            provisional boolean NOT NULL,
            task bytea NOT NULL,
            PRIMARY KEY (matter_id, item_id)
        )
        """
    )
    op.execute(
        """
        CREATE INDEX tasks_inbox
        ON tasks (level, division, department, promised_deadline_unix_ms, matter_id, item_id)
        WHERE status IN (1, 2, 5)
        """
    )
    op.execute(
        """
        CREATE INDEX tasks_waiting ON tasks (promised_deadline_unix_ms, matter_id, item_id)
        WHERE status IN (1, 2, 5)
        """
    )
    op.execute(
        """
        CREATE INDEX tasks_ended
        ON tasks (level, division, department, promised_deadline_unix_ms, matter_id, item_id)
        WHERE status IN (3, 4, 6)
        """
    )
    op.execute(
        """
        CREATE INDEX tasks_provisional ON tasks (matter_id, item_id)
        WHERE provisional AND status IN (1, 2, 5)
        """
    )


def downgrade() -> None:
    """Undo upgrade."""
    op.execute("DROP TABLE tasks")
    drop_backbone_tables(op)
