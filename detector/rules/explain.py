"""Explains what one record contributes under a rule, or why it contributes nothing.

Law: the result is that of the decoder and the matcher that count. This module only finds out which
condition was not met.
"""

from dataclasses import dataclass

from detector.core.vocabulary import Envelope
from detector.logs.decode import Decoder
from detector.logs.events import LogEvent
from detector.logs.field_paths import as_key, lookup
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.contribution import Contribution
from detector.rules.match import match, passes_all
from detector.rules.rules import ContributorRule, LogFormat, Percentiles, RuleSet
from detector.rules.wording import any_of_words, filter_words


@dataclass(frozen=True, slots=True)
class Explained:
    """Result of one event: a contribution, or why there is none."""

    contribution: Contribution | None
    stopped_by: str


class RuleExplainer:
    """Explains one rule under one field mapping."""

    def __init__(self, rule: ContributorRule, mapping: FieldMapping, limits: DecodeLimits) -> None:
        self._rule = rule
        self._decoder = Decoder(mapping, limits, RuleSet((rule,)))

    def explain(self, record: bytes, *, topic: str, record_ms: int) -> list[Explained]:
        """Explain every event of a record; a record that is refused gives one entry."""
        decoded = self._decoder.decode(record, topic=topic, record_ms=record_ms)
        if decoded.unreadable is not None:
            refused = decoded.unreadable
            return [Explained(None, f"the record is refused: {refused.reason}, {refused.message}")]
        if not decoded.events:
            return [Explained(None, "the record is empty")]
        return [self._explain(event) for event in decoded.events]

    def _explain(self, event: LogEvent) -> Explained:
        added = match(event, self._rule)
        return Explained(added, "" if added is not None else self._reason(event))

    def _reason(self, event: LogEvent) -> str:
        rule = self._rule
        is_clf = rule.log_format is LogFormat.CLF
        if is_clf is not (event.envelope is Envelope.CLF):
            is_line = event.envelope is Envelope.CLF
            return f"the record is {'plain text' if is_line else 'JSON'}, the rule reads the other"
        if not rule.reads_log_group(event.log_group):
            return f"log group {event.log_group!r} is not one of the rule's"
        document = rule.view(event.document)
        for path in rule.keys:
            if as_key(lookup(document, path)) is None:
                return f"there is no text, number or truth value at the key {rule.label(path)}"
        for wanted in rule.filters:
            if not passes_all(document, [wanted], as_text=is_clf):
                return f"it does not hold that {filter_words(rule, wanted)}"
        if rule.any_of and not any(
            passes_all(document, group, as_text=is_clf) for group in rule.any_of
        ):
            return f"it does not hold that {any_of_words(rule, rule.any_of)}"
        wanted_at = rule.measure.of if isinstance(rule.measure, Percentiles) else rule.value_of
        return f"there is no number that can be used at {rule.label(wanted_at or ())}"
