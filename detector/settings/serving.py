"""Settings of the API, the history of reports, and metric alarms."""

import re
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from detector.core.errors import Fault, SettingsError
from detector.settings.base import OptionalFile, Relation, Section, refuse

_KEY_ID = r"^[A-Za-z0-9_]{3,128}$"
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
_LEAST_SECRET = 16


class ApiSection(Section):
    """CloudWatch's API: where it listens, who may call it, and its limits."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=253)
    """Address that the API listens on; any but loopback requires keys."""
    port: int = Field(default=9470, ge=0, le=65_535)
    """TCP port of the API; 0 means any free port."""
    aws_region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,64}$")
    """Region that clients sign for and that ARNs contain."""
    account_id: str = Field(default="000000000000", pattern=r"^[0-9]{12}$")
    """Account in ARNs: twelve digits."""
    access_key_id: str = Field(default="", pattern=rf"{_KEY_ID}|^$")
    """Id of the key that requests must be signed with; empty means unsigned requests."""
    secret_access_key: SecretStr = SecretStr("")
    """Secret of that key; prefer `secret_access_key_file` or the environment to this file."""
    secret_access_key_file: OptionalFile = None
    """File with the secret, instead of `secret_access_key`."""
    keys_file: OptionalFile = None
    """File with more keys, one per line: the id, white space, the secret."""
    request_kibibytes: int = Field(default=1024, ge=16, le=65_536)
    """Maximum size of a request body in kibibytes."""
    request_seconds: float = Field(default=30.0, ge=0.1, le=600)
    """Timeout of a request in seconds."""
    requests_at_once: int = Field(default=64, ge=1, le=10_000)
    """Maximum concurrent requests; further ones are throttled."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        secret, file = self.secret_access_key.get_secret_value(), self.secret_access_key_file
        broken = []
        if self.access_key_id and not secret and file is None:
            expected = "the path of a file (or secret_access_key), because access_key_id is given"
            broken.append(Relation("secret_access_key_file", "", expected))
        if secret and file is not None:
            expected = "nothing, because secret_access_key is given as well"
            broken.append(Relation("secret_access_key_file", str(file), expected))
        if (secret or file is not None) and not self.access_key_id:
            broken.append(Relation("access_key_id", "", "the id that the secret belongs to"))
        if not self.asks_for_keys and not _LOOPBACK.fullmatch(self.host):
            expected = "a loopback address, because no keys are given"
            broken.append(Relation("host", self.host, expected))
        refuse(broken)
        return self

    @property
    def asks_for_keys(self) -> bool:
        """Whether requests must be signed."""
        return bool(self.access_key_id) or self.keys_file is not None

    def secrets(self) -> dict[str, str]:
        """Return the secrets by key id, read from their files.

        Raises ``SettingsError`` if a file cannot be read or is invalid.
        """
        found: dict[str, str] = {}
        if self.access_key_id:
            secret = self.secret_access_key.get_secret_value()
            if self.secret_access_key_file is not None:
                text = _text_of("secret_access_key_file", self.secret_access_key_file)
                secret = text.strip("\r\n")
            found[self.access_key_id] = secret
        if self.keys_file is not None:
            found |= _keys_of(self.keys_file, frozenset(found))
        short = [key_id for key_id, secret in found.items() if len(secret) < _LEAST_SECRET]
        if short:
            expected = f"at least {_LEAST_SECRET} characters"
            raise _refused(0, "", f"a shorter secret for {', '.join(short)}", expected)
        return found


def _keys_of(file: Path, taken: frozenset[str]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for number, line in enumerate(_text_of("keys_file", file).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = line.split()
        if len(words) != 2 or not re.match(_KEY_ID, words[0]):  # noqa: PLR2004  (id and secret)
            raise _refused(number, str(file), "another line", "an id, white space and a secret")
        if words[0] in keys or words[0] in taken:
            raise _refused(number, str(file), f"{words[0]!r} again", "every id once")
        keys[words[0]] = words[1]
    if not keys:
        raise _refused(0, str(file), "no key", "at least one")
    return keys


def _text_of(setting: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        expected = "a file of UTF-8 text that can be read"
        raise SettingsError([Fault(0, f"api.{setting}", repr(str(file)), expected)]) from error


def _refused(line: int, file: str, found: str, expected: str) -> SettingsError:
    return SettingsError([Fault(line, "api.keys_file" if file else "api", found, expected, file)])


class HistorySection(Section):
    """The history of reports, a file that ranges and metrics are read from."""

    path: Path = Path("detector-history.duckdb")
    """File of the history; if it is missing, it is rebuilt from the reports topic."""
    retention_days: int = Field(default=15, ge=1, le=60)
    """Days that reports are kept; a rebuilt file has only those that the topic still has."""
    most_reports: int = Field(default=20_000_000, ge=1_000, le=1_000_000_000)
    """Maximum reports kept; beyond that the oldest hours are deleted."""
    most_subjects: int = Field(default=10_000, ge=10, le=1_000_000)
    """Maximum rules and fleets kept; reports of others are counted and not kept."""
    contributors: int = Field(default=500, ge=1, le=500)
    """Maximum contributors kept per report; it lists at most `alarms.top_n`."""
    memory_mebibytes: int = Field(default=512, ge=64, le=65_536)
    """Maximum memory of the database in mebibytes."""
    threads: int = Field(default=2, ge=1, le=64)
    """Threads of the database."""
    read_seconds: float = Field(default=10.0, ge=0.1, le=600)
    """Timeout of one read in seconds."""


class MetricAlarmsSection(Section):
    """Metric, composite and contributor alarms: how many, and how long they wait for data."""

    most_alarms: int = Field(default=20_000, ge=1, le=100_000)
    """Maximum alarms; further ones are refused."""
    most_mute_rules: int = Field(default=1_000, ge=1, le=10_000)
    """Maximum mute rules; further ones are refused."""
    most_history_items: int = Field(default=50_000, ge=100, le=1_000_000)
    """Maximum items of the alarms' history in memory; beyond that the oldest are dropped."""
    contributors_in_alarm: int = Field(default=100, ge=1, le=10_000)
    """Maximum contributors in ALARM at once for one alarm per contributor."""
    patience_seconds: float = Field(default=60.0, ge=10, le=3_600)
    """Maximum wait for reports, in seconds; then alarms are evaluated without them."""
    catch_up_minutes: int = Field(default=15, ge=1, le=1_440)
    """Minutes that are caught up after an interruption of evaluation; the rest is skipped."""
