"""The tables of a pane that is still open, as the tally and the generated loop fill them in place.

A fleet row is a plain list, because it is updated at several hundred thousand events a second.
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
"""Places in a fleet row; behind them stand the cells of ``RowRules``.

``UNTIMED`` counts the requests that told no latency, because most tell it and counting costs time.
"""

MAX_ROW_RULES = 8
"""Cells of a row: one for each producer layout that has a compiled loop."""

CALLERS_PER_HOST = 256
"""Callers with faults that one row remembers; later ones are left out of the blame."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """Rules of one layout that count every event by keys that its row has already.

    Counting them once per row instead of once per event costs nothing per rule. ``cell`` is the
    place in the row where the events are counted, ``None`` until the first of them; ``rules`` are
    (position in the rule book, places of its keys): ``SERVICE``, ``ZONE`` or ``HOST``.
    """

    cell: int
    rules: tuple[tuple[int, tuple[int, ...]], ...]

    @staticmethod
    def key(places: Sequence[int], row: Sequence[Any], host: str) -> Key:
        """Return the contributor that ``row`` stands for under a rule."""
        names = tuple(host if place == HOST else row[place] for place in places)
        return names[0] if len(names) == 1 else names


HOST = -1
"""Stands for the host among the places of a key; the host is the row's key, not in the row."""


class OpenPane:
    """Tables of one pane that is still open.

    ``rows`` is keyed by host alone, because one string is hashed several times faster than a tuple
    of three; a host that appears under a second service or zone has those rows in ``other_rows``,
    keyed by all three. ``row_rules`` holds what the cells of the rows stand for, by cell. ``book``
    is in force in the pane from its opening to its end; ``tables`` belong to its rules, in order.
    """

    __slots__ = (
        "book", "ids", "other_rows", "row_rules", "rows", "start_ms", "tables", "zones",
    )  # fmt: skip

    def __init__(self, start_ms: int, book: RuleSet) -> None:
        self.start_ms = start_ms
        self.book = book
        self.rows: dict[str, list[Any]] = {}
        self.other_rows: dict[tuple[str, str, str], list[Any]] = {}
        self.zones: dict[str, tuple[str, str]] = {}
        self.tables = [ContributorTable() for _ in book]
        self.row_rules: dict[int, RowRules] = {}
        self.ids: set[str] = set()

    def row(self, service: str, zone: str, host: str) -> list[Any]:
        """Return the row of a host, made on first sight."""
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
        """Count an event that names host and zone in its row."""
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
        """Remember both identities of a zone as the pane's first event of it had them."""
        self.zones.setdefault(zone, (zone_id, zone_name))

    def all_rows(self) -> dict[tuple[str, str, str], list[Any]]:
        """Return every row by service, zone and host."""
        rows = {(row[SERVICE], row[ZONE], host): row for host, row in self.rows.items()}
        rows.update(self.other_rows)
        return rows


def _new_row(service: str, zone: str) -> list[Any]:
    return [0, 0, 0, 0, 0, 0.0, 0, None, service, zone, *(None,) * MAX_ROW_RULES]


def blame_caller(row: list[Any], caller: str, faults: float) -> None:
    """Add ``faults`` to what ``caller`` met at the host of ``row``."""
    callers = row[CALLERS]
    if callers is None:
        callers = row[CALLERS] = {}
    if caller in callers:
        callers[caller] += faults
    elif len(callers) < CALLERS_PER_HOST:
        callers[caller] = faults


def packed_tables(pane: OpenPane) -> tuple[list[FleetPane], list[RulePane]]:
    """Return the travelling form of a closed pane: a fleet per service, a table per rule."""
    rows = pane.all_rows()
    _count_rows(pane, rows)
    fleets = fleet_panes(
        {key: _fleet_row(row, pane.zones[key[1]]) for key, row in rows.items()},
        {key: row[CALLERS] for key, row in rows.items() if row[CALLERS]},
    )
    packed = [
        _rule_pane(rule, table)
        for rule, table in zip(pane.book, pane.tables, strict=True)
        if table.values or table.unheld
    ]
    return fleets, packed


def _fleet_row(row: list[Any], names: tuple[str, str]) -> list[float | str]:
    return [*row[:UNTIMED], row[REQUESTS] - row[UNTIMED], *names]


def _count_rows(pane: OpenPane, rows: Mapping[tuple[str, str, str], list[Any]]) -> None:
    """Add to the rules what the rows counted for them."""
    for row_rules in pane.row_rules.values():
        for (_, _, host), row in rows.items():
            events = row[row_rules.cell]
            if events:
                for at, places in row_rules.rules:
                    pane.tables[at].values[row_rules.key(places, row, host)] += events


def _rule_pane(rule: ContributorRule, table: ContributorTable) -> RulePane:
    """Pack a rule's table; a counting rule has one observation of 1 for every event."""
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
