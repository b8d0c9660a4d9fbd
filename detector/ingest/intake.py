"""Intake: a batch of raw records of one source partition into its open panes.

One generated loop per producer layout reads what it can; the rest goes, record by record and in
order, through the other known layouts and at last through the tolerant decoder, which also teaches
new layouts. Which way a record took never changes what it means.

A loop is compiled for one rule book and reads events of panes with that book alone. When a pane
gets another book, what taught the old loops teaches the new ones, before the first event of it
where that can be foreseen.

Known limit: a document without any mapped field counts as an event where the book of its record's
own timestamp reads one of its members.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from detector.core.vocabulary import Envelope, TimeSource
from detector.ingest.fast_path import Run, compile_loop
from detector.ingest.schema import RecordSchema, learn_schema
from detector.logs.decode import Decoder
from detector.logs.events import Unreadable
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.match import match, match_document
from detector.rules.rules import RuleSet
from detector.tables.open_pane import MAX_ROW_RULES, ZONE, OpenPane, blame_caller
from detector.tables.tally import PartitionTally
from detector.tables.windows import WindowTimes

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


MAX_BOOKS = 4
"""Rule books for which loops and decoders are kept; partitions may stand at different times."""


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


class _Loop(NamedTuple):
    """One compiled loop: whose events it reads, and under which book."""

    book: RuleSet
    layout: RecordSchema
    run: Run


class Intake:
    """Reads batches under the rules in force, by one field mapping.

    Holds the compiled loops of one input topic. ``rules_at`` gives the rules in force in the pane
    that starts at a given time; the tally's panes know their own.
    """

    def __init__(
        self,
        topic: str,
        *,
        rules_at: Callable[[int], RuleSet],
        mapping: FieldMapping,
        limits: DecodeLimits,
        times: WindowTimes,
    ) -> None:
        self._topic = topic
        self._rules_at = rules_at
        self._mapping = mapping
        self._limits = limits
        self._times = times
        self._decoders: dict[int, tuple[RuleSet, Decoder]] = {}
        self._loops: list[_Loop] = []
        self._books: dict[int, RuleSet] = {}
        self._taught: list[Any] = []
        self._candidates: Counter[tuple[int, RecordSchema]] = Counter()

    def read(self, messages: Sequence[Message], tally: PartitionTally) -> IntakeResult:
        """Count ``messages``, in offset order, into ``tally``."""
        result = IntakeResult()
        rest = messages
        while rest:
            rest = rest[self._take_some(rest, tally, result) :]
        return result

    def _take_some(
        self, messages: Sequence[Message], tally: PartitionTally, result: IntakeResult
    ) -> int:
        """Count all of ``messages``, or as many as teach the first loop; return how many."""
        books = tally.rule_sets()
        self._prepare(books)
        loops = [loop for loop in self._loops if any(loop.book is book for book in books)]
        if not loops:
            return self._read_until_taught(messages, tally, result)
        refused = [0] * len(loops)

        def read(batch: Sequence[Message], at: int) -> None:
            if at == len(loops):
                for message in batch:
                    self._read_tolerantly(message, tally, result)
                return

            def pass_on(message: Message) -> None:
                refused[at] += 1
                read((message,), at + 1)

            loops[at].run(batch, tally, pass_on)

        read(messages, 0)
        typed = len(messages) - refused[-1]
        if typed:
            result.envelopes[Envelope.EMF, "event"] += typed
            result.times[TimeSource.EMF] += typed
        self._favour(loops, len(messages), refused)
        return len(messages)

    def _read_until_taught(
        self, messages: Sequence[Message], tally: PartitionTally, result: IntakeResult
    ) -> int:
        known = len(self._loops)
        for count, message in enumerate(messages, start=1):
            self._read_tolerantly(message, tally, result)
            if len(self._loops) > known:
                return count
        return len(messages)

    def _favour(self, loops: list[_Loop], count: int, refused: list[int]) -> None:
        """Try first the loop that read most of the last batch.

        The order never changes what a record means.
        """
        offered = [count, *refused]
        read = [offered[at] - offered[at + 1] for at in range(len(refused))]
        if len(read) > 1 and max(read) > read[0]:
            best = loops[read.index(max(read))]
            self._loops.sort(key=lambda loop: loop is not best)

    def _prepare(self, books: Sequence[RuleSet]) -> None:
        """Have loops for ``books`` as for those before them; forget those of the oldest."""
        for book in books:
            if self._books.pop(id(book), None) is None:
                for document in self._taught:
                    self._compile(learn_schema(document, self._mapping, book), book)
            self._books[id(book)] = book
        while len(self._books) > max(MAX_BOOKS, len(books)):
            gone = self._books.pop(next(iter(self._books)))
            self._loops = [loop for loop in self._loops if loop.book is not gone]

    def _decoder(self, record_ms: int) -> Decoder:
        """Return the decoder for records of this time, which knows the members that rules read."""
        book = self._rules_at(self._times.pane_of(record_ms))
        known = self._decoders.get(id(book))
        if known is None:
            if len(self._decoders) >= MAX_BOOKS:
                del self._decoders[next(iter(self._decoders))]
            known = self._decoders[id(book)] = (
                book, Decoder(self._mapping, self._limits, book)
            )  # fmt: skip
        return known[1]

    def _read_tolerantly(
        self, message: Message, tally: PartitionTally, result: IntakeResult
    ) -> None:
        record_ms = message.timestamp()[1]
        decoder = self._decoder(record_ms)
        decoded = decoder.decode(message.value(), topic=self._topic, record_ms=record_ms)
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
            book = tally.rule_set_of(event.time_ms)
            contributions = [
                (position, contribution)
                for position, rule in enumerate(book)
                if (contribution := match(event, rule, key_characters=longest)) is not None
            ]
            tally.add(event, contributions, record_ms=record_ms)
        if decoded.envelope is Envelope.EMF and len(decoded.events) == 1:
            event = decoded.events[0]
            self._learn(event.document, tally.rule_set_of(event.time_ms))

    def _learn(self, document: Any, book: RuleSet) -> None:
        layout = learn_schema(document, self._mapping, book)
        if layout is None or id(book) not in self._books or self._is_full(layout, book):
            return
        shape = (id(book), layout)
        self._candidates[shape] += 1
        if self._candidates[shape] >= LESSONS:
            del self._candidates[shape]
            self._compile(layout, book)
            self._taught = [*self._taught, document][-MAX_LAYOUTS:]
        elif len(self._candidates) > MAX_CANDIDATES:
            self._candidates.clear()

    def _is_full(self, layout: RecordSchema, book: RuleSet) -> bool:
        layouts = [loop.layout for loop in self._loops if loop.book is book]
        return len(layouts) >= MAX_LAYOUTS or layout in layouts

    def _compile(self, layout: RecordSchema | None, book: RuleSet) -> None:
        if layout is None or self._is_full(layout, book):
            return
        run = compile_loop(
            layout,
            book,
            mapping=self._mapping,
            limits=self._limits,
            times=self._times,
            topic=self._topic,
            cell=ZONE + 1 + sum(loop.book is book for loop in self._loops),
            callbacks={
                "blame_caller": blame_caller,
                "name_zone": self._name_zone,
                "match_whole": self._matcher_of(layout, book),
            },
        )
        self._loops.append(_Loop(book, layout, run))

    def _matcher_of(self, layout: RecordSchema, book: RuleSet) -> MatchWhole:
        """Return what matches a message, which a loop has counted, by the rules it cannot serve."""
        longest = self._limits.key_characters
        exotic = [(at, rule) for at, rule in enumerate(book) if rule.name in layout.exotic]

        def match_whole(tally: PartitionTally, pane: OpenPane, message: Message) -> None:
            decoder = self._decoder(message.timestamp()[1])
            bare = decoder.bare_emf(message.value() or b"", self._topic)
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
        record_ms = message.timestamp()[1]
        decoder = self._decoder(record_ms)
        decoded = decoder.decode(message.value(), topic=self._topic, record_ms=record_ms)
        for event in decoded.events:
            pane.name_zone(zone, event.zone_id, event.zone_name)
            return
        pane.name_zone(zone, zone, "")
