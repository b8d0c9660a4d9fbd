"""What every detector of hosts says of one host: who it is, and the numbers of its window."""

from typing import Any, Final

import msgspec
import numpy as np

from detector.detection.alarms import Evidence, Target
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.explanations import plain_name, rate_words
from detector.detection.findings import Contributor, Finding, with_numbers
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


def host_evidence(view: FleetView, row: int, **numbers: Any) -> Evidence:
    """Return the evidence of the faults of one host; ``numbers`` replace its members.

    ``confirmed`` as the share test sees it, with the caller that it blames instead.
    """
    window, top, test = view.window, view.top, view.share_test
    next_row, next_share = (
        (top.runner_up_index, top.runner_up_share)
        if row == top.top_index
        else (top.top_index, top.share)
    )
    value = float(window.faults[row])
    evidence = with_numbers(
        window.meta,
        total=view.total,
        value=value,
        share=value / view.total if view.total > 0.0 else 0.0,
        runner_up=fleet_key(window, next_row) if next_row >= 0 else (),
        runner_up_share=next_share,
        requests=float(window.requests[row]),
        sample_count=float(window.requests.sum()),
        p_value=float(test.p_value[row]),
        rate_ratio=float(test.rate_ratio[row]),
        excess_faults=float(test.excess[row]),
        peers=int(np.count_nonzero(window.requests > 0.0)) - int(window.requests[row] > 0.0),
        fleet_hosts=len(window.hosts),
        zone_hosts=int(np.count_nonzero(window.zone_index == window.zone_index[row])),
        zones=len(window.zones),
        suspects=view.accused_count,
        confirmed=bool(test.suspect[row]),
        fleet_event=test.fleet_event,
        blamed_caller=window.caller_names[row] if bool(test.caller_blamed[row]) else "",
    )
    return msgspec.structs.replace(evidence, **numbers) if numbers else evidence


def rate_finding(
    view: FleetView, row: int, *, met: bool, hinted: bool = False, **numbers: Any
) -> Finding:
    """Return a finding about a host's rate of faults, beside that of its peers."""
    evidence = host_evidence(view, row, **numbers)
    key = fleet_key(view.window, row)
    what = f"{FAULTS} of {plain_name(view.window.service)}"
    words = rate_words(host_name(key), what, evidence)
    return Finding(met, host_target(view, row), evidence, words, hinted)
