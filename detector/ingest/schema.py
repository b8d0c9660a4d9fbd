"""Record schemas: which members of a producer's records are read, and their JSON types.

Producers write the same members in every record. A decoder typed for just those members reads a
record in half a microsecond; building the whole document and looking for every known name takes ten
times as long. A schema is learned from one document that the tolerant decoder accepted.

Law: a schema never changes what a record means. Names with precedence over the chosen one must be
absent, and the tolerant decoder reads every record that does not fit the types.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from detector.logs.field_paths import FieldPath
from detector.logs.fields import FieldMapping
from detector.rules.rules import (
    Aggregate,
    ContributorRule,
    Filter,
    LogFormat,
    Operator,
    Percentiles,
    Ratio,
    RuleSet,
)

NUMERIC = frozenset(
    {
        Operator.GREATER_THAN,
        Operator.LESS_THAN,
        Operator.EQUAL_TO,
        Operator.NOT_EQUAL_TO,
        Operator.BETWEEN,
    }
)


class MemberKind(StrEnum):
    """JSON type that a member must have: text, integer, number, or a list of exactly one number."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    LONE = "lone"


@dataclass(frozen=True, slots=True)
class RecordSchema:
    """The members of one producer's records that are read.

    ``members`` lists every root member that is read with its kind, in the order that the producer
    writes them. Schemas that differ only in this order are equal (``kind_by_name`` is compared).
    The fields ``host`` to ``event_id`` name the member with that meaning, ``None`` where the
    producer has none. Members in ``absent`` must not appear. ``inert`` names the rules that cannot
    match these records: they read an absent member, or lines of text. ``not_compilable`` names the
    rules that no typed decoder can serve (nested paths, presence, members of no known type); the
    reference matches them record by record.
    """

    kind_by_name: frozenset[tuple[str, MemberKind]]
    members: tuple[tuple[str, MemberKind], ...] = field(compare=False)
    absent: tuple[str, ...]
    host: str
    zone_id: str | None
    zone_name: str | None
    service: str | None
    caller: str | None
    status: str | None
    fault: str | None
    latency: str | None
    connection_failure: str | None
    requests: str | None
    event_id: str | None
    inert: frozenset[str]
    not_compilable: frozenset[str]

    @property
    def meanings(self) -> frozenset[str | None]:
        """The members with a meaning in the field mapping; all of them must be present."""
        return frozenset(
            (
                self.host,
                self.zone_id,
                self.zone_name,
                self.service,
                self.caller,
                self.status,
                self.fault,
                self.latency,
                self.connection_failure,
                self.requests,
                self.event_id,
            )
        )


def learn_schema(
    document: Mapping[str, Any], mapping: FieldMapping, rules: RuleSet
) -> RecordSchema | None:
    """Return the schema of a bare EMF document, ``None`` if no typed decoder can read it.

    ``None`` also for documents without host or zone, and where a member with a meaning has a type
    that no decoder can require (null, objects, lists of several numbers).
    """
    metadata = document.get("_aws")
    if not isinstance(metadata, dict) or type(metadata.get("Timestamp")) is not int:
        return None
    return _SchemaLearner(document, mapping).learn(rules)


class _NotCompilable(Exception):  # noqa: N818
    """The document, or a member that a rule reads, has no supported type; caught below."""


