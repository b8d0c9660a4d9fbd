"""What every section of the settings has in common: it is frozen, closed, and can accuse itself.

Law: a section never holds a name that nobody reads, and never changes after start.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


class Relation(NamedTuple):
    """One broken relation between settings: which member, what it holds, what was expected.

    A validator of a single member leaves ``setting`` empty.
    """

    setting: str
    found: object
    expected: str


class RelationFaults(ValueError):  # noqa: N818  (it holds faults, and is never shown as such)
    """Carries every broken relation of one section through pydantic to the loader."""

    def __init__(self, relations: Iterable[Relation]) -> None:
        """Keep the relations."""
        self.relations = tuple(relations)
        super().__init__("; ".join(f"{each.setting}: {each.expected}" for each in self.relations))


class Section(BaseModel):
    """A frozen table of settings that refuses unknown names."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True
    )


def refuse(relations: Iterable[Relation]) -> None:
    """Raise ``RelationFaults`` when there is any relation in ``relations``."""
    found = tuple(relations)
    if found:
        raise RelationFaults(found)


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _existing(path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        refuse([Relation("", str(path), "the path of a file that exists")])
    return path


OptionalFile = Annotated[Path | None, BeforeValidator(_none_if_empty), AfterValidator(_existing)]
"""None for the empty text, else a path that names a file at the time the settings are read."""


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(each.strip() for each in value.split(",") if each.strip())
    return value


SplitAtCommas = BeforeValidator(_split)
"""Lets a list be written as one text with commas, as environment variables must."""
