"""Sources of settings: a TOML file with the line of each key, and the environment.

Known limit: lines are found by scanning the text again for keys; a key inside a multi-line string
may be mistaken for the setting. This affects only the line number in a message.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from detector.core.errors import Fault, SettingsError

ENV_PREFIX = "DETECTOR_"
NESTED = "__"

_TABLE = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_STEP = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_SYNTAX = re.compile(
    r"^(?P<what>.*?) \((?:at (?:line (?P<line>\d+), column \d+|end of document))\)$"
)

Path_ = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TomlFile:
    """The values of a settings file, and the line of each key and table."""

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[Path_, int] = field(default_factory=dict)

    def location_of(self, setting: Path_) -> tuple[str, int]:
        """Return the file, and the line of the setting or of the nearest enclosing table."""
        for length in range(len(setting), 0, -1):
            line = self.lines.get(setting[:length])
            if line is not None:
                return str(self.path), line
        return str(self.path or "settings"), 0


def read_toml(path: Path | None) -> TomlFile:
    """Read a settings file; ``None`` is an empty one.

    Raises ``SettingsError`` if it cannot be read or parsed.
    """
    if path is None:
        return TomlFile()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        expected = "a settings file that can be read: check the path and its permissions"
        reason = error.strerror or "no readable file"
        raise SettingsError([Fault(0, "", reason.lower(), expected, str(path))]) from error
    except UnicodeDecodeError as error:
        found = f"a byte that is not UTF-8 at offset {error.start}"
        raise SettingsError([Fault(0, "", found, "TOML in UTF-8", str(path))]) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([_syntax_fault(path, text, str(error))]) from error
    return TomlFile(path, values, dict(_lines_of_keys(text)))


class GivenEnvironment(EnvSettingsSource):
    """Environment variables from a given mapping instead of the process."""

    def __init__(self, settings_class: type[BaseSettings], env: Mapping[str, str]) -> None:
        """Read ``DETECTOR_*`` from ``env``."""
        self._given = env
        super().__init__(settings_class)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._given.items()}

    def decode_complex_value(
        self,
        field_name: str,  # noqa: ARG002
        field: FieldInfo,  # noqa: ARG002
        value: Any,
    ) -> Any:
        """Read lists and tables written as JSON; leave other text to the setting's own rules."""
        if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
            try:
                return json.loads(value)
            except json.JSONDecodeError:
                return value
        return value


def variable_of(setting: Path_) -> str:
    """Return the environment variable that sets ``setting``."""
    return ENV_PREFIX + NESTED.join(setting).upper()


def variables_of(settings: Iterable[Path_]) -> frozenset[str]:
    """Return the environment variables of ``settings``."""
    return frozenset(map(variable_of, settings))


def misspelt_variables(env: Mapping[str, str], known: frozenset[str]) -> Iterator[Fault]:
    """Find variables that look like a misspelt setting.

    Other programs may use the prefix too, so only a name close to a setting is a fault; members of
    a section are checked by the section.
    """
    sections = {name.split(NESTED)[0] for name in known if NESTED in name}
    for name in sorted(env):
        upper = name.upper()
        if not upper.startswith(ENV_PREFIX) or upper in known or upper in sections:
            continue
        section, nested, _rest = upper.partition(NESTED)
        if nested and section in sections:
            continue  # The section itself refuses unknown members.
        close = difflib.get_close_matches(upper, known | sections, n=1, cutoff=0.9)
        if close:
            yield Fault(0, "", "an unknown variable", close[0], f"environment {name}")


def _syntax_fault(path: Path, text: str, message: str) -> Fault:
    match = _SYNTAX.match(message)
    expected = "lines like key = value under headers like [section]"
    line = 0
    if match is not None:
        message = match["what"]
        line = int(match["line"] or len(text.splitlines()) or 1)
    found = f"no TOML ({message[:1].lower()}{message[1:]})"
    return Fault(line, "", found, expected, str(path))


def _lines_of_keys(text: str) -> Iterator[tuple[Path_, int]]:
    table: Path_ = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _TABLE.match(line)
        if header:
            table = _steps(header[1])
            yield table, number
            continue
        key = _KEY.match(line)
        if key:
            yield table + _steps(key[1]), number


def _steps(dotted: str) -> Path_:
    return tuple(step.strip("\"'") for step in _STEP.findall(dotted))
