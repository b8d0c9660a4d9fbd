"""The two kinds of tables that a window is made of: hosts of a service, and contributors of a rule.

Law: what a table shows is a function of the panes in its window alone; rows come out by key.

Known limits: the top caller is worked out for the ``CALLER_HOSTS`` hosts with most faults beyond
their share of the requests, the others show none. A rule window lists at most
``exact_contributors`` keys, the largest; what the others own is in ``others``. While two versions
of a rule have panes in the window, only the newer one is shown and it is marked partial. Memory: at
most ``exact_contributors`` rows per source partition and pane of the window.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from datasketches import frequent_items_error_type, frequent_strings_sketch

from detector.domain.pane_ring import Entries, FloatArray, IntArray, PaneRing, Part
from detector.domain.reports import FleetWindow, RuleWindow, WindowMeta, ZoneRef
from detector.domain.tallies import FleetPane, RulePane
from detector.domain.tally_columns import float_column, index_column, summed_columns

CALLER_HOSTS = 512
# Base 2 logarithm of the map that sketches are merged into: large enough to add no error to theirs.
MERGED_SKETCH_LG = 13

# Keys in sketches are JSON lists, so this is none of them.
NO_KEY = ""

PartOrder = tuple[str, int, int]
_read_key: Callable[[str], tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...]).decode


class FleetTable:
    """Hosts of one service."""

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
        """Say whether the window holds nothing."""
        return not self._ring.holds_rows

    @property
    def is_idle(self) -> bool:
        """Say whether neither the window nor an open pane holds anything."""
        return not (self._ring.holds_rows or self._ring.open_panes)

    def stage(self, pane_ms: int, order: PartOrder, pane: FleetPane) -> None:
        """Hold the rows of one source for an open pane."""
        starts = np.searchsorted(
            index_column(pane.zone_index), np.arange(len(pane.zones) + 1)
        ).tolist()
        rows = np.empty(len(pane.hosts), np.int64)
        for (zone, *names), start, stop in zip(pane.zones, starts, starts[1:], strict=False):
            rows[start:stop] = self._ring.rows_of(zone, pane.hosts[start:stop])
            # Of two spellings the larger wins, whichever came first.
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
        """Return the window as columns, by zone and host."""
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
        """Look the names of ``rows`` up, unless they are the rows of the last window."""
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
class _RulePane:
    """What a rule's closed pane holds besides its exact contributors."""

    samples: float
    minimum: float
    maximum: float
    sketch: frequent_strings_sketch | None
    sketch_weight: float


