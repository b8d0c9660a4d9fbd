"""Members of an answer as XML of the query protocol.

Law: characters that XML cannot carry (most control characters) become U+FFFD. A carriage return
becomes a character reference, because a parser would turn it into a line feed.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from detector.cloudwatch.api.model import Shape

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CARRIAGE_RETURN = {"\r": "&#13;"}


def legal(text: str) -> str:
    """Return ``text`` with U+FFFD for characters that XML 1.0 cannot carry."""
    return _ILLEGAL.sub("\ufffd", text)


def elements(shape: Shape, members: Mapping[str, Any]) -> Iterator[str]:
    """Yield each member of a structure as an element; scalars are strings already."""
    for name, value in members.items():
        yield _element(name, shape.members[name], value)


def _element(name: str, shape: Shape, value: Any) -> str:
    return f"<{name}>{''.join(_inside(shape, value))}</{name}>"


def _inside(shape: Shape, value: Any) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        yield from elements(shape, value)
    elif kind == "list":
        for each in value:
            yield _element("member", shape.member, each)
    elif kind == "map":
        for key, each in value.items():
            pair = _element("key", shape.key, key) + _element("value", shape.value, each)
            yield f"<entry>{pair}</entry>"
    else:
        yield escape(legal(value), _CARRIAGE_RETURN)
