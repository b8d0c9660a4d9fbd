"""Settings of the process itself: Kafka, its security, the topics, tallies and telemetry."""

import ipaddress
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from detector.core.errors import Fault, SettingsError
from detector.settings.base import OptionalFile, Relation, Section, refuse


class SecuritySection(Section):
    """Encryption and authentication of all Kafka clients."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Security protocol of the broker's listener."""
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = ""
    """SASL mechanism; required by the SASL protocols."""
    username: str = Field(default="", max_length=1000)
    """User name for PLAIN and SCRAM."""
    password: SecretStr = SecretStr("")
    """Password for PLAIN and SCRAM; prefer `password_file` or the environment to this file."""
    password_file: OptionalFile = None
    """File with the password, instead of `password`."""
    ca_file: OptionalFile = None
    """File with the trusted CA certificates, PEM; empty means those of the system."""
    certificate_file: OptionalFile = None
    """File with the client's certificate chain, PEM."""
    key_file: OptionalFile = None
    """File with the client's private key, PEM, not encrypted."""
    oauth_callback: str = Field(default="", pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")
    """`module:function` that returns (token, expiry in epoch seconds) for OAUTHBEARER."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        refuse([*self._sasl_relations(), *self._file_relations()])
        return self

    def values(self) -> dict[str, Any]:
        """Return plain values for the clients, with the password read from its file.

        Raises ``SettingsError`` if the file cannot be read.
        """
        password = self.password.get_secret_value()
        if self.password_file is not None:
            try:
                password = self.password_file.read_text(encoding="utf-8").strip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                expected = "a file of UTF-8 text that can be read"
                fault = Fault(0, "security.password_file", repr(str(self.password_file)), expected)
                raise SettingsError([fault]) from error
        return {
            "protocol": self.protocol,
            "mechanism": self.sasl_mechanism,
            "username": self.username,
            "password": password,
            "ca_file": self.ca_file,
            "certificate_file": self.certificate_file,
            "key_file": self.key_file,
            "oauth_callback": self.oauth_callback,
        }

    def _sasl_relations(self) -> list[Relation]:
        sasl = self.protocol.startswith("SASL_")
        if not sasl:
            expected = f"nothing, because protocol is {self.protocol!r}"
            return (
                [Relation("sasl_mechanism", self.sasl_mechanism, expected)]
                if self.sasl_mechanism
                else []
            )
        if not self.sasl_mechanism:
            expected = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, because protocol is "
            return [Relation("sasl_mechanism", "", f"{expected}{self.protocol!r}")]
        why = f"because sasl_mechanism is {self.sasl_mechanism!r}"
        if self.sasl_mechanism == "OAUTHBEARER":
            missing = not self.oauth_callback
            return [Relation("oauth_callback", "", f"module:function, {why}")] if missing else []
        broken = []
        if not self.username:
            broken.append(Relation("username", "", f"a user name, {why}"))
        if not self.password.get_secret_value() and self.password_file is None:
            broken.append(Relation("password_file", "", f"the path of a file (or password), {why}"))
        return broken

    def _file_relations(self) -> list[Relation]:
        broken = []
        if self.password.get_secret_value() and self.password_file is not None:
            expected = "nothing, because password is given as well"
            broken.append(Relation("password_file", str(self.password_file), expected))
        if (self.certificate_file is None) != (self.key_file is None):
            missing = "certificate_file" if self.certificate_file is None else "key_file"
            expected = "a path: certificate_file and key_file go together"
            broken.append(Relation(missing, "", expected))
        return broken


class KafkaSection(Section):
    """Consumer group, commits and queue sizes."""

    session_timeout_seconds: float = Field(default=10.0, ge=6, le=1800)
    """Seconds without a heartbeat after which the group reassigns a worker's partitions."""
    heartbeat_seconds: float = Field(default=2.0, ge=0.1, le=600)
    """Seconds between heartbeats to the group; at most a third of the session timeout."""
    commit_interval_seconds: float = Field(default=0.5, ge=0.05, le=60)
    """Seconds between commits of the offsets whose results are durable downstream."""
    request_timeout_seconds: float = Field(default=10.0, ge=0.1, le=600)
    """Seconds that a command waits for an answer from the broker."""
    queue_mebibytes: int = Field(default=32, ge=1, le=4096)
    """Maximum size of the queue of fetched records, in mebibytes."""
    queue_fetches: int = Field(default=2, ge=1, le=1024)
    """Maximum fetches of one partition in the queue."""

    @model_validator(mode="after")
    def _heart_beats_often_enough(self) -> Self:
        limit = self.session_timeout_seconds / 3
        if self.heartbeat_seconds > limit:
            expected = f"at most {limit:g}, a third of session_timeout_seconds"
            refuse([Relation("heartbeat_seconds", self.heartbeat_seconds, expected)])
        return self


class TopicsSection(Section):
    """Topics that `detector topics create` creates."""

    input_partitions: int = Field(default=4, ge=1, le=10_000)
    """Partitions of an input topic that does not exist yet."""
    replication_factor: int = Field(default=-1, ge=-1, le=100)
    """Replicas of each partition; -1 is the broker's default."""

    @field_validator("replication_factor")
    @classmethod
    def _has_a_copy(cls, value: int) -> int:
        if value == 0:
            refuse([Relation("", 0, "at least 1, or -1 for the broker's default")])
        return value


class TalliesSection(Section):
    """The internal topic between counting and evaluation."""

    partitions: int = Field(default=2, ge=1, le=1000)
    """Partitions of the tallies topic; they distribute the subjects and cannot be changed later."""
    max_record_bytes: int = Field(default=900_000, ge=10_000, le=100_000_000)
    """Maximum tally record in bytes; a larger one is split. Less than max.message.bytes."""


class TelemetrySection(Section):
    """Metrics, health and logs."""

    metrics_host: str = Field(default="127.0.0.1", min_length=1, max_length=253)
    """Address that /metrics, /livez and /readyz listen on; there is no authentication."""
    metrics_port: int = Field(default=9464, ge=0, le=65_535)
    """TCP port of these endpoints; 0 means any free port."""
    stalled_seconds: float = Field(default=10.0, ge=1, le=600)
    """Seconds without a turn of the event loop after which /livez returns 503."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Minimum level that is logged."""
    log_format: Literal["json", "console"] = "json"
    """One JSON object per line, or human-readable lines."""

    @field_validator("metrics_host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not _is_host(value):
            refuse([Relation("", value, "an IP address or a host name")])
        return value


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return all(part.replace("-", "").isalnum() for part in text.split("."))
    return True


class RulesSection(Section):
    """Contributor rules that are changed while the workers run."""

    lead_seconds: float = Field(default=30.0, ge=1, le=3600)
    """Seconds, beyond the future tolerance, until a change applies. Same for all workers."""
    most: int = Field(default=1_000, ge=1, le=100_000)
    """Maximum rules, including disabled ones; CloudWatch allows 100. Same for all workers."""
    most_records: int = Field(default=10_000, ge=100, le=90_000)
    """Maximum changes that are kept; further ones are refused until the oldest expire."""
    history_hours: float = Field(default=168.0, ge=1, le=8_760)
    """Hours after which a replaced version is forgotten; at least the retention of the input."""
