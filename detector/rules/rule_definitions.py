"""The definitions of rule files as they are written, to be shown and to be changed from."""

from pathlib import Path


def read_definition(directory: Path, name: str) -> str:
    """Return the text of the file of rule ``name``; "" when it cannot be read any more."""
    try:
        return (directory / f"{name}.json").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
