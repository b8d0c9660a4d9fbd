"""One decoded log event, and the reason that replaces it if a record is unreadable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detector.core.vocabulary import DeadLetterReason, Envelope, TimeSource


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One request, or a pre-aggregated row of requests, as a host logged it.

    Counts are finite and not negative. ``requests`` is the number of requests that the event stands
    for, ``slow`` the number of those above the service's latency threshold. ``latency_us`` is the
    total latency of ``latencies`` observations, in microseconds. ``document`` holds the members
    that contributor rules read by path. An event with an empty ``host`` or ``zone`` is in no fleet
    table, but rules still count it.
    """

    time_ms: int
    time_source: TimeSource
    envelope: Envelope
    log_group: str
    service: str
    host: str
    zone_id: str
    zone_name: str
    caller: str
    requests: float
    faults: float
    slow: float
    connection_failures: float
    event_id: str
    document: Mapping[str, object]
    latency_us: float = 0.0
    latencies: float = 0.0

    @property
    def zone(self) -> str:
        """The zone ID where known, else the zone name, else the empty string."""
        return self.zone_id or self.zone_name


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a record is unreadable: a reason from the closed list, and one sentence.

    ``message`` may contain names and positions from the record, but never values.
    """

    reason: DeadLetterReason
    message: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """The events of one Kafka record.

    ``unreadable`` is set if the record was refused; ``events`` is then empty. A record counts as a
    whole or not at all, so replaying its dead letter counts nothing twice.
    """

    envelope: Envelope
    events: Sequence[LogEvent]
    unreadable: Unreadable | None = None
