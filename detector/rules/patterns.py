"""Regular expressions of rules, in RE2: its time is linear in the text for every pattern.

Source of the syntax: github.com/google/re2/wiki/Syntax. A pattern is searched anywhere in the text
and is case-sensitive, unless it says otherwise (``^``, ``$``, ``(?i)``).
"""

from collections.abc import Callable
from functools import lru_cache

import re2

PATTERN_CHARACTERS = 256
"""Longest pattern."""

COMPILED_BYTES = 1 << 18
"""Upper bound of the memory of one compiled pattern; a larger pattern is refused."""

REMEMBERED = 4_096
"""Compiled patterns in the cache; a pattern that was evicted is compiled again."""


def pattern_fault(pattern: str) -> str:
    """Return what is wrong with a pattern, "" when it can be used."""
    if len(pattern) > PATTERN_CHARACTERS:
        return f"{len(pattern)} characters"
    try:
        searcher(pattern)
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(maxsize=REMEMBERED)
def searcher(pattern: str) -> Callable[[str], bool]:
    """Compile a pattern into a predicate of a text. Raise ``ValueError`` when it is invalid."""
    options = re2.Options()
    options.max_mem = COMPILED_BYTES
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
    except re2.error as error:
        message = error.args[0]
        text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
        raise ValueError(text) from error

    def passes(text: str) -> bool:
        return search(text) is not None

    return passes
