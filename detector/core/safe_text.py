"""Escapes text from log records for display on a terminal.

Law: text from a producer can never move the cursor, change colours, end a line or reverse the text
direction; printable text of any language stays unchanged.
"""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def escape_controls(text: str) -> str:
    """Replace every control character with its Python escape: a backslash and x1b for ESC."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def escape_controls_of_json(text: str) -> str:
    """Replace every control character in one line of JSON with its escape; the value stays."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