class _SchemaLearner:
    """Collects present and absent members while it looks up the meanings."""

    def __init__(self, document: Mapping[str, Any], mapping: FieldMapping) -> None:
        self._document = document
        self._mapping = mapping
        self._members: dict[str, MemberKind] = {}
        self._absent: dict[str, None] = {}
        self._inert: set[str] = set()
        self._not_compilable: set[str] = set()
        self._roots: set[str] = set()
        self._positions = {name: place for place, name in enumerate(document)}

    def learn(self, rules: RuleSet) -> RecordSchema | None:
        """Look up every meaning, then every member that a rule reads."""
        names = self._mapping
        try:
            host = self._find(names.host)
            zone_id = self._find(names.zone_id)
            zone_name = None if zone_id else self._find(names.zone_name)
            if not host or not (zone_id or zone_name):
                return None
            fault = self._find(names.fault, numeric=True)
            member_by_meaning = {
                "host": host,
                "zone_id": zone_id,
                "zone_name": zone_name,
                "service": self._find(names.service),
                "caller": self._find(names.caller),
                "status": None if fault else self._find_status(),
                "fault": fault,
                "latency": self._find(names.latency, numeric=True),
                "connection_failure": self._find(names.connection_failure, numeric=True),
                "requests": self._find(names.requests, numeric=True),
                "event_id": self._find(names.event_id),
            }
            for rule in rules:
                self._add_rule(rule)
            if not self._roots <= self._members.keys():
                return None
        except _NotCompilable:
            return None
        return RecordSchema(
            kind_by_name=frozenset(self._members.items()),
            members=tuple(sorted(self._members.items(), key=self._position)),
            absent=tuple(self._absent),
            inert=frozenset(self._inert),
            not_compilable=frozenset(self._not_compilable),
            **member_by_meaning,  # type: ignore[arg-type]
        )

    def _position(self, member: tuple[str, MemberKind]) -> int:
        # The typed decoder tries the next member first, so the producer's own order is fastest.
        return self._positions.get(member[0], len(self._positions))

    def _find(self, names: tuple[str, ...], *, numeric: bool = False) -> str | None:
        for name in names:
            plain = name.removeprefix("$.")
            if plain in self._document:
                self._members[plain] = self._kind_of(plain, numeric=numeric)
                return plain
            self._forbid(plain)
        return None

    def _find_status(self) -> str | None:
        status = self._find(self._mapping.status, numeric=True)
        if status is not None and self._members[status] is not MemberKind.INTEGER:
            raise _NotCompilable
        return status

    def _forbid(self, name: str) -> None:
        self._absent[name] = None
        root = name.partition(".")[0].partition("[")[0]
        if root not in self._document:
            self._absent[root] = None
        else:
            # Only a root that is read has a type, and so is known to hold nothing deeper.
            self._roots.add(root)

    def _kind_of(self, name: str, *, numeric: bool) -> MemberKind:
        value = self._document[name]
        if not numeric:
            if isinstance(value, str) and value:
                return MemberKind.TEXT
        elif type(value) is int:
            return MemberKind.INTEGER if name in self._mapping.status else MemberKind.NUMBER
        elif type(value) is float:
            return MemberKind.NUMBER
        elif isinstance(value, list) and len(value) == 1 and type(value[0]) in {int, float}:
            return MemberKind.LONE
        raise _NotCompilable

    def _add_rule(self, rule: ContributorRule) -> None:
        if rule.log_format is LogFormat.CLF or any(
            path[0] in self._absent for path in _needed(rule)
        ):
            # A missing member passes no filter and is no key, so this rule needs no member.
            self._inert.add(rule.name)
            return
        before = dict(self._members)
        try:
            self._type_rule(rule)
        except _NotCompilable:
            self._members = before
            self._not_compilable.add(rule.name)

    def _type_rule(self, rule: ContributorRule) -> None:
        conditions = [*rule.filters, *(each for group in rule.any_of for each in group)]
        numbers = [rule.value_of] if rule.value_of and rule.aggregate_on is Aggregate.SUM else []
        match rule.measure:
            case Ratio(filters, value_of):
                conditions += filters
                numbers += [value_of] if value_of else []
            case Percentiles(of):
                numbers.append(of)
        for path in rule.keys:
            self._add_rule_member(path, MemberKind.TEXT, is_key=True)
        for condition in conditions:
            if condition.operator is Operator.IS_PRESENT:
                raise _NotCompilable
            numeric = condition.operator in NUMERIC
            self._add_rule_member(
                condition.match, MemberKind.NUMBER if numeric else MemberKind.TEXT
            )
        for path in numbers:
            self._add_rule_member(path, MemberKind.NUMBER)

    def _add_rule_member(
        self, path: FieldPath, wanted: MemberKind, *, is_key: bool = False
    ) -> None:
        name = path[0]
        if len(path) > 1 or not isinstance(name, str) or name in self._absent:
            raise _NotCompilable
        kind = self._members.get(name)
        if kind is None:
            kind = self._observed(name, wanted, is_key=is_key)
            self._members[name] = kind
        if not _fits(kind, wanted) and not (kind is MemberKind.INTEGER and is_key):
            raise _NotCompilable

    def _observed(self, name: str, wanted: MemberKind, *, is_key: bool) -> MemberKind:
        if name not in self._document:
            return wanted
        value = self._document[name]
        if wanted is MemberKind.NUMBER:
            return self._kind_of(name, numeric=True)
        if isinstance(value, str):
            return MemberKind.TEXT
        if is_key and type(value) is int:
            return MemberKind.INTEGER
        raise _NotCompilable


def can_compile(condition: Filter, kind: MemberKind) -> bool:
    """Say whether the loop can test a filter on members of this kind."""
    if condition.operator is Operator.IS_PRESENT:
        return False
    return _fits(kind, MemberKind.NUMBER if condition.operator in NUMERIC else MemberKind.TEXT)


def _fits(kind: MemberKind, wanted: MemberKind) -> bool:
    return kind is wanted or MemberKind.TEXT not in {kind, wanted}


def _needed(rule: ContributorRule) -> Iterator[FieldPath]:
    """Yield the fields that an event must have for the rule to match."""
    yield from rule.keys
    yield from (each.match for each in rule.filters if each.operator is not Operator.IS_PRESENT)
    if rule.value_of is not None:
        yield rule.value_of
    if isinstance(rule.measure, Percentiles):
        yield rule.measure.of
