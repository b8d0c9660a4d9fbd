"""What ``detector decode`` prints: how each record is read, or why it is refused.

Law: the answer comes from the decoder and matcher that also count; this module only adds the name
under which each field was found. Unlike a dead letter it shows values, because its reader already
has the record. Values are not escaped; the caller escapes control characters before printing.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from detector.core.vocabulary import TimeSource
from detector.logs.decode import Decoder, as_status
from detector.logs.event_time import read_field
from detector.logs.events import LogEvent
from detector.logs.field_paths import as_text, field_names, first_present, first_usable
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.match import match
from detector.rules.rules import RuleSet

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DecodeExplainer:
    """Explains records under one field mapping, one set of limits and one rule set."""

    def __init__(self, mapping: FieldMapping, limits: DecodeLimits, rules: RuleSet) -> None:
        self._mapping = mapping
        self._limits = limits
        self._rules = rules
        self._decoder = Decoder(mapping, limits, rules)

    def explain(self, value: bytes | None, topic: str, *, record_ms: int) -> list[dict[str, Any]]:
        """Return one entry per event of the record, or one entry that says why there is none.

        ``record_ms`` is used as the Kafka timestamp, epoch milliseconds. Every entry has
        ``outcome`` (``event``, ``empty`` or ``refused``) and ``envelope``; a refused one also has
        ``reason`` and ``message``.
        """
        decoded = self._decoder.decode(value, topic=topic, record_ms=record_ms)
        envelope = decoded.envelope.value
        if decoded.unreadable is not None:
            refused = decoded.unreadable
            return [
                {
                    "outcome": "refused",
                    "envelope": envelope,
                    "reason": refused.reason.value,
                    "message": refused.message,
                }
            ]
        if not decoded.events:
            return [{"outcome": "empty", "envelope": envelope}]
        return [self._event(event) for event in decoded.events]

    def _event(self, event: LogEvent) -> dict[str, Any]:
        return {
            "outcome": "event",
            "envelope": event.envelope.value,
            "time": {
                "at": (_EPOCH + timedelta(milliseconds=event.time_ms)).isoformat(),
                "ms": event.time_ms,
                "source": event.time_source.value,
                "from": self._time_name(event),
            },
            "log_group": event.log_group,
            "fields": {
                name: {"value": getattr(event, name), "from": found}
                for name, found in self._names(event.document).items()
            },
            "rules": [
                {"rule": rule.name, "keys": list(added.keys), "value": added.value}
                for rule in self._rules
                if (added := match(event, rule, key_characters=self._limits.key_characters))
            ],
        }

    def _time_name(self, event: LogEvent) -> str:
        if event.time_source is TimeSource.EMF:
            return "Timestamp"
        if event.time_source is TimeSource.RECORD:
            return "kafka record"
        return _usable(event.document, self._mapping.time, read_field)

    def _names(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Return the name under which each field was found, in the decoder's precedence."""
        mapping = self._mapping
        fault = _present(document, mapping.fault)
        latency = _present(document, mapping.latency)
        return {
            "host": _usable(document, mapping.host, as_text),
            "zone_id": _usable(document, mapping.zone_id, as_text),
            "zone_name": _usable(document, mapping.zone_name, as_text),
            "service": _usable(document, mapping.service, as_text),
            "caller": _usable(document, mapping.caller, as_text),
            "event_id": _usable(document, mapping.event_id, as_text),
            "requests": _present(document, mapping.requests) or fault or latency,
            "faults": fault or _usable(document, mapping.status, as_status),
            "slow": latency,
            "connection_failures": _present(document, mapping.connection_failure),
        }


def _present(document: Mapping[str, Any], names: Iterable[str]) -> str:
    found = first_present(document, field_names(names))
    return "" if found is None else found.name


def _usable(document: Mapping[str, Any], names: Iterable[str], read: Callable[[Any], Any]) -> str:
    found = first_usable(document, field_names(names), read)
    return "" if found is None else found[0]
