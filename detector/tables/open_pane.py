"""The tables of an open pane, which the tally and the generated loop update in place.

A fleet row is a plain list, because it takes several hundred thousand updates a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detector.logs.events import LogEvent
from detector.rules.rules import Aggregate, ContributorRule, Percentiles, RuleSet
from detector.tables.contributor_table import ContributorTable, Key
from detector.tables.measured_columns import measured_pane
from detector.tables.pane_encoding import fleet_panes, rule_pane
from detector.tables.pane_records import FleetPane, RulePane

(
    REQUESTS, FAULTS, SLOW, CONNECTION_FAILURES, LAST_SEEN_MS, LATENCY_US, UNTIMED, CALLERS,
    SERVICE, ZONE,
) = range(10)  # fmt: skip
"""Indexes of a fleet row; the cells of ``RowRules`` follow.

``UNTIMED`` counts the requests without a latency: they are few, and counting costs time.
"""

MAX_ROW_RULES = 8
"""Cells of a row: one for each record schema that has a compiled loop."""

CALLERS_PER_HOST = 256
"""Callers with faults that one row remembers; faults of later callers are not attributed."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """Rules of one record schema that count every event by keys that its row already has.

    The row counts its events once, whatever the number of rules. ``cell`` is the index in the row
    of that count, which is ``None`` until the first event; ``rules`` are (position in the rule set,
    indexes of its keys): ``SERVICE``, ``ZONE`` or ``HOST``.
    """

    cell: int
    rules: tuple[tuple[int, tuple[int, ...]], ...]

    @staticmethod
    def key(places: Sequence[int], row: Sequence[Any], host: str) -> Key:
        """Return the contributor of ``row`` under a rule."""
        names = tuple(host if place == HOST else row[place] for place in places)
        return names[0] if len(names) == 1 else names


HOST = -1
"""Index that stands for the host in a key; the host is the row's key and not in the row."""


class OpenPane:
    """Tables of one open pane.

    ``rows`` is keyed by host alone, because hashing one string is several times faster than hashing
    a tuple of three. Rows of a host under a second service or zone are in ``other_rows``, keyed by
    all three. ``row_rules`` maps a cell of the rows to the rules that it counts for. ``rule_set``
    is in force in the pane until it closes; ``tables`` belong to its rules, in order.
    """

    __slots__ = (
        "ids", "other_rows", "row_rules", "rows", "rule_set", "start_ms", "tables", "zones",
    )  # fmt: skip

    def __init__(self, start_ms: int, rule_set: RuleSet) -> None:
        self.start_ms = start_ms
        self.rule_set = rule_set
        self.rows: dict[str, list[Any]] = {}
        self.other_rows: dict[tuple[str, str, str], list[Any]] = {}
        self.zones: dict[str, tuple[str, str]] = {}
        self.tables = [ContributorTable() for _ in rule_set]
        self.row_rules: dict[int, RowRules] = {}
        self.ids: set[str] = set()

    def row(self, service: str, zone: str, host: str) -> list[Any]:
        """Return the row of a host, creating it if needed."""
        row = self.rows.get(host)
        if row is None:
            row = self.rows[host] = _new_row(service, zone)
            return row
        if row[SERVICE] == service and row[ZONE] == zone:
            return row
        key = (service, zone, host)
        other = self.other_rows.get(key)
        if other is None:
            other = self.other_rows[key] = _new_row(service, zone)
        return other

    def add_event(self, event: LogEvent) -> None:
        """Count in its row an event that has a host and a zone."""
        zone = event.zone
        row = self.row(event.service, zone, event.host)
        if zone not in self.zones:
            self.name_zone(zone, event.zone_id, event.zone_name)
        row[REQUESTS] += event.requests
        row[SLOW] += event.slow
        row[CONNECTION_FAILURES] += event.connection_failures
        row[LATENCY_US] += event.latency_us
        row[UNTIMED] += event.requests - event.latencies
        row[LAST_SEEN_MS] = max(row[LAST_SEEN_MS], event.time_ms)
        if event.faults:
            row[FAULTS] += event.faults
            if event.caller:
                blame_caller(row, event.caller, event.faults)

    def name_zone(self, zone: str, zone_id: str, zone_name: str) -> None:
        """Remember both identities of a zone, from the pane's first event of it."""
        self.zones.setdefault(zone, (zone_id, zone_name))

    def all_rows(self) -> dict[tuple[str, str, str], list[Any]]:
        """Return every row by service, zone and host."""
        rows = {(row[SERVICE], row[ZONE], host): row for host, row in self.rows.items()}
        rows.update(self.other_rows)
        return rows


def _new_row(service: str, zone: str) -> list[Any]:
    return [0, 0, 0, 0, 0, 0.0, 0, None, service, zone, *(None,) * MAX_ROW_RULES]


def blame_caller(row: list[Any], caller: str, faults: float) -> None:
    """Attribute ``faults`` at the host of ``row`` to ``caller``."""
    callers = row[CALLERS]
    if callers is None:
        callers = row[CALLERS] = {}
    if caller in callers:
        callers[caller] += faults
    elif len(callers) < CALLERS_PER_HOST:
        callers[caller] = faults


def packed_tables(pane: OpenPane) -> tuple[list[FleetPane], list[RulePane]]:
    """Return a closed pane as its record holds it: a fleet per service, a table per rule."""
    rows = pane.all_rows()
    _count_rows(pane, rows)
    fleets = fleet_panes(
        {key: _fleet_row(row, pane.zones[key[1]]) for key, row in rows.items()},
        {key: row[CALLERS] for key, row in rows.items() if row[CALLERS]},
    )
    packed = [
        _rule_pane(rule, table)
        for rule, table in zip(pane.rule_set, pane.tables, strict=True)
        if table.values or table.unheld
    ]
    return fleets, packed


def _fleet_row(row: list[Any], names: tuple[str, str]) -> list[float | str]:
    return [*row[:UNTIMED], row[REQUESTS] - row[UNTIMED], *names]


def _count_rows(pane: OpenPane, rows: Mapping[tuple[str, str, str], list[Any]]) -> None:
    """Add the events that the rows counted to the tables of their rules."""
    for row_rules in pane.row_rules.values():
        for (_, _, host), row in rows.items():
            events = row[row_rules.cell]
            if events:
                for at, places in row_rules.rules:
                    pane.tables[at].values[row_rules.key(places, row, host)] += events


def _rule_pane(rule: ContributorRule, table: ContributorTable) -> RulePane:
    """Pack a rule's table; a counting rule has one observation of 1 per event."""
    counts = rule.aggregate_on is Aggregate.COUNT and not isinstance(rule.measure, Percentiles)
    samples = sum(table.values.values()) + table.sketch_weight + table.unheld
    return rule_pane(
        rule.name,
        rule.version,
        {(key,) if isinstance(key, str) else key: value for key, value in table.values.items()},
        samples=float(samples if counts else table.samples),
        minimum=1.0 if counts else table.minimum,
        maximum=1.0 if counts else table.maximum,
        sketch=table.sketch.serialize() if table.sketch is not None else b"",
        sketch_weight=float(table.sketch_weight),
        measured=None if rule.measure is None else measured_pane(rule.measure, table),
    )
