"""What detectors of hosts share: the host's name, its target and the numbers of its window."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from detector.detection.alarms import Target
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.evidence import (
    Evidence,
    HostGroup,
    HostLikelihood,
    HostRate,
    Measure,
)
from detector.detection.explanations import plain_name, rate_words
from detector.detection.findings import Contributor, Finding, evidence_of
from detector.tables.ranking import fleet_key

FAULTS: Final = "faults"


def host_name(contributor: Contributor) -> str:
    """Name a host in a sentence."""
    zone, host = contributor
    return f"host {plain_name(host)} in {plain_name(zone)}"


def host_target(view: FleetView, row: int) -> Target:
    """Return the host of a row as the target of an action."""
    window = view.window
    zone = window.zones[int(window.zone_index[row])]
    return Target(window.service, zone.zone, zone.zone_id, zone.zone_name, window.hosts[row])


@dataclass(frozen=True, slots=True)
class HostCounts:
    """Faults and requests of one host and its fleet, and the host with most faults beside it."""

    faults: float
    fleet_faults: float
    requests: float
    fleet_requests: float
    runner_up: Contributor
    runner_up_share: float

    @property
    def share(self) -> float:
        """The host's share of the fleet's faults, 0 to 1."""
        return self.faults / self.fleet_faults if self.fleet_faults > 0.0 else 0.0

    def plain(self) -> dict[str, Any]:
        """Return the members that all measures of hosts share."""
        return asdict(self)


def host_counts(view: FleetView, row: int) -> HostCounts:
    """Return the counts of the host in ``row``."""
    window, top = view.window, view.top
    next_row, next_share = (
        (top.runner_up_index, top.runner_up_share)
        if row == top.top_index
        else (top.top_index, top.share)
    )
    return HostCounts(
        faults=float(window.faults[row]),
        fleet_faults=view.total,
        requests=float(window.requests[row]),
        fleet_requests=float(window.requests.sum()),
        runner_up=fleet_key(window, next_row) if next_row >= 0 else (),
        runner_up_share=next_share,
    )


def host_evidence(view: FleetView, row: int, measure: Measure, **head: Any) -> Evidence:
    """Return the evidence against the host in ``row``; ``head`` replaces members of its head.

    ``confirmed`` and ``blamed_caller`` come from the share test.
    """
    window, test = view.window, view.share_test
    shared: dict[str, Any] = {
        "p_value": float(test.p_value[row]),
        "rate_ratio": float(test.rate_ratio[row]),
        "excess_faults": float(test.excess[row]),
        "peers": int(np.count_nonzero(window.requests > 0.0)) - int(window.requests[row] > 0.0),
        "fleet_hosts": len(window.hosts),
        "zone_hosts": int(np.count_nonzero(window.zone_index == window.zone_index[row])),
        "zones": len(window.zones),
        "suspects": view.accused_count,
        "confirmed": bool(test.suspect[row]),
        "fleet_event": test.fleet_event,
        "blamed_caller": window.caller_names[row] if bool(test.caller_blamed[row]) else "",
    }
    return evidence_of(window.meta, measure, **{**shared, **head})


def rate_finding(
    view: FleetView,
    row: int,
    measure: HostRate | HostGroup | HostLikelihood,
    *,
    met: bool,
    hinted: bool = False,
    **head: Any,
) -> Finding:
    """Return a finding about a host's fault rate beside that of its peers."""
    evidence = host_evidence(view, row, measure, **head)
    key = fleet_key(view.window, row)
    what = f"{FAULTS} of {plain_name(view.window.service)}"
    words = rate_words(host_name(key), what, evidence, measure)
    return Finding(met, host_target(view, row), evidence, words, hinted)
