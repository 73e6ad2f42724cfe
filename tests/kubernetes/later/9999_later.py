"""A column that only a later release would use: an expansion, as every migration is, after the newest there is."""

from pathlib import Path

from alembic import op

_here = Path(__file__)
_numbers = sorted(file.name[:4] for file in _here.parent.glob("[0-9][0-9][0-9][0-9]_*.py") if file != _here)
revision = f"intake_{_here.name[:4]}"
down_revision = f"intake_{_numbers[-1]}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE materials ADD COLUMN note text NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute("ALTER TABLE materials DROP COLUMN note")
