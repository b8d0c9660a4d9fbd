"""Hosts of one service in a window, and the slide: all windows that one pane completes.

Contributors of a rule are in ``detector.tables.contributor_window``.

Law: the window is a function of its panes alone; rows are sorted by key.

Known limits: only the ``CALLER_HOSTS`` hosts with the most faults beyond their share of the
requests have a top caller.
"""

from dataclasses import dataclass

import numpy as np

from detector.tables.pane_encoding import float_column, index_column, summed_columns
from detector.tables.pane_records import FleetPane
from detector.tables.reports import FleetWindow, RuleWindow, WindowMeta, ZoneRef
from detector.tables.sliding_window import Entries, FloatArray, IntArray, PaneRing, Part

CALLER_HOSTS = 512

PartOrder = tuple[str, int, int]


class FleetTable:
    """Hosts of one service in the open panes and in the window."""

    def __init__(self, service: str, window_panes: int) -> None:
        self.service = service
        self._ring: PaneRing[str] = PaneRing(window_panes, 6)
        self._zone_names: dict[str, tuple[str, str]] = {}
        self._shown: tuple[int, IntArray] = (-1, np.zeros(0, np.int64))
        self._hosts: tuple[str, ...] = ()
        self._zones: tuple[ZoneRef, ...] = ()
        self._zone_index: IntArray = np.zeros(0, np.int64)

    @property
    def is_empty(self) -> bool:
        """Whether the window holds nothing."""
        return not self._ring.holds_rows

    @property
    def is_idle(self) -> bool:
        """Whether neither the window nor an open pane holds anything."""
        return not (self._ring.holds_rows or self._ring.open_panes)

    def stage(self, pane_ms: int, order: PartOrder, pane: FleetPane) -> None:
        """Hold the rows of one source for an open pane."""
        starts = np.searchsorted(
            index_column(pane.zone_index), np.arange(len(pane.zones) + 1)
        ).tolist()
        rows = np.empty(len(pane.hosts), np.int64)
        for (zone, *names), start, stop in zip(pane.zones, starts, starts[1:], strict=False):
            rows[start:stop] = self._ring.rows_of(zone, pane.hosts[start:stop])
            # Of two spellings the larger wins, so that the order of arrival does not matter.
            self._zone_names[zone] = max(self._zone_names.get(zone, ("", "")), (names[0], names[1]))
        indexes, callers, faults = zip(*pane.callers, strict=True) if pane.callers else ((), (), ())
        part = Part(
            order,
            rows,
            summed_columns(pane),
            float_column(pane.last_seen_ms),
            Entries(rows[np.array(indexes, np.int64)], callers, faults),
        )
        self._ring.stage(pane_ms, part)

    def close(self, pane_ms: int) -> None:
        """Slide by one pane."""
        self._ring.close(pane_ms)

    def window(self, meta: WindowMeta) -> FleetWindow:
        """Return the window as columns, sorted by zone and host."""
        rows = self._ring.present()
        self._name(rows)
        requests, faults, slow, connection_failures, latency_us, latencies = self._ring.sums(rows)
        names, caller_faults = self._top_callers(rows, requests, faults)
        return FleetWindow(
            service=self.service,
            meta=meta,
            zones=self._zones,
            zone_index=self._zone_index,
            hosts=self._hosts,
            requests=requests,
            faults=faults,
            slow=slow,
            connection_failures=connection_failures,
            last_seen_ms=self._ring.latest[rows],
            caller_names=names,
            caller_faults=caller_faults,
            newest=self._ring.newest(rows)[:4],
            latency_us=latency_us,
            latencies=latencies,
        )

    def _name(self, rows: IntArray) -> None:
        """Look up the names of ``rows``, unless they are the rows of the last window."""
        generation, shown = self._shown
        if generation == self._ring.generation and np.array_equal(rows, shown):
            return
        keys = [self._ring.keys[row] for row in rows.tolist()]
        zones = {zone: index for index, zone in enumerate(dict.fromkeys(zone for zone, _ in keys))}
        self._zone_names = {
            zone: names
            for zone, names in self._zone_names.items()
            if zone in zones or self._ring.open_panes
        }
        self._zones = tuple(ZoneRef(zone, *self._zone_names[zone]) for zone in zones)
        self._zone_index = np.fromiter((zones[zone] for zone, _ in keys), np.int64, len(keys))
        self._hosts = tuple(host for _, host in keys)
        self._shown = (self._ring.generation, rows)

    def _top_callers(
        self, rows: IntArray, requests: FloatArray, faults: FloatArray
    ) -> tuple[tuple[str, ...], FloatArray]:
        excess = faults - requests * (faults.sum() / max(requests.sum(), 1.0))
        asked = np.flatnonzero(faults > 0.0)
        if asked.size > CALLER_HOSTS:
            asked = asked[np.argsort(-excess[asked], kind="stable")[:CALLER_HOSTS]]
        position = dict(zip(rows[asked].tolist(), asked.tolist(), strict=True))
        totals: dict[tuple[int, str], float] = {}
        for row, caller, value in self._ring.entries(rows[asked]):
            key = (position[row], caller)
            totals[key] = totals.get(key, 0.0) + value
        names = [""] * rows.size
        most = np.zeros(rows.size)
        for (index, caller), value in totals.items():
            if (value, names[index]) > (most[index], caller) or not names[index]:
                names[index], most[index] = caller, value
        return tuple(names), most


@dataclass(frozen=True, slots=True)
class Slide:
    """All windows that one pane completed: fleets by service, rules by name.

    A table that has just become empty is included once.
    """

    meta: WindowMeta
    fleets: list[FleetWindow]
    rules: list[RuleWindow]
