"""Settings of detection, from log record to alarm: windows, input, fields, alarms and tests.

Defaults come from the dataclass that each section configures, so that the two cannot differ.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from detector.core.vocabulary import AlarmMode
from detector.detection.config import EvaluateConfig
from detector.detection.share_test import ShareTestConfig
from detector.detection.zone_test import ZoneTestConfig
from detector.logs.fields import DecodeLimits, FieldMapping, LatencyUnit
from detector.settings.base import Relation, Section, SplitAtCommas, refuse
from detector.settings.detectors import DetectorsSection
from detector.tables.windows import WindowTimes

_TIMES = WindowTimes()
_LIMITS = DecodeLimits()
_FIELDS = FieldMapping()
_SHARE = ShareTestConfig()
_ZONE = ZoneTestConfig()
_ALARMS = EvaluateConfig()

Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], SplitAtCommas, Field(max_length=50)]


class WindowsSection(Section):
    """Lengths in event time, and how long to wait for late input."""

    pane_seconds: float = Field(default=_TIMES.pane_ms / 1000, ge=0.1, le=3600)
    """Length of a pane in seconds of event time, rounded to milliseconds."""
    window_panes: int = Field(default=_TIMES.window_panes, ge=1, le=360)
    """Panes per window; the window slides by one pane."""
    lateness_seconds: float = Field(default=_TIMES.lateness_ms / 1000, ge=0, le=3600)
    """How far, in seconds of event time, an event may lag behind the newest of its partition."""
    idle_seconds: float = Field(default=_TIMES.idle_ms / 1000, ge=0.1, le=3600)
    """Seconds without records after which a partition, if read to its end, closes its panes."""
    patience_seconds: float = Field(default=_TIMES.max_wait_ms / 1000, ge=0, le=3600)
    """Maximum wait, in seconds, for a missing source partition; then a window closes incomplete."""
    future_tolerance_seconds: float = Field(
        default=_TIMES.future_tolerance_ms / 1000, ge=0, le=86_400
    )
    """Seconds that an event may be ahead of its record's timestamp; beyond that it is dropped."""

    def times(self) -> WindowTimes:
        """Return the same lengths in milliseconds."""
        return WindowTimes(
            pane_ms=_milliseconds(self.pane_seconds),
            window_panes=self.window_panes,
            lateness_ms=_milliseconds(self.lateness_seconds),
            future_tolerance_ms=_milliseconds(self.future_tolerance_seconds),
            idle_ms=_milliseconds(self.idle_seconds),
            max_wait_ms=_milliseconds(self.patience_seconds),
        )


class InputSection(Section):
    """Limits of the decoder, and where reading begins."""

    record_bytes: int = Field(default=_LIMITS.record_bytes, ge=1024, le=104_857_600)
    """Maximum size of a record value in bytes; a larger record becomes a dead letter."""
    nesting: int = Field(default=_LIMITS.nesting, ge=2, le=512)
    """Maximum nesting of JSON objects and arrays, in levels."""
    unwrap_depth: int = Field(default=_LIMITS.unwrap_depth, ge=0, le=16)
    """Maximum number of nested envelopes around a record; a record with more is refused."""
    events_per_record: int = Field(default=_LIMITS.events_per_record, ge=1, le=1_000_000)
    """Maximum events in one record."""
    key_characters: int = Field(default=_LIMITS.key_characters, ge=8, le=4096)
    """Maximum length of a contributor key in characters; longer keys are truncated."""
    exact_contributors: int = Field(default=50_000, ge=1, le=5_000_000)
    """Contributors per rule and pane that are counted exactly; beyond that a sketch is used."""
    start: Literal["window", "earliest", "latest"] = "window"
    """Where a new consumer group starts: one window ago, at the first record, or at the end."""
    dedup_ids_per_pane: int = Field(default=100_000, ge=0, le=10_000_000)
    """Maximum event ids remembered per pane if `fields.event_id` is set; 0 means none."""

    def limits(self) -> DecodeLimits:
        """Return the decoder's limits."""
        return DecodeLimits(
            record_bytes=self.record_bytes,
            nesting=self.nesting,
            unwrap_depth=self.unwrap_depth,
            events_per_record=self.events_per_record,
            key_characters=self.key_characters,
        )


