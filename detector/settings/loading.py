"""Loads the settings: environment over file over defaults, and reports all faults.

Law: an invalid setting prevents the start; nothing is guessed and nothing is ignored.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from detector.core.errors import Fault, SettingsError
from detector.settings.base import RelationFaults
from detector.settings.model import Settings, shipped_rules
from detector.settings.sources import (
    GivenEnvironment,
    TomlFile,
    misspelt_variables,
    read_toml,
    variable_of,
    variables_of,
)

DEFAULT_FILE = "detector.toml"

_SECRETS = {"password", "secret_access_key"}
"""Settings whose values are never shown."""

_EXPECTED_OF_TYPE = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "tuple_type": "a list, or names separated by commas",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": "a path",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def load(config: Path | None, env: Mapping[str, str]) -> Settings:
    """Read ``config``, overridden by the variables ``env``.

    Without ``config``, ``detector.toml`` in the working directory is read if it exists.
    Raises ``SettingsError`` with all faults.
    """
    if config is None and Path(DEFAULT_FILE).is_file():
        config = Path(DEFAULT_FILE)
    toml = read_toml(config)
    from_env = GivenEnvironment(Settings, env)()
    faults = list(misspelt_variables(env, variables_of(list(every_setting()))))
    try:
        settings = Settings(**_merged(toml.values, from_env))
    except ValidationError as error:
        faults += _faults_of(error, toml, from_env)
        faults.sort(key=lambda fault: (fault.file, fault.line))
        raise SettingsError(faults) from None
    if faults:
        raise SettingsError(faults)
    return settings


def likely_rules_dir(config: Path | None, env: Mapping[str, str]) -> Path:
    """Return the rules directory as far as it is known from settings that may be invalid."""
    if config is None and Path(DEFAULT_FILE).is_file():
        config = Path(DEFAULT_FILE)
    written = env.get(variable_of(("rules_dir",)))
    if written is None:
        try:
            written = read_toml(config).values.get("rules_dir")
        except SettingsError:
            written = None
    return Path(written) if isinstance(written, str) else shipped_rules()


def every_setting() -> Iterator[tuple[str, ...]]:
    """Yield the path of every setting: ``("broker",)``, ``("windows", "pane_seconds")``, ..."""
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from ((name, member) for member in section.model_fields)
        else:
            yield (name,)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            merged[name] = _merged(under, value)
        else:
            merged[name] = value
    return merged


def _faults_of(error: ValidationError, toml: TomlFile, env: Mapping[str, Any]) -> Iterator[Fault]:
    for detail in error.errors():
        if detail["type"] == "default_factory_not_called":
            continue  # A consequence of another fault.
        setting = tuple(str(step) for step in detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, RelationFaults):
            for relation in cause.relations:
                path = (*setting, relation.setting) if relation.setting else setting
                yield _fault(path, _shown(path, relation.found), relation.expected, toml, env)
        else:
            found, expected = _found_and_expected(setting, detail)
            yield _fault(setting, found, expected, toml, env)


def _fault(
    setting: tuple[str, ...], found: str, expected: str, toml: TomlFile, env: Mapping[str, Any]
) -> Fault:
    named = _setting_part(setting)
    if _holds(env, named):
        file, line = f"environment {variable_of(named)}", 0
    else:
        file, line = toml.location_of(setting)
    return Fault(line, ".".join(setting), found, expected, file)


def _found_and_expected(setting: tuple[str, ...], detail: ErrorDetails) -> tuple[str, str]:
    if detail["type"] == "extra_forbidden":
        return "an unknown setting", _known_names(setting)
    template = _EXPECTED_OF_TYPE.get(detail["type"])
    if template is None:
        expected = re.sub(r"^Input should be ", "", detail["msg"])
        expected = expected[:1].lower() + expected[1:]
    else:
        expected = template.format(
            **{name: _plain(value) for name, value in detail.get("ctx", {}).items()}
        )
    return _shown(setting, detail["input"]), expected


def _known_names(setting: tuple[str, ...]) -> str:
    siblings = [path for path in every_setting() if path[:-1] == setting[:-1]]
    names = [path[-1] for path in siblings]
    if len(setting) == 1:
        names += sorted({path[0] for path in every_setting() if len(path) > 1})
    close = difflib.get_close_matches(setting[-1], names, n=1)
    return close[0] if close else "one of " + ", ".join(names)


def _shown(setting: tuple[str, ...], value: object) -> str:
    if _SECRETS & set(setting):
        return "a secret"
    text = repr(str(value) if isinstance(value, Path) else value)
    return text if len(text) <= 120 else text[:117] + "..."  # noqa: PLR2004  (a line for a terminal)


def _plain(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value


def _setting_part(setting: tuple[str, ...]) -> tuple[str, ...]:
    known = set(every_setting())
    return (
        setting
        if setting in known
        else next((setting[:length] for length in (2, 1) if setting[:length] in known), setting)
    )


def _holds(values: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    inner: Any = values
    for step in path:
        if not (isinstance(inner, Mapping) and step in inner):
            return False
        inner = inner[step]
    return bool(path)
