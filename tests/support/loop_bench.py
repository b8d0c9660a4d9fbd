"""A compiled loop beside the reference: both read the same messages and must tell the same."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from detector.ingest.fast_path import compile_loop
from detector.ingest.schema import learn_schema
from detector.logs.decode import Decoder
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.match import match, match_document
from detector.rules.rules import ContributorRule, RuleSet
from detector.tables.open_pane import ZONE, OpenPane, blame_caller
from detector.tables.pane_records import PaneRecord
from detector.tables.tally import PartitionTally
from detector.tables.windows import WindowTimes
from tests.builders import (
    SHORT,
    TOPIC,
    Message,
    drained,
    encoded,
    finished,
    new_tally,
)


class Bench:
    """One compiled loop beside the reference, each with its own tally."""

    def __init__(
        self,
        taught: dict[str, Any],
        rules: Sequence[ContributorRule] = (),
        *,
        mapping: FieldMapping | None = None,
        limits: DecodeLimits | None = None,
        times: WindowTimes = SHORT,
    ) -> None:
        self.rules = RuleSet(tuple(rules))
        mapping = mapping or FieldMapping()
        limits = limits or DecodeLimits()
        layout = learn_schema(taught, mapping, self.rules)
        assert layout is not None
        self._decoder = Decoder(mapping, limits, self.rules)
        self._run = compile_loop(
            layout,
            self.rules,
            mapping=mapping,
            limits=limits,
            times=times,
            topic=TOPIC,
            cell=ZONE + 1,
            callbacks={
                "blame_caller": blame_caller,
                "name_zone": self._name_zone,
                "match_whole": self._match_whole,
            },
        )
        self.matched_whole: list[Message] = []
        self._not_compilable = layout.not_compilable
        self.typed = new_tally(self.rules, times=times)
        self.plain = new_tally(self.rules, times=times)
        self.handed_over: list[Message] = []

    def read(self, *messages: Message) -> list[PaneRecord]:
        """Read messages both ways, demand the same panes and losses, and return the panes."""

        def slow(message: Message) -> None:
            self.handed_over.append(message)
            self._refer(message, self.typed)

        self._run(messages, self.typed, slow)
        for message in messages:
            self._refer(message, self.plain)
        assert self.plain.losses == self.typed.losses
        assert self.plain.top_ms == self.typed.top_ms
        expected = drained(self.plain) + finished(self.plain)
        seen = drained(self.typed) + finished(self.typed)
        assert encoded(expected) == encoded(seen)
        return [record for record in seen if record.pane_ms >= 0]

    def _refer(self, message: Message, tally: PartitionTally) -> None:
        decoded = self._decoder.decode(message.value(), topic=TOPIC, record_ms=message.record_ms)
        for read in decoded.events:
            found = [(at, match(read, each)) for at, each in enumerate(self.rules)]
            contributions = [(at, matched) for at, matched in found if matched is not None]
            tally.add(read, contributions, record_ms=message.record_ms)

    def _match_whole(self, tally: PartitionTally, pane: OpenPane, message: Message) -> None:
        self.matched_whole.append(message)
        bare = self._decoder.bare_emf(message.value() or b"", TOPIC)
        assert bare is not None
        exotic = [
            (at, each) for at, each in enumerate(self.rules) if each.name in self._not_compilable
        ]
        found = [(at, match_document(*bare, each)) for at, each in exotic]
        tally.add_contributions(pane, [(at, added) for at, added in found if added is not None])

    def _name_zone(self, pane: OpenPane, zone: str, message: Message) -> None:
        decoded = self._decoder.decode(message.value(), topic=TOPIC, record_ms=message.record_ms)
        pane.name_zone(zone, decoded.events[0].zone_id, decoded.events[0].zone_name)


def rule_values(record: PaneRecord, name: str) -> dict[tuple[str, ...], float]:
    for table in record.rules:
        if table.rule == name:
            return dict(zip(table.keys, np.frombuffer(table.values, "<f8").tolist(), strict=True))
    return {}