class FieldsSection(Section):
    """Names of the members of a record by meaning, in order of preference; `a.b` is a path."""

    host: Names = _FIELDS.host
    """Names of the member that identifies the host."""
    zone_id: Names = _FIELDS.zone_id
    """Names of the member that holds the zone ID (`use1-az1`)."""
    zone_name: Names = _FIELDS.zone_name
    """Names of the member that holds the zone name (`us-east-1a`)."""
    service: Names = _FIELDS.service
    """Names of the member that holds the service."""
    caller: Names = _FIELDS.caller
    """Names of the member that holds the caller or customer."""
    status: Names = _FIELDS.status
    """Names of the member that holds the HTTP status; 500 and above is a fault."""
    fault: Names = _FIELDS.fault
    """Names of the member that counts faults."""
    latency: Names = _FIELDS.latency
    """Names of the member that holds the latency."""
    connection_failure: Names = _FIELDS.connection_failure
    """Names of the member that counts connection failures."""
    requests: Names = _FIELDS.requests
    """Names of the member that counts requests in rows aggregated by the hosts."""
    time: Names = _FIELDS.time
    """Names of the member that holds the time of a record without an EMF time."""
    event_id: Names = _FIELDS.event_id
    """Names of the member that identifies an event; empty means no deduplication."""
    default_service: str = Field(default=_FIELDS.default_service, min_length=1, max_length=200)
    """Service of records without a service."""
    latency_unit: LatencyUnit = _FIELDS.latency_unit
    """Unit of the latency member."""
    slow_threshold_ms: float = Field(default=_FIELDS.slow_threshold_ms, gt=0, le=86_400_000)
    """Latency in milliseconds above which a request counts as slow."""
    slow_threshold_ms_by_service: dict[str, Annotated[float, Field(gt=0, le=86_400_000)]] = Field(
        default_factory=dict
    )
    """The same in milliseconds for individual services."""
    numeric_strings: bool = _FIELDS.numeric_strings
    """Whether numbers in strings are read as numbers."""

    def mapping(self) -> FieldMapping:
        """Return the decoder's field mapping."""
        return FieldMapping(**self.model_dump())


class AlarmsSection(Section):
    """The 66 % alarm and its limits."""

    share: float = Field(default=_ALARMS.share, gt=0, lt=1)
    """Share of the faults, 0 to 1, above which one contributor raises the alarm."""
    min_total_faults: float = Field(default=_ALARMS.min_total_faults, ge=0, le=1_000_000)
    """Minimum faults in the window (guarded mode)."""
    min_contributor_faults: float = Field(
        default=_ALARMS.min_contributor_faults, ge=0, le=1_000_000
    )
    """Minimum faults of the contributor in the window (guarded mode)."""
    windows_required: int = Field(default=_ALARMS.windows_required, ge=1, le=60)
    """Windows out of the last `windows_seen` that one contributor must lead (guarded mode)."""
    windows_seen: int = Field(default=_ALARMS.windows_seen, ge=1, le=60)
    """Number of latest windows considered (guarded mode)."""
    default_mode: AlarmMode = _ALARMS.default_mode
    """Mode of the alarm for subjects that `modes` does not name."""
    modes: dict[str, AlarmMode] = Field(default_factory=dict)
    """Mode of the alarm for individual subjects: `"rule:faults-by-caller" = "classic"`."""
    top_n: int = Field(default=_ALARMS.top_n, ge=1, le=500)
    """Number of contributors listed in a report."""
    max_alarms: int = Field(default=_ALARMS.max_alarms, ge=100, le=20_000)
    """Maximum alarms whose state is kept; they must fit into one record."""
    caller_out: bool = _ALARMS.caller_out
    """Whether a suspect is tested again without its worst caller; false if there is only one."""
    restate_seconds: float = Field(default=_ALARMS.restate_seconds, ge=10, le=3600)
    """Seconds after which an active, confirmed alarm that asks for an action is published again."""

    def config(
        self,
        share_test: "ShareTestSection",
        zone_test: "ZoneTestSection",
        detectors: DetectorsSection,
    ) -> EvaluateConfig:
        """Return the configuration of all detectors."""
        return EvaluateConfig(
            share_test=share_test.config(),
            zone_test=zone_test.config(),
            switches=detectors.switches(),
            **self.model_dump(),
        )

    @model_validator(mode="after")
    def _more_seen_than_required(self) -> Self:
        if self.windows_required > self.windows_seen:
            expected = f"at most windows_seen, which is {self.windows_seen}"
            refuse([Relation("windows_required", self.windows_required, expected)])
        return self


