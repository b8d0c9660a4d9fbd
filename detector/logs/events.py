"""One log event, checked and typed, and what stands in its place when a record cannot be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detector.core.vocabulary import DeadLetterReason, Envelope, TimeSource


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One request (or pre-aggregated row of requests) as a host logged it.

    Counts are finite and not negative. ``requests`` is the number of observations that the event
    stands for, ``slow`` how many of them took longer than the service's threshold.
    ``latency_us`` sums up what ``latencies`` of them took, in microseconds. ``document`` holds the
    members that contributor rules read by path. ``host`` or ``zone`` empty means that the event has
    no place in a fleet table; rules still see it.
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
    """A record that is not an event: a reason from the closed list and one sentence.

    ``message`` never carries more than names and positions out of the record, no values.
    """

    reason: DeadLetterReason
    message: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """Everything that one Kafka record held.

    ``unreadable`` is set when the record as a whole was refused; then ``events`` is empty: a
    record counts whole or not at all, so that its dead letter can be replayed without counting
    anything twice.
    """

    envelope: Envelope
    events: Sequence[LogEvent]
    unreadable: Unreadable | None = None
