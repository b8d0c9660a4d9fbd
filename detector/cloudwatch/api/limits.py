"""The limits that the model states: lengths, ranges, patterns and closed lists.

Known limit: RE2 runs the patterns and counts characters where AWS counts UTF-16 units; the counts
differ outside the basic plane only.
"""

from functools import cache
from typing import Any

import re2

from detector.cloudwatch.api.model import Shape

_LENGTHS = {"string": "characters", "blob": "bytes", "list": "members", "map": "entries"}


def within_model(shape: Shape, value: Any) -> str | None:
    """Return what the model expects of a request's ``value``; ``None`` when it is valid."""
    kind, limits = shape.type_name, shape.metadata
    measured = len(value) if kind in _LENGTHS else value
    unit = f" {_LENGTHS[kind]}" if kind in _LENGTHS else ""
    least, most = limits.get("min"), limits.get("max")
    if least is not None and not measured >= least:
        return f"at least {least:,}{unit}".replace(",", "_")
    if most is not None and not measured <= most:
        return f"at most {most:,}{unit}".replace(",", "_")
    if kind == "string" and (expected := closed_list(shape, value)):
        return expected
    pattern = limits.get("pattern")
    if pattern is not None and compiled(pattern).fullmatch(value) is None:
        return f"text that matches {pattern}"
    return None


def closed_list(shape: Shape, value: Any) -> str | None:
    """Return which values the model allows if ``value`` is not one; applies to answers too."""
    if shape.type_name == "string" and shape.enum and value not in shape.enum:
        return f"one of {', '.join(shape.enum)}"
    return None


@cache
def compiled(pattern: str) -> Any:
    """Return a pattern of the model, compiled to a matcher that runs in linear time."""
    return re2.compile(pattern)