class ShareTestSection(Section):
    """The share test, which confirms that a host is worse than its peers."""

    rho: float = Field(default=_SHARE.rho, ge=1, le=100)
    """Factor by which a host's rate may exceed its peers' before the excess counts as unlikely."""
    ratio: float = Field(default=_SHARE.ratio, ge=1, le=1000)
    """Minimum ratio of a suspect's rate to that of its peers."""
    min_faults: int = Field(default=_SHARE.min_faults, ge=1, le=1_000_000)
    """Minimum faults of a suspect in the window."""
    q: float = Field(default=_SHARE.q, gt=0, lt=1)
    """False discovery rate over all hosts, a probability."""
    max_rounds: int = Field(default=_SHARE.max_rounds, ge=1, le=100)
    """Maximum repetitions of the test, in rounds."""
    fleet_event_fraction: float = Field(default=_SHARE.fleet_event_fraction, gt=0, le=1)
    """Fraction of suspects among serving hosts above which the cause is shared; none is named."""

    def config(self) -> ShareTestConfig:
        """Return the constants as the test takes them."""
        return ShareTestConfig(**self.model_dump())


class ZoneTestSection(Section):
    """The zone test, which finds whether one zone, and only one, is worse."""

    max_p_value: float = Field(default=_ZONE.max_p_value, gt=0, lt=1)
    """The p-value of the zone must be below this."""
    min_faults: int = Field(default=_ZONE.min_faults, ge=1, le=1_000_000)
    """Minimum faults of the zone in the window."""
    ratio: float = Field(default=_ZONE.ratio, ge=1, le=1000)
    """Minimum ratio of the zone's rate to that of its peers."""
    max_dispersion: float = Field(default=_ZONE.max_dispersion, ge=1, le=1000)
    """Dispersion of the clean hosts, as a factor, above which counts are divided by it."""
    min_elevated_fraction: float = Field(default=_ZONE.min_elevated_fraction, ge=0, le=1)
    """Minimum fraction of the zone's hosts that must be elevated."""
    min_elevated_hosts: int = Field(default=_ZONE.min_elevated_hosts, ge=1, le=100_000)
    """Minimum number of the zone's hosts that must be elevated."""
    host_max_p_value: float = Field(default=_ZONE.host_max_p_value, gt=0, lt=1)
    """The p-value of an elevated host is below this."""
    host_ratio: float = Field(default=_ZONE.host_ratio, ge=1, le=1000)
    """Minimum ratio of an elevated host's rate to that of the other zones."""
    host_min_faults: int = Field(default=_ZONE.host_min_faults, ge=1, le=1_000_000)
    """Minimum faults of an elevated host in the window."""

    def config(self) -> ZoneTestConfig:
        """Return the constants as the test takes them."""
        return ZoneTestConfig(**self.model_dump())


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
