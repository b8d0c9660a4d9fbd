"""Reads plain-text records as events for CLF rules: one event per line, fields by position.

Law: this applies only to records that are not JSON, on topics that a CLF rule covers; a record
counts as a whole or not at all. Such an event has no host, zone or counts, so only rules use it.
Its document holds the fields under ``"1"``, ``"2"`` and so on.
"""

from collections.abc import Callable

from detector.core.vocabulary import DeadLetterReason, Envelope, TimeSource
from detector.logs.clf import looks_like_text, time_in, tokenise
from detector.logs.event_time import EARLIEST_MS, LATEST_MS
from detector.logs.events import Decoded, LogEvent, Unreadable
from detector.logs.fields import DecodeLimits
from detector.logs.json_text import too_many_events

_PERHAPS_LINES = frozenset(
    {
        DeadLetterReason.BAD_JSON,
        DeadLetterReason.NOT_AN_OBJECT,
        DeadLetterReason.UNSUPPORTED_ENCODING,
    }
)


class LineReader:
    """Reads lines of fields on topics that a CLF rule covers, as ``is_covered`` says."""

    def __init__(
        self, limits: DecodeLimits, service: str, is_covered: Callable[[str], bool]
    ) -> None:
        self._max_lines = limits.events_per_record
        self._service = service
        self._is_covered = is_covered

    def read(
        self, value: bytes, reason: DeadLetterReason, *, topic: str, record_ms: int
    ) -> Decoded | None:
        """Read a record that is not JSON (``reason``); ``None`` if it is not lines of fields."""
        if reason not in _PERHAPS_LINES or not self._is_covered(topic):
            return None
        try:
            text = value.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None
        if not looks_like_text(text):
            return None
        lines = [line for line in text.split("\n") if line and not line.isspace()]
        if len(lines) > self._max_lines:
            return Decoded(Envelope.CLF, (), too_many_events(self._max_lines))
        events: list[LogEvent] = []
        for number, line in enumerate(lines, start=1):
            event = self._event(line, topic, record_ms)
            if isinstance(event, Unreadable):
                if len(lines) > 1:
                    event = Unreadable(event.reason, f"line {number}: {event.message}")
                return Decoded(Envelope.CLF, (), event)
            events.append(event)
        return Decoded(Envelope.CLF, events)

    def _event(self, line: str, topic: str, record_ms: int) -> LogEvent | Unreadable:
        tokens = tokenise(line)
        if isinstance(tokens, str):
            return Unreadable(DeadLetterReason.BAD_LINE, tokens)
        found = time_in(tokens)
        time_ms = record_ms if found is None else found
        if not EARLIEST_MS <= time_ms < LATEST_MS:
            message = "the line has no time between 2000 and 2100, nor has its record"
            return Unreadable(DeadLetterReason.BAD_TIME, message)
        return LogEvent(
            time_ms=time_ms,
            time_source=TimeSource.RECORD if found is None else TimeSource.FIELD,
            envelope=Envelope.CLF,
            log_group=topic,
            service=self._service,
            host="",
            zone_id="",
            zone_name="",
            caller="",
            requests=1.0,
            faults=0.0,
            slow=0.0,
            connection_failures=0.0,
            event_id="",
            document={str(position): token for position, token in enumerate(tokens, start=1)},
        )
