"""Prints data on stdout: as a table, or as JSON with one value per line.

Law: text from producers is escaped and never parsed as markup.
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
    """Return a console for stdout; it honours ``NO_COLOR`` and uses long lines in a pipe."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_PIPE_COLUMNS if piped else None, highlight=False, soft_wrap=False)


def safe(value: object) -> Text:
    """Return ``value`` as text that is safe for a terminal; a tuple has one line per item."""
    if isinstance(value, tuple):
        return Text("\n").join(map(safe, value))
    return Text("" if value is None else escape_controls(str(value)))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*map(safe, row))
    console().print(table)


def warning_line(warning: Fault) -> str:
    """Return the line for a rule member that CloudWatch would refuse."""
    return f"{warning} (CloudWatch would refuse it)"


def print_json(value: object) -> None:
    """Print one value as one line of JSON."""
    print(escape_controls_of_json(msgspec.json.encode(value).decode()), flush=True)
