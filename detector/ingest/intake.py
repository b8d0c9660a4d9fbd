"""Intake: adds a batch of raw records of one source partition to its open panes.

The loop compiled for one record schema reads what it can. Each remaining record goes, in order,
through the loops of the other known schemas and finally through the tolerant decoder, which also
learns new schemas.

Law: the path that a record takes never changes what it means.

A loop is compiled for one rule set and reads only events of panes with that rule set. When a pane
gets another rule set, new loops are compiled from the documents that the old ones were learned
from: before the first event of the pane where the change is known in advance.

Known limits: a document without any mapped field counts as an event if the rule set in force at the
timestamp of its record reads one of its members.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from detector.core.vocabulary import Envelope, TimeSource
from detector.ingest.fast_path import Message, Run, compile_loop
from detector.ingest.schema import RecordSchema, learn_schema
from detector.logs.decode import Decoder
from detector.logs.events import Unreadable
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.match import match, match_document
from detector.rules.rules import RuleSet
from detector.tables.open_pane import MAX_ROW_RULES, ZONE, OpenPane, blame_caller
from detector.tables.tally import PartitionTally
from detector.tables.windows import WindowTimes

MAX_SCHEMAS = MAX_ROW_RULES
"""Record schemas with a compiled loop, per rule set; records of any other are read tolerantly."""

MIN_SAMPLES = 20
"""Records of a new schema before a loop is compiled for it, which takes about a millisecond."""

MAX_CANDIDATES = 256
"""Schemas whose records are being counted; above it the counts are cleared.

