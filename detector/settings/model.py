"""All settings: the top-level members and the sections."""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from detector.core.topics import Topics
from detector.core.vocabulary import Mode
from detector.detection.config import EvaluateConfig
from detector.settings.acting import ActuatorSection, BudgetsSection
from detector.settings.base import Relation, SplitAtCommas, refuse
from detector.settings.detecting import (
    AlarmsSection,
    FieldsSection,
    InputSection,
    ShareTestSection,
    WindowsSection,
    ZoneTestSection,
)
from detector.settings.detectors import DetectorsSection
from detector.settings.running import (
    KafkaSection,
    RulesSection,
    SecuritySection,
    TalliesSection,
    TelemetrySection,
    TopicsSection,
)
from detector.settings.serving import ApiSection, HistorySection, MetricAlarmsSection

TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=249)]
InputTopics = Annotated[tuple[TopicName, ...], SplitAtCommas, Field(min_length=1, max_length=1000)]

_ADDRESS = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$")
_MAX_PORT = 65_535


def shipped_rules() -> Path:
    """Return the directory of the shipped rules: `deploy/rules`, else inside the package."""
    package = Path(str(files("detector")))
    in_tree = package.parent / "deploy" / "rules"
    return in_tree if in_tree.is_dir() else package / "shipped_rules"


def _default_inputs(validated: Mapping[str, Any]) -> tuple[str, ...]:
    return (Topics(validated.get("topic_prefix", "detector.")).logs,)


class Settings(BaseSettings):
    """All settings; ``load`` builds them and reports faults."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
        env_prefix="DETECTOR_",
        env_nested_delimiter="__",
    )

    broker: str = Field(default="127.0.0.1:9092", min_length=1, max_length=10_000)
    """Bootstrap brokers, host:port, separated by commas."""
    topic_prefix: str = Field(default="detector.", pattern=r"^[A-Za-z0-9._-]+$", max_length=200)
    """Prefix of the names of the detector's own topics."""
    input_topics: InputTopics = Field(default_factory=_default_inputs)
    """Topics to read logs from; the default is `logs` with the prefix."""
    rules_dir: Path = Field(default_factory=shipped_rules)
    """Directory of contributor rules; the default is that of the shipped rules."""
    lenient_rules: bool = False
    """Whether rules may exceed CloudWatch's limits; `detector check` lists what it would refuse."""
    worker_id: str = Field(default="worker-0", pattern=r"^[A-Za-z0-9._-]+$", max_length=200)
    """Name of this worker, unique and stable across restarts (static membership)."""
    mode: Mode = Mode.OBSERVE
    """`observe` decides and records but does nothing; `enforce` requests actions."""

    windows: WindowsSection = WindowsSection()
    input: InputSection = InputSection()
    fields: FieldsSection = FieldsSection()
    rules: RulesSection = RulesSection()
    alarms: AlarmsSection = AlarmsSection()
    share_test: ShareTestSection = ShareTestSection()
    zone_test: ZoneTestSection = ZoneTestSection()
    detectors: DetectorsSection = DetectorsSection()
    budgets: BudgetsSection = BudgetsSection()
    actuator: ActuatorSection = ActuatorSection()
    tallies: TalliesSection = TalliesSection()
    topics: TopicsSection = TopicsSection()
    history: HistorySection = HistorySection()
    kafka: KafkaSection = KafkaSection()
    security: SecuritySection = SecuritySection()
    telemetry: TelemetrySection = TelemetrySection()
    api: ApiSection = ApiSection()
    metric_alarms: MetricAlarmsSection = MetricAlarmsSection()

    @field_validator("broker")
    @classmethod
    def _names_addresses(cls, value: str) -> str:
        addresses = [each.strip() for each in value.split(",")]
        if not all(map(_is_address, addresses)):
            expected = "host:port with a port from 1 to 65535, several separated by commas"
            refuse([Relation("", value, expected)])
        return ",".join(addresses)

    @property
    def brokers(self) -> tuple[str, ...]:
        """The bootstrap brokers as a tuple."""
        return tuple(self.broker.split(","))

    def evaluate_config(self) -> EvaluateConfig:
        """Return the configuration and switches of all detectors."""
        return self.alarms.config(self.share_test, self.zone_test, self.detectors)

    def topic_names(self) -> Topics:
        """Return the names and specifications of the detector's own topics."""
        return Topics(prefix=self.topic_prefix, tally_partitions=self.tallies.partitions)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the loader alone, which merges the sources and knows their origin."""
        return (init_settings,)


def _is_address(text: str) -> bool:
    match = _ADDRESS.match(text)
    return match is not None and 1 <= int(match[2]) <= _MAX_PORT
