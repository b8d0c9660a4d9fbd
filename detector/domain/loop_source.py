"""Text of the generated hot loop for one layout and rule book.

The text holds only keywords, numbers from checked settings and names made here (``m3``, ``t12``,
``c4``); everything that a person or a producer wrote (member names, operands, service names) goes
through ``constants``.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from detector.domain.event_time import EARLIEST_MS, LATEST_MS
from detector.domain.fields import DecodeLimits, FieldMapping, LatencyUnit
from detector.domain.layout import Kind, Layout
from detector.domain.open_pane import (
    CONNECTION_FAILURES,
    FAULTS,
    HOST,
    LAST_SEEN_MS,
    LATENCIES,
    LATENCY_US,
    REQUESTS,
    SERVICE,
    SLOW,
    ZONE,
    RowRules,
)
from detector.domain.rules import Aggregate, ContributorRule, Filter, Operator
from detector.domain.windows import WindowTimes

MS_BY_UNIT = {
    LatencyUnit.MICROSECONDS: 0.001,
    LatencyUnit.MILLISECONDS: 1.0,
    LatencyUnit.SECONDS: 1000.0,
}
US_BY_UNIT = {unit: ms * 1000.0 for unit, ms in MS_BY_UNIT.items()}
COMPARISON = {
    Operator.GREATER_THAN: ">",
    Operator.LESS_THAN: "<",
    Operator.EQUAL_TO: "==",
    Operator.NOT_EQUAL_TO: "!=",
}


class LoopSource:
    """Writes ``run(messages, tally, slow)`` line by line; ``constants`` must be in its globals."""

    def __init__(
        self,
        layout: Layout,
        rules: Sequence[ContributorRule],
        attribute_by_name: Mapping[str, str],
        *,
        mapping: FieldMapping,
        limits: DecodeLimits,
        times: WindowTimes,
        cell: int,
    ) -> None:
        self._layout = layout
        self._rules = rules
        self._attribute_by_name = attribute_by_name
        self._kind_by_name = dict(layout.members)
        self._mapping = mapping
        self._limits = limits
        self._times = times
        self._universal = all("*" in rule.log_group_names for rule in rules)
        self.constants: dict[str, object] = {
            "DEFAULT_SERVICE": mapping.default_service,
            "SLOW_BY_SERVICE": {
                service: threshold / MS_BY_UNIT[mapping.latency_unit]
                for service, threshold in mapping.slow_threshold_ms_by_service.items()
            },
        }

        self._row_rules = self._find_row_rules(cell)
        self.constants["ROW_RULES"] = self._row_rules

    def _find_row_rules(self, cell: int) -> RowRules:
        """Collect the rules that count every event by names that the row has."""
        layout = self._layout
        place_by_name = {
            layout.host: HOST,
            layout.zone_id or layout.zone_name: ZONE,
            layout.service: SERVICE,
        }
        found = [
            (at, tuple(place_by_name[str(path[0])] for path in rule.keys))
            for at, rule in enumerate(self._rules)
            if not rule.filters
            and rule.aggregate_on is Aggregate.COUNT
            and "*" in rule.log_group_names
            and all(path[0] in place_by_name for path in rule.keys)
        ]
        return RowRules(cell, tuple(found))

    @property
    def reads_log_group(self) -> bool:
        """Say whether some rule does not cover every log group."""
        return not self._universal

    def text(self) -> str:
        """Return the source of the loop."""
        return "\n".join(
            (*self._head(), *self._pane(), *self._row(), *self._contributions(), *self._tail())
        )

    def _value(self, name: str) -> str:
        expression = f"r.{self._attribute_by_name[name]}"
        return f"{expression}[0]" if self._kind_by_name[name] is Kind.LONE else expression

    def _amount(self, name: str) -> str:
        value = self._value(name)
        return f"float({value})" if self._kind_by_name[name] is Kind.INTEGER else value

    def _head(self) -> Iterator[str]:
        yield from (
            "def run(messages, tally, slow):",
            " top = tally.top_ms; close_at = tally.close_at_ms; start = end = 0",
            " for message in messages:",
            "  value = message.value()",
            "  try:",
            "   r = decode(value)",
            f"   if len(value) > {self._limits.record_bytes}: raise TypeError",
            "   if not (value.isascii() or is_utf8(value)): raise TypeError",
            "  except REFUSED:",
            *self._hand_over("   "),
            "  time_ms = r.metadata.Timestamp",
        )

    @staticmethod
    def _hand_over(indent: str) -> Iterator[str]:
        yield f"{indent}tally.top_ms = top; slow(message)"
        yield f"{indent}top = tally.top_ms; close_at = tally.close_at_ms; start = end = 0"
        yield f"{indent}continue"

    def _pane(self) -> Iterator[str]:
        ahead = f"0 < message.timestamp()[1] < time_ms - {self._times.future_tolerance_ms}"
        yield f"  if {ahead} or not start <= time_ms < end:"
        yield f"   if not {EARLIEST_MS} <= time_ms < {LATEST_MS}:"
        yield from self._hand_over("    ")
        yield f"   if {ahead}:"
        yield "    tally.future += 1"
        yield "    continue"
        # A late event must leave the pane alone that the next event may still fall into.
        yield "   found = tally.pane_for(time_ms)"
        yield "   if found is None:"
        yield "    tally.late += 1"
        yield "    continue"
        yield "   if found.book is not BOOK:"
        yield from self._hand_over("    ")
        yield "   pane = found"
        yield f"   start = max(pane.start_ms, {EARLIEST_MS})"
        yield f"   end = min(pane.start_ms + {self._times.pane_ms}, {LATEST_MS})"
        yield "   rows = pane.rows; zones = pane.zones; tables = pane.tables; ids = pane.ids"
        if self._row_rules.rules:
            yield f"   pane.row_rules[{self._row_rules.cell}] = ROW_RULES"
        for position in range(len(self._rules)):
            yield f"   t{position} = tables[{position}].values"

    def _row(self) -> Iterator[str]:
        layout = self._layout
        if layout.event_id:
            yield f"  if not tally.first_sight(pane, {self._value(layout.event_id)}):"
            yield "   tally.duplicates += 1"
            yield "   continue"
        service = self._value(layout.service) if layout.service else "DEFAULT_SERVICE"
        yield f"  host = {self._value(layout.host)}; service = {service}"
        yield f"  zone = {self._value(layout.zone_id or layout.zone_name or '')}"
        yield "  try:"
        yield "   row = rows[host]"
        yield f"   if row[{ZONE}] != zone or row[{SERVICE}] != service: raise KeyError"
        yield "  except KeyError:"
        yield "   row = pane.row(service, zone, host)"
        yield "   if zone not in zones: name_zone(pane, zone, message)"
        yield from self._counts()
        yield f"  if time_ms > row[{LAST_SEEN_MS}]: row[{LAST_SEEN_MS}] = time_ms"

    def _counts(self) -> Iterator[str]:
        layout = self._layout
        requests = self._amount(layout.requests) if layout.requests else "1.0"
        yield f"  row[{REQUESTS}] += {requests}"
        if layout.fault:
            yield f"  faults = {self._amount(layout.fault)}"
        elif layout.status:
            yield f"  faults = {requests} if {self._value(layout.status)} >= 500 else 0"
        if layout.fault or layout.status:
            yield "  if faults:"
            yield f"   row[{FAULTS}] += faults"
            if layout.caller:
                yield f"   blame_caller(row, {self._value(layout.caller)}, faults)"
        if layout.latency:
            threshold = (
                f"{self._mapping.slow_threshold_ms / MS_BY_UNIT[self._mapping.latency_unit]!r}"
            )
            if self._mapping.slow_threshold_ms_by_service:
                threshold = f"SLOW_BY_SERVICE.get(service, {threshold})"
            microseconds = US_BY_UNIT[self._mapping.latency_unit]
            yield f"  latency = {self._value(layout.latency)}"
            yield f"  row[{LATENCY_US}] += latency * {microseconds!r}; row[{LATENCIES}] += 1"
            yield f"  if latency > {threshold}: row[{SLOW}] += 1"
        if layout.connection_failure:
            yield f"  failures = {self._amount(layout.connection_failure)}"
            yield f"  if failures: row[{CONNECTION_FAILURES}] += failures"

    def _contributions(self) -> Iterator[str]:
        if not self._universal:
            yield "  covering = masks[r.metadata.LogGroupName]"
        done = {at for at, _ in self._row_rules.rules}
        if done:
            cell = self._row_rules.cell
            yield f"  try: row[{cell}] += 1"
            yield "  except TypeError: tally.count_row(pane, row, host, ROW_RULES)"
        live = (
            (at, rule)
            for at, rule in enumerate(self._rules)
            if at not in done and rule.name not in self._layout.inert
        )
        numbered = sorted(live, key=lambda item: (repr(item[1].filters), item[0]))
        for filters, group in groupby(numbered, key=lambda item: item[1].filters):
            conditions = [text for condition in filters for text in self._condition(condition)]
            indent = "  "
            if conditions:
                yield f"  if {' and '.join(conditions)}:"
                indent = "   "
            for position, rule in group:
                yield from self._contribution(indent, position, rule)

    def _condition(self, condition: Filter) -> Iterator[str]:
        name = str(condition.match[0])
        attribute = self._attribute_by_name[name]
        if name not in self._layout.meanings:
            yield f"r.{attribute} is not UNSET"
        value = self._value(name)
        if condition.operator in COMPARISON:
            operand = float(condition.operand)  # type: ignore[arg-type]
            yield f"{value} {COMPARISON[condition.operator]} {operand!r}"
        elif condition.operator is Operator.STARTS_WITH:
            yield f"{value}.startswith({self._constant(condition.operand)})"
        else:
            operator = "in" if condition.operator is Operator.IN else "not in"
            yield f"{value} {operator} {self._constant(condition.operand)}"

    def _constant(self, operand: object) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = operand
        return name

    def _contribution(self, indent: str, position: int, rule: ContributorRule) -> Iterator[str]:
        names = [str(path[0]) for path in rule.keys]
        parts = [
            f"str({self._value(name)})"
            if self._kind_by_name[name] is Kind.INTEGER
            else self._value(name)
            for name in names
        ]
        guards = [] if self._universal else [f"covering & {1 << position}"]
        summed = str(rule.value_of[0]) if rule.value_of and _sums(rule) else None
        needed = [*names, summed] if summed else names
        guards += [
            f"r.{self._attribute_by_name[name]} is not UNSET"
            for name in dict.fromkeys(needed)
            if name not in self._layout.meanings
        ]
        if guards:
            yield f"{indent}if {' and '.join(guards)}:"
            indent += " "
        key = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        amount = "1"
        if summed:
            amount = "amount"
            yield f"{indent}amount = {self._amount(summed)}"
            if summed not in self._layout.meanings:
                yield f"{indent}if amount >= 0.0:"
                indent += " "
            yield f"{indent}tables[{position}].observe(1, amount, amount)"
        yield f"{indent}k = {key}"
        yield f"{indent}try: t{position}[k] += {amount}"
        yield f"{indent}except KeyError: tally.insert(tables[{position}], k, {amount})"

    @staticmethod
    def _tail() -> Iterator[str]:
        yield from (
            "  if time_ms > top:",
            "   top = time_ms",
            "   if time_ms >= close_at:",
            "    tally.advance(time_ms); close_at = tally.close_at_ms; start = end = 0",
            " tally.top_ms = top",
            "",
        )


def _sums(rule: ContributorRule) -> bool:
    return rule.aggregate_on is Aggregate.SUM
