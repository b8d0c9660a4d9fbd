"""Several texts as one, so that a database can hold, group and sort them as one value.

Law: texts compare as the tuples do (element by element, by code point; a shorter one first), they
hold no NUL, and every tuple comes back as it was.

Theory of operation: every element ends with U+0001. Characters below U+0003 would sort wrongly or
be taken for an end, and are written as U+0002 and the character three places further.
"""

from typing import Final

_END: Final = "\x01"
_MARK: Final = "\x02"
_WRITTEN: Final = {code: f"{_MARK}{chr(code + 3)}" for code in range(3)}
_READ: Final = {chr(code + 3): chr(code) for code in range(3)}


def key_text(keys: tuple[str, ...]) -> str:
    """Write ``keys`` as one text."""
    return "".join(each.translate(_WRITTEN) + _END for each in keys)


def keys_of(text: str) -> tuple[str, ...]:
    """Read what ``key_text`` wrote."""
    return tuple(_read(each) if _MARK in each else each for each in text.split(_END)[:-1])


def _read(written: str) -> str:
    plain, *marked = written.split(_MARK)
    return plain + "".join(_READ[each[0]] + each[1:] for each in marked)
