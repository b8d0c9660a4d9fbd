"""Options that several commands share, and the reading of the settings."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from detector.settings import Settings

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="DETECTOR_CONFIG",
        help="Settings file; default detector.toml in the working directory, if it exists.",
        show_default=False,
    ),
]


class Output(StrEnum):
    """Output formats."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="A table for people, or JSON for programs.")
]


def read_settings(config: Path | None) -> "Settings":
    """Read the settings of this process; raises ``SettingsError`` with all faults."""
    from detector.settings import load  # noqa: PLC0415  (slow, and --help does not need it)

    return load(config, os.environ)


def note(text: str) -> None:
    """Print a note to stderr, apart from the data."""
    print(text, file=sys.stderr)
