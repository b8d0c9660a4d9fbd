"""Pane records from plain events, slides as plain values, and a recount apart from the merge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from detector.core.vocabulary import ClosedBy
from detector.tables.host_window import Slide
from detector.tables.pane_encoding import fleet_panes, rule_pane
from detector.tables.pane_records import PaneRecord, RulePane
from detector.tables.reports import FleetWindow, RuleWindow

PANE = 10_000
PANES = 6
START = 1_700_000_000_000
"""A pane boundary."""


@dataclass(frozen=True, slots=True)
class Event:
    """One row of a log, as simple as it can be. ``pane`` counts from ``START``."""

    pane: int
    source: int = 0
    service: str = "checkout"
    zone: str = "az1"
    host: str = "h1"
    caller: str = "c1"
    requests: float = 1.0
    faults: float = 0.0
    slow: float = 0.0
    connection_failures: float = 0.0


@dataclass(slots=True)
class Row:
    """Sums of one host, made with plain additions."""

    cells: list[float] = field(default_factory=lambda: [0.0] * 4)
    last_seen: int = 0
    callers: dict[str, float] = field(default_factory=dict)


def pane_start(pane: int) -> int:
    return START + pane * PANE


def cells_of(event: Event) -> list[float]:
    return [event.requests, event.faults, event.slow, event.connection_failures]


def recount(events: Iterable[Event]) -> dict[tuple[str, str, str], Row]:
    """Add events up per service, zone and host."""
    rows: dict[tuple[str, str, str], Row] = {}
    for event in events:
        row = rows.setdefault((event.service, event.zone, event.host), Row())
        row.cells = [old + new for old, new in zip(row.cells, cells_of(event), strict=True)]
        row.last_seen = max(row.last_seen, pane_start(event.pane) + 1)
        if event.faults:
            row.callers[event.caller] = row.callers.get(event.caller, 0.0) + event.faults
    return rows


def rule_of(events: Iterable[Event], version: str = "v1") -> RulePane | None:
    """Tally the rule ``faults-by-host`` over ``events``; ``None`` when none of them has faults."""
    faulty = [event for event in events if event.faults]
    values: dict[tuple[str, ...], float] = {}
    for event in faulty:
        values[event.host,] = values.get((event.host,), 0.0) + event.faults
    if not faulty:
        return None
    return rule_pane(
        "faults-by-host",
        version,
        values,
        samples=len(faulty),
        minimum=min(event.faults for event in faulty),
        maximum=max(event.faults for event in faulty),
    )


def record_of(
    events: Sequence[Event],
    *,
    pane: int,
    source: int = 0,
    sources: Mapping[str, int] | None = None,
    topic: str = "logs",
    partial: bool = False,
    late: int = 0,
    rules: Sequence[RulePane] | None = None,
) -> PaneRecord:
    """Tally ``events`` of one source and pane into the record that travels."""
    counted = recount(events)
    rule = rule_of(events)
    found = rules if rules is not None else [rule] if rule else []
    return PaneRecord(
        schema=1,
        topic=topic,
        partition=source,
        sources=dict(sources or {"logs": 1}),
        pane_ms=pane_start(pane),
        through_ms=pane_start(pane),
        closed_by=ClosedBy.WATERMARK,
        partial=partial,
        late=late,
        future=0,
        duplicates=0,
        fleets=fleet_panes(
            {key: [*row.cells, row.last_seen, key[1], ""] for key, row in counted.items()},
            {key: row.callers for key, row in counted.items() if row.callers},
        ),
        rules=list(found),
    )


def progress_of(
    *,
    through: int,
    source: int = 0,
    sources: Mapping[str, int] | None = None,
    topic: str = "logs",
    late: int = 0,
) -> PaneRecord:
    """Say that a source is past a pane, without a pane."""
    return PaneRecord(
        schema=1,
        topic=topic,
        partition=source,
        sources=dict(sources or {"logs": 1}),
        pane_ms=-1,
        through_ms=pane_start(through),
        closed_by=ClosedBy.IDLE,
        partial=False,
        late=late,
        future=0,
        duplicates=0,
        fleets=[],
        rules=[],
    )


Plain = tuple[Any, ...]


def plain_fleet(window: FleetWindow) -> list[Plain]:
    """Rows of service, zone, host, four sums, last seen, top caller and its faults."""
    return [
        (
            window.service,
            window.zones[zone].zone,
            host,
            *map(float, (requests, faults, slow, connection_failures)),
            float(last_seen),
            caller,
            float(caller_faults),
        ) for zone, host, requests, faults, slow, connection_failures, last_seen, caller,
        caller_faults in zip(
            window.zone_index.tolist(), window.hosts, window.requests, window.faults, window.slow,
            window.connection_failures, window.last_seen_ms, window.caller_names,
            window.caller_faults, strict=True,
        )
    ]  # fmt: skip


def plain_rule(window: RuleWindow) -> Plain:
    """Everything in a rule window as plain values."""
    values = dict(zip(window.keys, window.values.tolist(), strict=True))
    return (
        window.rule, values, window.samples, window.minimum, window.maximum, window.others,
        window.error_bound, window.unique,
    )  # fmt: skip


def plain_slide(slide: Slide) -> Plain:
    """Everything in a slide as plain values, in its order."""
    return (
        slide.meta,
        [row for window in slide.fleets for row in plain_fleet(window)],
        [plain_rule(window) for window in slide.rules],
    )
