"""A tuple of strings as one string, which a database can store, group and sort as one value.

Law: the strings compare as the tuples do (element by element, by code point; a prefix first), they
contain no NUL, and every tuple decodes to itself.

Theory of operation: every element ends with U+0001. Characters below U+0003 would sort wrongly or
look like an end; they are escaped as U+0002 and the character three code points higher.
"""

from typing import Final

_END: Final = "\x01"
_MARK: Final = "\x02"
_WRITTEN: Final = {code: f"{_MARK}{chr(code + 3)}" for code in range(3)}
_READ: Final = {chr(code + 3): chr(code) for code in range(3)}


def key_text(keys: tuple[str, ...]) -> str:
    """Encode ``keys`` as one string."""
    return "".join(each.translate(_WRITTEN) + _END for each in keys)


def keys_of(text: str) -> tuple[str, ...]:
    """Decode a string that ``key_text`` returned."""
    return tuple(_read(each) if _MARK in each else each for each in text.split(_END)[:-1])


def _read(written: str) -> str:
    plain, *marked = written.split(_MARK)
    return plain + "".join(_READ[each[0]] + each[1:] for each in marked)
