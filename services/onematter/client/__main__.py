"""The `onematter` command."""

from __future__ import annotations

from onematter.client.cli import cli


def main() -> None:
    """Run the command line; exits with the code that `onematter --help` documents."""
    cli(prog_name="onematter")


if __name__ == "__main__":
    main()
