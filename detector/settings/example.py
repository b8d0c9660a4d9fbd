"""Writes the commented settings file: each setting with meaning, bounds, variable and default."""

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from detector.settings.model import Settings, shipped_rules
from detector.settings.sources import variable_of

_HEAD = """\
# Every setting with its default, which applies unless this file sets another value. The environment
# variable named with a setting overrides both. This file is read as detector.toml in the working
# directory, or from the path in --config; relative paths in it start at the working directory."""


def example_toml() -> str:
    """Return the text of the commented file; every setting in it is commented out."""
    top = [name for name, field in Settings.model_fields.items() if not _section_of(field)]
    lines = [_HEAD]
    for name in top:
        lines += _setting((name,), Settings.model_fields[name])
    for name, field in Settings.model_fields.items():
        section = _section_of(field)
        if section is not None:
            lines += ["", f"# {section.__doc__}", f"[{name}]"]
            for member, inner in section.model_fields.items():
                lines += _setting((name, member), inner)
    return "\n".join(lines) + "\n"


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    section = field.annotation
    return section if isinstance(section, type) and issubclass(section, BaseModel) else None


def _setting(path: tuple[str, ...], field: FieldInfo) -> Iterator[str]:
    yield ""
    yield f"# {field.description}"
    limits = "; ".join(_limits(field))
    yield f"# {limits + '; ' if limits else ''}{variable_of(path)}"
    yield f"# {path[-1]} = {_toml(_default(field))}"


def _default(field: FieldInfo) -> object:
    if field.default_factory is None:
        return field.default
    if field.default_factory is shipped_rules:
        return "deploy/rules"
    return field.get_default(call_default_factory=True, validated_data={})


def _limits(field: FieldInfo) -> Iterator[str]:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    for rule in field.metadata:
        for name, word in words.items():
            bound = getattr(rule, name, None)
            if bound is not None:
                yield f"{word} {bound:,}".replace(",", "_")
    choices = _choices(field.annotation)
    if choices:
        yield "one of " + ", ".join(json.dumps(choice) for choice in choices)


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(choice.value) for choice in annotation]
    return []


def _toml(value: object) -> str:
    if isinstance(value, SecretStr) or value is None:
        return '""'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Enum):
        return json.dumps(value.value)
    return json.dumps(str(value) if isinstance(value, Path) else value)