Hostile records therefore cannot fill memory.
"""

MAX_RULE_SETS = 4
"""Rule sets with loops and decoders; more than one, since partitions differ in event time."""


MatchWhole = Callable[[PartitionTally, OpenPane, Message], None]


@dataclass(slots=True)
class IntakeResult:
    """Result of a batch: its dead letters, and counts for metrics.

    ``dead`` pairs each unreadable message with the reason. ``unplaced`` counts events without host
    or zone.
    """

    dead: list[tuple[Any, Unreadable]] = field(default_factory=list)
    envelopes: Counter[tuple[Envelope, str]] = field(default_factory=Counter)
    times: Counter[TimeSource] = field(default_factory=Counter)
    unplaced: int = 0


class _Loop(NamedTuple):
    """One compiled loop, and the rule set and record schema that it was compiled for."""

    rule_set: RuleSet
    schema: RecordSchema
    run: Run


class Intake:
    """Reads the batches of one input topic by one field mapping; holds the compiled loops.

    ``rules_at`` returns the rules in force in the pane that starts at a given time, epoch
    milliseconds. The open panes of a tally keep their own rule set.
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
        self._rule_sets: dict[int, RuleSet] = {}
        self._learned_from: list[Any] = []
        self._candidates: Counter[tuple[int, RecordSchema]] = Counter()

    def read(self, messages: Sequence[Message], tally: PartitionTally) -> IntakeResult:
        """Count ``messages``, in offset order, into ``tally``."""
        result = IntakeResult()
        rest = messages
        while rest:
            rest = rest[self._read_some(rest, tally, result) :]
        return result

    def _read_some(
        self, messages: Sequence[Message], tally: PartitionTally, result: IntakeResult
    ) -> int:
        """Count ``messages`` and return how many.

        Without a loop it stops after the record that the first loop is learned from.
        """
        rule_sets = tally.rule_sets()
        self._prepare(rule_sets)
        loops = [loop for loop in self._loops if any(loop.rule_set is each for each in rule_sets)]
        if not loops:
            return self._read_until_learned(messages, tally, result)
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
        self._reorder(loops, len(messages), refused)
        return len(messages)

    def _read_until_learned(
        self, messages: Sequence[Message], tally: PartitionTally, result: IntakeResult
    ) -> int:
        known = len(self._loops)
        for count, message in enumerate(messages, start=1):
            self._read_tolerantly(message, tally, result)
            if len(self._loops) > known:
                return count
        return len(messages)

    def _reorder(self, loops: list[_Loop], count: int, refused: list[int]) -> None:
        """Move the loop that read most of the last batch to the front.

        The order of the loops never changes what a record means.
        """
        offered = [count, *refused]
        read = [offered[at] - offered[at + 1] for at in range(len(refused))]
        if len(read) > 1 and max(read) > read[0]:
            best = loops[read.index(max(read))]
            self._loops.sort(key=lambda loop: loop is not best)

    def _prepare(self, rule_sets: Sequence[RuleSet]) -> None:
        """Compile loops for new ones among ``rule_sets``; drop those of the oldest rule sets."""
        for rule_set in rule_sets:
            if self._rule_sets.pop(id(rule_set), None) is None:
                for document in self._learned_from:
                    self._compile(learn_schema(document, self._mapping, rule_set), rule_set)
            self._rule_sets[id(rule_set)] = rule_set
        while len(self._rule_sets) > max(MAX_RULE_SETS, len(rule_sets)):
            oldest = self._rule_sets.pop(next(iter(self._rule_sets)))
            self._loops = [loop for loop in self._loops if loop.rule_set is not oldest]

    def _decoder(self, record_ms: int) -> Decoder:
        """Return the decoder for records of this time; it knows which members the rules read."""
        rule_set = self._rules_at(self._times.pane_of(record_ms))
        known = self._decoders.get(id(rule_set))
        if known is None:
            if len(self._decoders) >= MAX_RULE_SETS:
                del self._decoders[next(iter(self._decoders))]
            known = self._decoders[id(rule_set)] = (
                rule_set, Decoder(self._mapping, self._limits, rule_set)
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
            rule_set = tally.rule_set_of(event.time_ms)
            contributions = [
                (position, contribution)
                for position, rule in enumerate(rule_set)
                if (contribution := match(event, rule, key_characters=longest)) is not None
            ]
            tally.add(event, contributions, record_ms=record_ms)
        if decoded.envelope is Envelope.EMF and len(decoded.events) == 1:
            event = decoded.events[0]
            self._learn(event.document, tally.rule_set_of(event.time_ms))

    def _learn(self, document: Any, rule_set: RuleSet) -> None:
        schema = learn_schema(document, self._mapping, rule_set)
        if schema is None or id(rule_set) not in self._rule_sets or self._is_full(schema, rule_set):
            return
        shape = (id(rule_set), schema)
        self._candidates[shape] += 1
        if self._candidates[shape] >= MIN_SAMPLES:
            del self._candidates[shape]
            self._compile(schema, rule_set)
            self._learned_from = [*self._learned_from, document][-MAX_SCHEMAS:]
        elif len(self._candidates) > MAX_CANDIDATES:
            self._candidates.clear()

    def _is_full(self, schema: RecordSchema, rule_set: RuleSet) -> bool:
        schemas = [loop.schema for loop in self._loops if loop.rule_set is rule_set]
        return len(schemas) >= MAX_SCHEMAS or schema in schemas

    def _compile(self, schema: RecordSchema | None, rule_set: RuleSet) -> None:
        if schema is None or self._is_full(schema, rule_set):
            return
        run = compile_loop(
            schema,
            rule_set,
            mapping=self._mapping,
            limits=self._limits,
            times=self._times,
            topic=self._topic,
            cell=ZONE + 1 + sum(loop.rule_set is rule_set for loop in self._loops),
            callbacks={
                "blame_caller": blame_caller,
                "name_zone": self._name_zone,
                "match_whole": self._matcher_of(schema, rule_set),
            },
        )
        self._loops.append(_Loop(rule_set, schema, run))

    def _matcher_of(self, schema: RecordSchema, rule_set: RuleSet) -> MatchWhole:
        """Return the function that applies the rules which a loop of this schema cannot evaluate.

        The loop calls it with messages that it has counted.
        """
        longest = self._limits.key_characters
        not_compilable = [
            (at, rule) for at, rule in enumerate(rule_set) if rule.name in schema.not_compilable
        ]

        def match_whole(tally: PartitionTally, pane: OpenPane, message: Message) -> None:
            decoder = self._decoder(message.timestamp()[1])
            bare = decoder.bare_emf(message.value() or b"", self._topic)
            # None cannot occur: the loop reads bare EMF only.
            if bare is not None:
                found = [
                    (at, match_document(*bare, rule, key_characters=longest))
                    for at, rule in not_compilable
                ]
                added = [(at, contribution) for at, contribution in found if contribution]
                tally.add_contributions(pane, added)

        return match_whole

    def _name_zone(self, pane: OpenPane, zone: str, message: Message) -> None:
        """Record both names of a zone, once per zone and pane; the typed decoder reads only one."""
        record_ms = message.timestamp()[1]
        decoder = self._decoder(record_ms)
        decoded = decoder.decode(message.value(), topic=self._topic, record_ms=record_ms)
        for event in decoded.events:
            pane.name_zone(zone, event.zone_id, event.zone_name)
            return
        pane.name_zone(zone, zone, "")
