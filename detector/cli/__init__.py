"""The command line: what can be asked of the product, and what each exit code means.

Law: only ``typer`` is loaded here; what a command needs is loaded when it is given, so that
``--help`` answers at once.
"""

from detector.cli.commands import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line and exit with its code."""
    app()
