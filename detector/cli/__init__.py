"""The command line: commands, options and exit codes.

Law: only ``typer`` is imported at the start; each command imports what it needs when it runs, so
``--help`` is fast.
"""

from detector.cli.commands import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line and exit with its code."""
    app()
