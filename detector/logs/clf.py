r"""Splits lines of Common Log Format, and any other line of fields, into tokens.

White space separates fields. Double quotes or square brackets enclose one field and are not part of
it. Inside quotes ``\"`` and ``\\`` stand for ``"`` and ``\``; every other backslash is literal. A
field without them may contain quotes and brackets. It may also begin with ``[...]`` if more text
follows without a space (``[::1]:80``).

Law: a line is tokenised as a whole or refused; nothing raises. Bounds: 65,536 characters and 256
fields per line.

Sources: Apache HTTP Server, "Log Files", Common Log Format, and its escaping of ``%r``; CloudWatch
User Guide, "Contributor Insights rule syntax", for positions that begin at 1.
"""

import re
from datetime import datetime
from typing import Final

from detector.logs.event_time import EARLIEST_MS, LATEST_MS

MAX_CHARACTERS: Final = 65_536
MAX_FIELDS: Final = 256

_FIELD = re.compile(
    r'"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*+)"(?=\s|\Z)'
    r"|\[(?P<bracketed>[^\]]*+)\](?=\s|\Z)"
    r'|(?P<bare>[^\s"\[]\S*+|\[[^\s\]]*+\]\S++)',
    re.DOTALL,
)
_SPACE = re.compile(r"\s*+")
_ESCAPE = re.compile(r'\\(["\\])')
_JSON = re.compile(r'\s*(?:\{|\[\s*(?:[\[{"\]]|\Z))')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TIME = re.compile(r"[0-9]{1,2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}")
_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def looks_like_text(text: str) -> bool:
    """Say whether a text may be lines of fields: no control characters and no broken JSON."""
    return _JSON.match(text) is None and _CONTROL.search(text) is None


def tokenise(line: str) -> list[str] | str:
    """Return the fields of one line, or a message that says what is wrong with it."""
    if len(line) > MAX_CHARACTERS:
        return f"the line has {len(line)} characters, at most {MAX_CHARACTERS} are read"
    tokens: list[str] = []
    position = _end_of_space(line, 0)
    while position < len(line):
        if len(tokens) == MAX_FIELDS:
            return f"the line has more than {MAX_FIELDS} fields"
        found = _FIELD.match(line, position)
        if found is None:
            mark = "quote" if line[position] == '"' else "bracket"
            return f"the {mark} that opens field {len(tokens) + 1} is not closed before a space"
        tokens.append(_text(found))
        position = _end_of_space(line, found.end())
    return tokens or "the line has no fields"


def time_in(tokens: list[str]) -> int | None:
    """Return the first time of the form ``10/Oct/2000:13:55:36 -0700``, in epoch milliseconds.

    As for all events, times are from 2000 to 2100; other tokens of this form are skipped.
    """
    times = (_read_time(token) for token in tokens if _TIME.fullmatch(token))
    return next((ms for ms in times if ms is not None), None)


def _read_time(token: str) -> int | None:
    day, month, rest = token.split("/")
    if month not in _MONTHS:
        return None
    year, clock = rest.split(":", 1)
    # strptime's %b depends on the locale of the machine.
    text = f"{year}-{_MONTHS.index(month) + 1:02}-{int(day):02} {clock}"
    try:
        ms = int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z").timestamp()) * 1000
    except ValueError:
        return None
    return ms if EARLIEST_MS <= ms < LATEST_MS else None


def _end_of_space(line: str, position: int) -> int:
    found = _SPACE.match(line, position)
    return position if found is None else found.end()


def _text(found: re.Match[str]) -> str:
    quoted = found["quoted"]
    if quoted is not None:
        return _ESCAPE.sub(r"\1", quoted) if "\\" in quoted else quoted
    return found["bracketed"] if found["bracketed"] is not None else found["bare"]
