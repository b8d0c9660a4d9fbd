"""Regular expressions of rules: RE2, which takes time linear in the text whatever the pattern.

Source of the syntax: github.com/google/re2/wiki/Syntax. A pattern is searched anywhere in the text,
case-sensitive, unless it says otherwise (``^``, ``$``, ``(?i)``).
"""

from collections.abc import Callable
from functools import lru_cache

import re2

PATTERN_CHARACTERS = 256
"""Longest pattern."""

COMPILED_BYTES = 1 << 18
"""Most memory of one compiled pattern, so that no pattern can ask for a machine without end."""

REMEMBERED = 4_096
"""Compiled patterns that are kept; one that has been forgotten is compiled again."""


def pattern_fault(pattern: str) -> str:
    """Say what is wrong with a pattern, empty when it can be used."""
    if len(pattern) > PATTERN_CHARACTERS:
        return f"{len(pattern)} characters"
    try:
        searcher(pattern)
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(maxsize=REMEMBERED)
def searcher(pattern: str) -> Callable[[str], bool]:
    """Compile a pattern into a question about a text. ``ValueError`` says why it is none."""
    options = re2.Options()
    options.max_mem = COMPILED_BYTES
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
    except re2.error as error:
        told = error.args[0]
        raise ValueError(told.decode(errors="replace") if isinstance(told, bytes) else told) from (
            error
        )

    def passes(text: str) -> bool:
        return search(text) is not None

    return passes
