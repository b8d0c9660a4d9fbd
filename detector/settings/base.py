"""The common base of all sections of the settings, and how a section reports broken relations.

Law: a section refuses unknown names and never changes after start.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


class Relation(NamedTuple):
    """One broken relation between settings: the member, its value, and what was expected.

    A validator of a single member leaves ``setting`` empty.
    """

    setting: str
    found: object
    expected: str


class RelationFaults(ValueError):  # noqa: N818  (it holds faults and is never shown itself)
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
    """Raise ``RelationFaults`` if ``relations`` has any member."""
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
"""``None`` for the empty text, else the path of a file that exists when settings are read."""


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(each.strip() for each in value.split(",") if each.strip())
    return value


SplitAtCommas = BeforeValidator(_split)
"""Accepts a list as one text with commas, as in environment variables."""
