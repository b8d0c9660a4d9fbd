"""Prints data on stdout: as a table, or as JSON, one value a line.

Law: whatever came from a producer is escaped, and is never read as markup.
"""

import os
import sys
from collections.abc import Iterable, Sequence

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detector.core.errors import Fault
from detector.core.safe_text import escape_controls, escape_controls_of_json

_PIPE_COLUMNS = 240


def console() -> Console:
    """Return a console for stdout; ``NO_COLOR`` is obeyed, and a pipe gets long lines."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_PIPE_COLUMNS if piped else None, highlight=False, soft_wrap=False)


def safe(value: object) -> Text:
    """Return ``value`` as text that can do nothing to the terminal; a tuple is one line each."""
    if isinstance(value, tuple):
        return Text("\n").join(map(safe, value))
    return Text("" if value is None else escape_controls(str(value)))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*map(safe, row))
    console().print(table)


def warning_line(warning: Fault) -> str:
    """Say what CloudWatch would refuse of a rule that is read here."""
    return f"{warning} (CloudWatch would refuse it)"


def print_json(value: object) -> None:
    """Print one value as one line of JSON."""
    print(escape_controls_of_json(msgspec.json.encode(value).decode()), flush=True)
