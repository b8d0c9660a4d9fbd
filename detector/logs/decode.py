"""Decodes the value of a Kafka record into log events, or into the reason why it is unreadable.

This is the reference decoder: it accepts every envelope and every form of value. The faster typed
loops must agree with it on every record that they accept. All rules of precedence:

- ``detector.logs.unwrap`` says how an envelope is opened; ``field_paths``, ``values`` and
  ``event_time`` say how names, values and times are read.
- Host, zone, service, caller and event id: the first mapped member that is text or an integer.
  Status: the first that is a number or digits. Counts and latency: the first that is not ``null``;
  if its value is not a valid set of observations, the record is refused.
- requests: the total of the requests field, else the number of observations of the fault field,
  else of the latency field, else 1.
- faults: the total of the fault field, else ``requests`` if the status is 500 or more, else 0.
- slow: observations of the latency above the service's threshold; latency: total and count of all.
- connection failures: the total, or 0.
- log group: ``_aws.LogGroupName`` if it is text and not empty, else the topic.
- A plain event needs one mapped member, or one that a contributor rule reads.

A record that is not JSON, on a topic that a CLF rule covers, is read as lines of fields, one event
each (``detector.logs.clf_lines``). The time of such an event is the first time in the line, else
that of the record; only CLF rules use it.

A metric that ``_aws`` declares and the event lacks is only missing. A record counts as a whole or
not at all: one bad event refuses all events of its record.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from detector.core.vocabulary import DeadLetterReason, Envelope
from detector.logs.clf_lines import LineReader
from detector.logs.event_time import event_time
from detector.logs.events import Decoded, LogEvent, Unreadable
from detector.logs.field_paths import (
    FieldIndex,
    FieldPath,
    Names,
    first_usable,
    lookup,
)
from detector.logs.fields import DecodeLimits, FieldMapping, LatencyUnit
from detector.logs.unwrap import Document, Strength, Unwrapped, Unwrapper
from detector.logs.values import Observations, ValueFault, observe, slow_count

FAULT_STATUS = 500
"""Lowest HTTP status of a server error (RFC 9110, section 15.6)."""

_MS_BY_UNIT = {
    LatencyUnit.MICROSECONDS: 0.001,
    LatencyUnit.MILLISECONDS: 1.0,
    LatencyUnit.SECONDS: 1000.0,
}
_US_PER_MS = 1000.0
_DIGITS = 10
"""Text of fewer digits than this can be a status."""
_COUNTED = ("requests", "fault", "latency", "connection_failure")
_NAMED = ("host", "zone_id", "zone_name", "service", "caller")
_TEXTS = (*_NAMED, "event_id")
_SHOWN_MEMBERS = 8
_SHOWN_CHARACTERS = 40


class WantedFields(Protocol):
    """What decoding needs to know about the contributor rules in force."""

    @property
    def json_paths(self) -> tuple[FieldPath, ...]:
        """The members that rules read; a plain document with one of them is an event."""
        ...

    def reads_lines(self, log_group: str) -> bool:
        """Say whether records of ``log_group`` that are not JSON are read as lines of fields."""
        ...


class _Counts(NamedTuple):
    requests: float
    faults: float
    slow: float
    connection_failures: float
    latency_us: float
    latencies: float


class Decoder:
    """Reads records by one field mapping within limits; keeps no state between records.

    With ``rules``, a plain document also counts as an event if it has a field that a rule reads.
    """

    def __init__(
        self, mapping: FieldMapping, limits: DecodeLimits, rules: WantedFields | None = None
    ) -> None:
        self._mapping = mapping
        self._limits = limits
        self._us_by_unit = _MS_BY_UNIT[mapping.latency_unit] * _US_PER_MS
        self._index = FieldIndex(
            {
                "host": mapping.host,
                "zone_id": mapping.zone_id,
                "zone_name": mapping.zone_name,
                "service": mapping.service,
                "caller": mapping.caller,
                "event_id": mapping.event_id,
                "status": mapping.status,
                "fault": mapping.fault,
                "latency": mapping.latency,
                "connection_failure": mapping.connection_failure,
                "requests": mapping.requests,
                "time": mapping.time,
            }
        )
        self._rule_paths = rules.json_paths if rules else ()
        is_covered = rules.reads_lines if rules else _no_topic
        self._lines = LineReader(limits, mapping.default_service, is_covered)
        self._opener = Unwrapper(limits, self._strength_of)

    def decode(self, value: bytes | None, *, topic: str, record_ms: int) -> Decoded:
        """Read one record; ``record_ms`` is its Kafka timestamp. Bad input never raises."""
        if not value or value.isspace():
            return Decoded(Envelope.TOMBSTONE, ())
        limit = self._limits.record_bytes
        if len(value) > limit:
            message = f"the record has {len(value)} bytes, at most {limit} are read"
            return _refused(Envelope.PLAIN, Unreadable(DeadLetterReason.TOO_LARGE, message))
        opened = self._opener.open_text(value)
        if isinstance(opened, Unreadable):
            lines = self._lines.read(value, opened.reason, topic=topic, record_ms=record_ms)
            return lines or _refused(Envelope.PLAIN, opened)
        if opened.strength is Strength.NOTHING:
            return _refused(opened.envelope, self._no_known_field(opened))
        events: list[LogEvent] = []
        for document in opened.documents:
            event = self._read_event(document, opened.envelope, topic, record_ms)
            if isinstance(event, Unreadable):
                return _refused(opened.envelope, event)
            events.append(event)
        return Decoded(opened.envelope, events)

    def bare_emf(self, value: bytes, topic: str) -> tuple[Mapping[str, Any], str] | None:
        """Return document and log group of a record that is exactly one bare EMF event.

        ``None`` for any other record. For records that a loop has already counted.
        """
        opened = self._opener.open_text(value)
        if isinstance(opened, Unreadable) or opened.envelope is not Envelope.EMF:
            return None
        root = opened.documents[0].root
        return root, _log_group(root) or topic

    def _no_known_field(self, opened: Unwrapped) -> Unreadable:
        unknown = next(
            document.root
            for document in opened.documents
            if document.form is Envelope.PLAIN and not self._strength_of(document.root)
        )
        names = ", ".join(repr(name[:_SHOWN_CHARACTERS]) for name in list(unknown)[:_SHOWN_MEMBERS])
        return Unreadable(
            DeadLetterReason.NO_KNOWN_FIELD,
            f"found members {names or 'none'}, expected _aws or a field of the mapping",
        )

    def _strength_of(self, document: Mapping[str, Any]) -> Strength:
        names = self._index.names_in(document)
        if self._index.values(document, names, _COUNTED):
            return Strength.MEASURED
        if first_usable(document, names.get("status", ()), as_status) is not None:
            return Strength.MEASURED
        if any(self._index.texts(document, names, _NAMED, self._limits.key_characters).values()):
            return Strength.NAMED
        if any(lookup(document, path) is not None for path in self._rule_paths):
            return Strength.NAMED
        return Strength.NOTHING

    def _read_event(
        self, document: Document, envelope: Envelope, topic: str, record_ms: int
    ) -> LogEvent | Unreadable:
        root = document.root
        names = self._index.names_in(root)
        emf = _emf_timestamp(document)
        time = event_time(root, emf=emf, names=names.get("time", ()), record_ms=record_ms)
        if time is None:
            return Unreadable(
                DeadLetterReason.BAD_TIME,
                "the event's timestamp is missing or not a time between 2000 and 2100",
            )
        texts = self._index.texts(root, names, _TEXTS, self._limits.key_characters)
        service = texts["service"] or self._mapping.default_service
        counts = self._counts(root, names, service)
        if isinstance(counts, Unreadable):
            return counts
        return LogEvent(
            time_ms=time.ms,
            time_source=time.source,
            envelope=envelope,
            log_group=_log_group(root) or topic,
            service=service,
            host=texts["host"],
            zone_id=texts["zone_id"],
            zone_name=texts["zone_name"],
            caller=texts["caller"],
            requests=counts.requests,
            faults=counts.faults,
            slow=counts.slow,
            connection_failures=counts.connection_failures,
            event_id=texts["event_id"],
            document=root,
            latency_us=counts.latency_us,
            latencies=counts.latencies,
        )

    def _counts(self, root: Mapping[str, Any], names: Names, service: str) -> _Counts | Unreadable:
        seen: dict[str, Observations] = {}
        for meaning, found in self._index.values(root, names, _COUNTED).items():
            read = observe(found.value, numeric_strings=self._mapping.numeric_strings)
            if isinstance(read, ValueFault):
                return Unreadable(DeadLetterReason.BAD_VALUE, f"field {found.name!r} {read}")
            seen[meaning] = read
        requests = _requests(seen)
        fault = seen.get("fault")
        latency = seen.get("latency")
        connection_failure = seen.get("connection_failure")
        if fault is None and _is_fault(root, names):
            faults = requests
        else:
            faults = fault.total if fault else 0.0
        return _Counts(
            requests=requests,
            faults=faults,
            slow=slow_count(latency, self._slow_threshold(service)) if latency else 0.0,
            connection_failures=connection_failure.total if connection_failure else 0.0,
            latency_us=latency.total * self._us_by_unit if latency else 0.0,
            latencies=latency.count if latency else 0.0,
        )

    def _slow_threshold(self, service: str) -> float:
        mapping = self._mapping
        ms = mapping.slow_threshold_ms_by_service.get(service, mapping.slow_threshold_ms)
        return ms / _MS_BY_UNIT[mapping.latency_unit]


def _is_fault(root: Mapping[str, Any], names: Names) -> bool:
    status = first_usable(root, names.get("status", ()), as_status)
    return status is not None and status[1] >= FAULT_STATUS


def _requests(seen: Mapping[str, Observations]) -> float:
    if "requests" in seen:
        return seen["requests"].total
    observed = seen.get("fault") or seen.get("latency")
    return observed.count if observed else 1.0


def _refused(envelope: Envelope, reason: Unreadable) -> Decoded:
    return Decoded(envelope, (), reason)


def _no_topic(_topic: str) -> bool:
    return False


def as_status(value: Any) -> float | None:
    """Read a status: a number (also ``503.0``) or text of up to nine digits; else ``None``."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < _DIGITS else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _emf_timestamp(document: Document) -> Any:
    match document.form:
        case Envelope.EMF:
            return document.root["_aws"].get("Timestamp")
        case Envelope.EMF_V0:
            return document.root.get("Timestamp")
        case _:
            return None


def _log_group(root: Mapping[str, Any]) -> str:
    metadata = root.get("_aws")
    name = metadata.get("LogGroupName") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""
