"""Source text of the generated hot loop for one record schema and rule set.

Law: the text holds only keywords, numbers from checked settings and names made here (``m3``,
``t12``, ``c4``). Everything that an operator or a producer wrote (member names, operands, service
names) goes through ``constants``.
"""

from collections.abc import Iterator, Mapping, Sequence

from detector.ingest.loop_expressions import Expressions
from detector.ingest.loop_rules import RulesSource
from detector.ingest.schema import RecordSchema
from detector.logs.event_time import EARLIEST_MS, LATEST_MS
from detector.logs.fields import DecodeLimits, FieldMapping, LatencyUnit
from detector.rules.rules import Aggregate, ContributorRule, LogFormat
from detector.tables.open_pane import (
    CONNECTION_FAILURES,
    FAULTS,
    HOST,
    LAST_SEEN_MS,
    LATENCY_US,
    REQUESTS,
    SERVICE,
    SLOW,
    UNTIMED,
    ZONE,
    RowRules,
)
from detector.tables.windows import WindowTimes

MS_BY_UNIT = {
    LatencyUnit.MICROSECONDS: 0.001,
    LatencyUnit.MILLISECONDS: 1.0,
    LatencyUnit.SECONDS: 1000.0,
}
US_BY_UNIT = {unit: ms * 1000.0 for unit, ms in MS_BY_UNIT.items()}


class LoopSource:
    """Writes ``run(messages, tally, slow)`` line by line; ``constants`` must be in its globals."""

    def __init__(
        self,
        schema: RecordSchema,
        rules: Sequence[ContributorRule],
        attribute_by_name: Mapping[str, str],
        *,
        mapping: FieldMapping,
        limits: DecodeLimits,
        times: WindowTimes,
        cell: int,
    ) -> None:
        self._schema = schema
        self._rules = rules
        self._mapping = mapping
        self._limits = limits
        self._times = times
        self._universal = all(rule.reads_all_groups for rule in rules)
        self.constants: dict[str, object] = {
            "DEFAULT_SERVICE": mapping.default_service,
            "SLOW_BY_SERVICE": {
                service: threshold / MS_BY_UNIT[mapping.latency_unit]
                for service, threshold in mapping.slow_threshold_ms_by_service.items()
            },
        }
        self._write = Expressions(schema, attribute_by_name, self.constants)
        self._row_rules = self._find_row_rules(cell)
        self.constants["ROW_RULES"] = self._row_rules

    def _find_row_rules(self, cell: int) -> RowRules:
        """Collect the rules that count every event by fields that a fleet row holds."""
        schema = self._schema
        cell_by_name = {
            schema.host: HOST,
            schema.zone_id or schema.zone_name: ZONE,
            schema.service: SERVICE,
        }
        found = [
            (at, tuple(cell_by_name[str(path[0])] for path in rule.keys))
            for at, rule in enumerate(self._rules)
            if not (rule.filters or rule.any_of or rule.measure)
            and rule.aggregate_on is Aggregate.COUNT
            and rule.log_format is LogFormat.JSON
            and rule.reads_all_groups
            and all(path[0] in cell_by_name for path in rule.keys)
        ]
        return RowRules(cell, tuple(found))

    @property
    def reads_log_group(self) -> bool:
        """Say whether the loop needs the log group: some rule does not cover all of them."""
        return not self._universal

    def text(self) -> str:
        """Return the source of the loop."""
        return "\n".join(
            (*self._head(), *self._pane(), *self._row(), *self._contributions(), *self._tail())
        )

    def _head(self) -> Iterator[str]:
        yield from (
            "def run(messages, tally, slow):",
            " top = tally.top_ms; close_at = tally.close_at_ms; start = end = 0",
            " exact = tally.limits.exact_contributors",
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
        # A late event must not change ``pane``: the next event may still belong to it.
        yield "   found = tally.pane_for(time_ms)"
        yield "   if found is None:"
        yield "    tally.late += 1"
        yield "    continue"
        yield "   if found.rule_set is not RULE_SET:"
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
        schema = self._schema
        if schema.event_id:
            yield f"  if not tally.first_sight(pane, {self._write.value(schema.event_id)}):"
            yield "   tally.duplicates += 1"
            yield "   continue"
        service = self._write.value(schema.service) if schema.service else "DEFAULT_SERVICE"
        zone = self._write.value(schema.zone_id or schema.zone_name or "")
        yield f"  {self._write.assign('host', self._write.value(schema.host))}"
        yield f"  {self._write.assign('service', service)}"
        yield f"  {self._write.assign('zone', zone)}"
        yield "  try:"
        yield "   row = rows[host]"
        yield f"   if row[{ZONE}] != zone or row[{SERVICE}] != service: raise KeyError"
        yield "  except KeyError:"
        yield "   row = pane.row(service, zone, host)"
        yield "   if zone not in zones: name_zone(pane, zone, message)"
        yield from self._counts()
        yield f"  if time_ms > row[{LAST_SEEN_MS}]: row[{LAST_SEEN_MS}] = time_ms"

    def _counts(self) -> Iterator[str]:
        schema = self._schema
        requests = self._write.amount(schema.requests) if schema.requests else "1.0"
        yield f"  row[{REQUESTS}] += {requests}"
        if schema.fault:
            yield f"  {self._write.assign('faults', self._write.amount(schema.fault))}"
        elif schema.status:
            yield f"  faults = {requests} if {self._write.value(schema.status)} >= 500 else 0"
        if schema.fault or schema.status:
            yield "  if faults:"
            yield f"   row[{FAULTS}] += faults"
            if schema.caller:
                yield f"   blame_caller(row, {self._write.value(schema.caller)}, faults)"
        if schema.latency:
            threshold = (
                f"{self._mapping.slow_threshold_ms / MS_BY_UNIT[self._mapping.latency_unit]!r}"
            )
            if self._mapping.slow_threshold_ms_by_service:
                threshold = f"SLOW_BY_SERVICE.get(service, {threshold})"
            microseconds = US_BY_UNIT[self._mapping.latency_unit]
            yield f"  {self._write.assign('latency', self._write.value(schema.latency))}"
            yield f"  row[{LATENCY_US}] += latency * {microseconds!r}"
            if schema.requests:
                yield f"  row[{UNTIMED}] += {requests} - 1.0"
            yield f"  if latency > {threshold}: row[{SLOW}] += 1"
        else:
            yield f"  row[{UNTIMED}] += {requests}"
        if schema.connection_failure:
            failures = self._write.amount(schema.connection_failure)
            yield f"  {self._write.assign('failures', failures)}"
            yield f"  if failures: row[{CONNECTION_FAILURES}] += failures"

    def _contributions(self) -> Iterator[str]:
        if not self._universal:
            yield "  covering = masks[r.metadata.LogGroupName]"
        if self._row_rules.rules:
            cell = self._row_rules.cell
            yield f"  try: row[{cell}] += 1"
            yield "  except TypeError: tally.count_row(pane, row, host, ROW_RULES)"
        done = {at for at, _ in self._row_rules.rules}
        yield from RulesSource(
            self._schema, self._rules, done, self._write, universal=self._universal
        ).text()

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
