"""Simulated fleets at the level of windows: panes are drawn, summed and shown as ``FleetWindow``.

Law: what comes out is a function of the seed. Requests, faults, slow requests and connection
failures of every host and pane are drawn; windows are sums of six panes and slide by one.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.tables.host_window import Slide
from detector.tables.reports import FleetWindow, NewestPane, WindowMeta, ZoneRef
from detector.tables.windows import Window

EPOCH_MS = 1_700_000_000_000
PANE_MS = 10_000
PANES = 6
ZONES = 3

Counts = NDArray[np.float64]


@dataclass(slots=True)
class Pane:
    """One pane: counts of each host, who was heard, and the caller with most faults there."""

    requests: Counts
    faults: Counts
    slow: Counts | None = None
    connections: Counts | None = None
    heard: NDArray[np.bool_] | None = None
    caller_faults: Counts | None = None
    callers: tuple[str, ...] | None = None


Draw = Callable[[int, np.random.Generator], Pane]
"""Draws the pane of a number; the generator goes on from pane to pane."""


@dataclass(slots=True)
class Simulated:
    """One fleet of ``hosts`` hosts dealt over three zones; shows windows pane by pane."""

    hosts: int
    draw: Draw
    seed: int
    _panes: deque[Pane] = field(default_factory=lambda: deque(maxlen=PANES))

    def slides(self, windows: int) -> Iterator[Slide]:
        """Yield the windows that end with pane 1, 2, ...; the first ones are five panes short."""
        chance = np.random.default_rng(self.seed)
        names = tuple(f"i-{number:06}" for number in range(self.hosts))
        zones = tuple(ZoneRef(f"az{z + 1}", f"az{z + 1}", f"name-{z + 1}") for z in range(ZONES))
        last_seen = np.zeros(self.hosts)
        # The same object while nobody is missing, as a real table gives it.
        whole = zones_of(self.hosts)
        for number in range(windows):
            pane = self.draw(number, chance)
            self._panes.append(pane)
            end = EPOCH_MS + (number + 1) * PANE_MS
            heard = np.ones(self.hosts, np.bool_) if pane.heard is None else pane.heard
            last_seen[heard] = end - 1
            yield self._slide(end, names, zones, whole, last_seen)

    def _slide(
        self,
        end: int,
        names: tuple[str, ...],
        zones: tuple[ZoneRef, ...],
        zone_index: NDArray[np.int64],
        last_seen: Counts,
    ) -> Slide:
        window = Window(end - PANES * PANE_MS, end)
        meta = WindowMeta(window, True, False, (), 0, NewestPane(end - PANE_MS, trustworthy=True))
        present = np.flatnonzero(last_seen >= window.start_ms)
        whole = present.size == self.hosts
        columns = [self._sum(column)[present] for column in ("requests", "faults")]
        columns += [self._sum(column)[present] for column in ("slow", "connections")]
        callers, caller_faults = self._callers()
        newest = self._panes[-1]
        latest = (newest.requests, newest.faults, newest.slow, newest.connections)
        empty = np.zeros(self.hosts)
        fleet = FleetWindow(
            "simulated",
            meta,
            zones,
            zone_index if whole else zone_index[present],
            names if whole else tuple(names[row] for row in present.tolist()),
            columns[0],
            columns[1],
            columns[2],
            columns[3],
            last_seen[present],
            callers if whole else tuple(callers[row] for row in present.tolist()),
            caller_faults[present],
            np.array([(empty if each is None else each)[present] for each in latest]),
        )
        return Slide(meta, [fleet], [])

    def _sum(self, column: str) -> Counts:
        total = np.zeros(self.hosts)
        for pane in self._panes:
            part = getattr(pane, column)
            if part is not None:
                total += part
        return total

    def _callers(self) -> tuple[tuple[str, ...], Counts]:
        newest = self._panes[-1]
        if newest.callers is None:
            return ("",) * self.hosts, np.zeros(self.hosts)
        return newest.callers, self._sum("caller_faults")


def zones_of(hosts: int) -> NDArray[np.int64]:
    """Return the zone number of every host: three runs of equal length."""
    return np.sort(np.arange(hosts) % ZONES)


def thrown(chance: np.random.Generator, exposure: Counts, total: float) -> Counts:
    """Throw a Poisson number of mean ``total`` over the hosts by ``exposure``."""
    upto = np.cumsum(exposure)
    hits = chance.random(int(chance.poisson(total))) * upto[-1]
    counted = np.bincount(np.searchsorted(upto, hits, side="right"), minlength=exposure.size)
    return counted.astype(np.float64)
