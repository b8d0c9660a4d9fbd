"""What a part of the quality benchmark is given, and what it returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Options:
    """How the benchmark was called; ``say`` reports progress."""

    data: Path
    quick: bool
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a part found.

    ``figures`` joins the JSON object; ``shortfalls`` says in one line each what falls short of what
    it must reach, and is empty when nothing does.
    """

    figures: Mapping[str, Any]
    tables: list[Table] = field(default_factory=list)
    shortfalls: list[str] = field(default_factory=list)


Part = Callable[[Options], Result]
