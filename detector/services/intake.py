"""Intake: a batch of raw records of one source partition into its open panes.

One generated loop per producer layout reads what it can; the rest goes, record by record and in
order, through the other known layouts and at last through the tolerant decoder, which also teaches
new layouts. Which way a record took never changes what it means.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from detector.domain.events import Unreadable
from detector.domain.fields import DecodeLimits, FieldMapping
from detector.domain.layout import Layout, learn_layout
from detector.domain.open_pane import MAX_ROW_RULES, ZONE, OpenPane, blame_caller
from detector.domain.rules import RuleBook
from detector.domain.vocabulary import Envelope, TimeSource
from detector.domain.windows import WindowTimes
from detector.stages.decode import Decoder
from detector.stages.fast_path import Run, compile_loop
from detector.stages.match import match, match_document
from detector.stages.tally import PartitionTally

MAX_LAYOUTS = MAX_ROW_RULES
"""Producer shapes that are compiled at once.

A fleet with more of them reads the rest tolerantly.
"""

LESSONS = 20
"""Records of a new shape before a loop is compiled for it (about a millisecond of work)."""

MAX_CANDIDATES = 256
"""Shapes that are being counted.

Beyond it the counting begins again, so hostile records cannot fill memory.
"""


class Message(Protocol):
    """The part of a Kafka message that intake reads."""

    def value(self) -> bytes | None:
        """Return the record's value."""
        ...

    def timestamp(self) -> tuple[int, int]:
        """Return type and milliseconds of the record's timestamp."""
        ...


MatchWhole = Callable[[PartitionTally, OpenPane, Message], None]


@dataclass(slots=True)
class IntakeResult:
    """What became of a batch, for dead letters and metrics."""

    dead: list[tuple[Any, Unreadable]] = field(default_factory=list)
    envelopes: Counter[tuple[Envelope, str]] = field(default_factory=Counter)
    times: Counter[TimeSource] = field(default_factory=Counter)
    unplaced: int = 0


class Intake:
    """Reads batches for one rule book and field mapping.

    Holds the compiled loops of one input topic.
    """

    def __init__(
        self,
        topic: str,
        *,
        rules: RuleBook,
        mapping: FieldMapping,
        limits: DecodeLimits,
        times: WindowTimes,
    ) -> None:
        self._topic = topic
        self._rules = rules
        self._mapping = mapping
        self._limits = limits
        self._times = times
        self._decoder = Decoder(mapping, limits, rules)
        self._loops: dict[Layout, Run] = {}
        self._candidates: Counter[Layout] = Counter()

    def take(self, messages: Sequence[Message], tally: PartitionTally) -> IntakeResult:
        """Count ``messages``, in offset order, into ``tally``."""
        result = IntakeResult()
        loops = tuple(self._loops.values())
        refused = [0] * len(loops)

        def read(batch: Sequence[Message], loop: int) -> None:
            if loop == len(loops):
                for message in batch:
                    self._read_tolerantly(message, tally, result)
                return

            def pass_on(message: Message) -> None:
                refused[loop] += 1
                read((message,), loop + 1)

            loops[loop](batch, tally, pass_on)

        read(messages, 0)
        typed = len(messages) - refused[-1] if loops else 0
        if typed:
            result.envelopes[Envelope.EMF, "event"] += typed
            result.times[TimeSource.EMF] += typed
        self._favour(len(messages), refused)
        return result

    def _favour(self, count: int, refused: list[int]) -> None:
        """Try first the loop that read most of the last batch.

        The order never changes what a record means.
        """
        offered = [count, *refused]
        read = [offered[loop] - offered[loop + 1] for loop in range(len(refused))]
        if len(read) > 1 and max(read) > read[0]:
            layouts = list(self._loops)
            best = layouts[read.index(max(read))]
            self._loops = {best: self._loops[best], **self._loops}

    def _read_tolerantly(
        self, message: Message, tally: PartitionTally, result: IntakeResult
    ) -> None:
        record_ms = message.timestamp()[1]
        decoded = self._decoder.decode(message.value(), topic=self._topic, record_ms=record_ms)
        if decoded.unreadable is not None:
            result.envelopes[decoded.envelope, "unreadable"] += 1
            result.dead.append((message, decoded.unreadable))
            return
        result.envelopes[decoded.envelope, "event" if decoded.events else "empty"] += 1
        longest = self._limits.key_characters
        for event in decoded.events:
            result.times[event.time_source] += 1
            placed = (event.host and event.zone) or event.envelope is Envelope.CLF
            result.unplaced += not placed
            contributions = [
                (position, contribution)
                for position, rule in enumerate(self._rules)
                if (contribution := match(event, rule, key_characters=longest)) is not None
            ]
            tally.add(event, contributions, record_ms=record_ms)
        if decoded.envelope is Envelope.EMF and len(decoded.events) == 1:
            self._learn(decoded.events[0].document)

    def _learn(self, document: Any) -> None:
        if len(self._loops) >= MAX_LAYOUTS:
            return
        layout = learn_layout(document, self._mapping, self._rules)
        if layout is None or layout in self._loops:
            return
        self._candidates[layout] += 1
        if self._candidates[layout] >= LESSONS:
            del self._candidates[layout]
            self._loops[layout] = compile_loop(
                layout,
                self._rules,
                mapping=self._mapping,
                limits=self._limits,
                times=self._times,
                topic=self._topic,
                cell=ZONE + 1 + len(self._loops),
                callbacks={
                    "blame_caller": blame_caller,
                    "name_zone": self._name_zone,
                    "match_whole": self._matcher_of(layout.exotic),
                },
            )
        elif len(self._candidates) > MAX_CANDIDATES:
            self._candidates.clear()

    def _matcher_of(self, names: frozenset[str]) -> MatchWhole:
        """Return what matches a message, which a loop has counted, by the rules it cannot serve."""
        longest = self._limits.key_characters
        exotic = [(at, rule) for at, rule in enumerate(self._rules) if rule.name in names]

        def match_whole(tally: PartitionTally, pane: OpenPane, message: Message) -> None:
            bare = self._decoder.bare_emf(message.value() or b"", self._topic)
            # The loop reads nothing but bare EMF.
            if bare is not None:
                found = [
                    (at, match_document(*bare, rule, key_characters=longest)) for at, rule in exotic
                ]
                added = [(at, contribution) for at, contribution in found if contribution]
                tally.add_contributions(pane, added)

        return match_whole

    def _name_zone(self, pane: OpenPane, zone: str, message: Message) -> None:
        """Find the zone's other name, which the typed decoder skips, once per zone and pane."""
        decoded = self._decoder.decode(
            message.value(), topic=self._topic, record_ms=message.timestamp()[1]
        )
        for event in decoded.events:
            pane.name_zone(zone, event.zone_id, event.zone_name)
            return
        pane.name_zone(zone, zone, "")