class RuleTable:
    """Contributors of one version of one rule."""

    def __init__(self, rule: str, version: str, window_panes: int, exact_contributors: int) -> None:
        self.rule = rule
        self.version = version
        self._most = exact_contributors
        self._ring: PaneRing[tuple[str, ...]] = PaneRing(window_panes, 1)
        self._staged: dict[int, list[tuple[PartOrder, RulePane]]] = {}
        self._panes: deque[_RulePane | None] = deque(maxlen=window_panes)

    @property
    def is_empty(self) -> bool:
        """Say whether the window holds nothing."""
        return not any(self._panes)

    @property
    def is_idle(self) -> bool:
        """Say whether neither the window nor an open pane holds anything."""
        return self.is_empty and not self._staged

    @property
    def silent_panes(self) -> int:
        """Count the panes that closed since the last one that held anything."""
        silent = 0
        while silent < len(self._panes) and self._panes[-1 - silent] is None:
            silent += 1
        return silent

    def stage(self, pane_ms: int, order: PartOrder, pane: RulePane) -> None:
        """Hold the contributors of one source for an open pane."""
        rows = self._ring.rows_of("", pane.keys)
        self._ring.stage(pane_ms, Part(order, rows, (float_column(pane.values),)))
        bare = msgspec.structs.replace(pane, keys=[], values=b"")
        self._staged.setdefault(pane_ms, []).append((order, bare))

    def close(self, pane_ms: int) -> None:
        """Slide by one pane."""
        self._ring.close(pane_ms)
        staged = sorted(self._staged.pop(pane_ms, ()), key=lambda item: item[0])
        self._panes.append(_joined([pane for _, pane in staged]) if staged else None)

    def window(self, meta: WindowMeta, key_labels: tuple[str, ...]) -> RuleWindow:
        """Return the window with its keys in order."""
        rows = self._ring.present()
        whole = [pane for pane in self._panes if pane is not None]
        last = [pane for pane in list(self._panes)[-1:] if pane is not None]
        values, held = self._ring.newest(rows)
        newest = self._show(meta, key_labels, last, rows[held > 0.0], values[held > 0.0])
        window = self._show(meta, key_labels, whole, rows, self._ring.sums(rows)[0])
        return replace(window, newest=newest)

    def _show(
        self,
        meta: WindowMeta,
        key_labels: tuple[str, ...],
        panes: Sequence["_RulePane"],
        rows: IntArray,
        values: FloatArray,
    ) -> RuleWindow:
        heard = [pane for pane in panes if pane.samples > 0.0]
        keys = tuple(self._ring.keys[row][1] for row in rows.tolist())
        sketch = _merged([pane.sketch for pane in panes if pane.sketch is not None])
        others, error_bound = 0.0, 0.0
        if sketch is not None:
            keys, values, listed = _with_sketch(keys, values, sketch)
            # What a purged sketch lost, and fractions that its whole numbers cannot hold, belong to
            # nobody.
            others = max(sum(pane.sketch_weight for pane in panes) - listed, 0.0)
            error_bound = float(sketch.get_upper_bound(NO_KEY))
        unique = len(keys)
        if unique > self._most:
            largest = np.sort(np.argsort(-values, kind="stable")[: self._most])
            others += float(values.sum() - values[largest].sum())
            keys, values = tuple(keys[index] for index in largest.tolist()), values[largest]
        return RuleWindow(
            rule=self.rule,
            version=self.version,
            key_labels=key_labels,
            meta=meta,
            keys=keys,
            values=values,
            others=others,
            error_bound=error_bound,
            unique=unique,
            samples=sum(pane.samples for pane in panes),
            minimum=min((pane.minimum for pane in heard), default=0.0),
            maximum=max((pane.maximum for pane in heard), default=0.0),
        )


@dataclass(frozen=True, slots=True)
class Slide:
    """All windows that one pane completed: fleets by service, rules by name.

    A table that has become empty is in it once.
    """

    meta: WindowMeta
    fleets: list[FleetWindow]
    rules: list[RuleWindow]


def shown_version(tables: Sequence[RuleTable], meta: WindowMeta) -> tuple[RuleTable, WindowMeta]:
    """Choose the version of one rule that was heard last; partial if others are in the window."""
    chosen = max(tables, key=lambda table: (-table.silent_panes, table.version))
    mixed = sum(not table.is_empty for table in tables) > 1
    return chosen, replace(meta, partial=True) if mixed else meta


def _joined(panes: Sequence[RulePane]) -> _RulePane:
    heard = [pane for pane in panes if pane.samples > 0.0]
    return _RulePane(
        samples=sum(pane.samples for pane in heard),
        minimum=min((pane.minimum for pane in heard), default=0.0),
        maximum=max((pane.maximum for pane in heard), default=0.0),
        sketch=_merged(
            [frequent_strings_sketch.deserialize(pane.sketch) for pane in panes if pane.sketch]
        ),
        sketch_weight=sum(pane.sketch_weight for pane in panes),
    )


def _merged(sketches: Sequence[frequent_strings_sketch]) -> frequent_strings_sketch | None:
    if not sketches:
        return None
    whole = frequent_strings_sketch(MERGED_SKETCH_LG)
    for sketch in sketches:
        whole.merge(sketch)
    return whole


def _with_sketch(
    keys: tuple[tuple[str, ...], ...], values: FloatArray, sketch: frequent_strings_sketch
) -> tuple[tuple[tuple[str, ...], ...], FloatArray, float]:
    """Add lower bounds of the sketch's contributors, so that nobody is overstated."""
    totals = dict(zip(keys, values.tolist(), strict=True))
    listed = 0.0
    items = sketch.get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES)
    for text, _, lower, _ in items:
        key = _read_key(text)
        totals[key] = totals.get(key, 0.0) + lower
        listed += lower
    ordered = tuple(sorted(totals))
    return ordered, np.array([totals[key] for key in ordered], np.float64), listed
