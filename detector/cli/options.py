"""Options that several commands share, and how the settings are read for them."""

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
        help="Settings file; default detector.toml in the working directory, if there is one.",
        show_default=False,
    ),
]


class Output(StrEnum):
    """How data is printed."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="A table for people, or JSON for programs.")
]


def read_settings(config: Path | None) -> "Settings":
    """Read the settings of this process; ``SettingsError`` with every fault."""
    from detector.settings import load  # noqa: PLC0415  (slow, and --help does not need it)

    return load(config, os.environ)


def note(text: str) -> None:
    """Say something beside the data."""
    print(text, file=sys.stderr)
