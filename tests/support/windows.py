"""Builders of windows and slides for tests of ranking, detectors and alarm states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from detector.tables.host_window import Slide
from detector.tables.reports import FleetWindow, NewestPane, RuleWindow, WindowMeta, ZoneRef
from detector.tables.windows import Window

EPOCH = 1_700_000_000_000
PANE = 10_000
WINDOW = 60_000


@dataclass(frozen=True, slots=True)
class Host:
    """One host of a fleet window."""

    name: str
    faults: float = 0.0
    requests: float = 1000.0
    zone: str = "az1"
    caller: str = ""
    caller_faults: float = 0.0


def meta_of(
    number: int = 0, *, partial: bool = False, missing: Sequence[str] = (), late: int = 0
) -> WindowMeta:
    """The window that ends ``number`` panes after the first."""
    end = EPOCH + number * PANE
    return WindowMeta(Window(end - WINDOW, end), not missing, partial, tuple(missing), late)


def fleet_of(
    hosts: Sequence[Host], meta: WindowMeta | None = None, service: str = "checkout"
) -> FleetWindow:
    zones = sorted({host.zone for host in hosts})
    return FleetWindow(
        service=service,
        meta=meta or meta_of(),
        zones=tuple(ZoneRef(zone, zone, f"name-of-{zone}") for zone in zones),
        zone_index=np.array([zones.index(host.zone) for host in hosts], np.int64),
        hosts=tuple(host.name for host in hosts),
        requests=np.array([host.requests for host in hosts], np.float64),
        faults=np.array([host.faults for host in hosts], np.float64),
        slow=np.array([host.faults for host in hosts], np.float64),
        connection_failures=np.zeros(len(hosts)),
        last_seen_ms=np.full(len(hosts), float(EPOCH)),
        caller_names=tuple(host.caller for host in hosts),
        caller_faults=np.array([host.caller_faults for host in hosts], np.float64),
    )


def paned(
    window: FleetWindow, faults: Sequence[float], requests: float | None = None
) -> FleetWindow:
    """Give a window its newest pane: faults of each host, and a sixth of the requests."""
    served = window.requests / 6 if requests is None else np.full(len(window.hosts), requests)
    rest = np.zeros(len(window.hosts))
    newest = np.array([served, np.asarray(faults, np.float64), rest, rest])
    end_ms = window.meta.window.end_ms
    meta = replace(window.meta, newest=NewestPane(end_ms - PANE, trustworthy=True))
    return replace(window, meta=meta, newest=newest)


def rule_of(
    values: Mapping[Any, float],
    meta: WindowMeta | None = None,
    *,
    others: float = 0.0,
    name: str = "faults-by-caller",
    unique: int | None = None,
    version: str = "v1",
) -> RuleWindow:
    return RuleWindow(
        rule=name,
        version=version,
        key_labels=("$.caller",),
        meta=meta or meta_of(),
        keys=tuple(values),
        values=np.array(list(values.values()), np.float64),
        others=others,
        error_bound=0.0,
        unique=len(values) if unique is None else unique,
        samples=float(sum(values.values())),
        minimum=1.0,
        maximum=3.0,
    )


def slide_of(
    meta: WindowMeta | None = None,
    *,
    fleets: Sequence[FleetWindow] = (),
    rules: Sequence[RuleWindow] = (),
) -> Slide:
    metas = [window.meta for window in fleets] + [window.meta for window in rules]
    return Slide(meta or (metas[0] if metas else meta_of()), list(fleets), list(rules))


def peers(count: int, zone: str = "az1", faults: float = 0.0) -> list[Host]:
    """Hosts that are all alike."""
    return [Host(f"{zone}-peer-{number:03}", faults, zone=zone) for number in range(count)]
