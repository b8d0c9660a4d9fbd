"""D0, the talk's rule: one host owns more than 66 % of the faults of its fleet.

Law: the 66 % rule raises the alarm; only what the share test says too is confirmed, and only a
confirmed alarm may lead to an action.
"""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from detector.domain.alarm_config import EvaluateConfig
from detector.domain.alarms import Target
from detector.domain.detectors.fleet_view import FleetView
from detector.domain.findings import Contributor, Finding, with_numbers
from detector.domain.ranking import fleet_key
from detector.domain.sentences import host_words, plain_name
from detector.domain.standing import Persistence
from detector.domain.vocabulary import ActionKind


class HostShare:
    """R66 on hosts: one host owns more than 66 % of the faults of its fleet."""

    name: Final = "r66"
    action: Final = ActionKind.REPLACE_HOST

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config

    def persistence(self, subject: str) -> Persistence | None:
        """Return the persistence of the mode of ``subject``."""
        return self._config.persistence_of(subject)

    def who(self, contributor: Contributor) -> str:
        """Name a host."""
        zone, host = contributor
        return f"host {plain_name(host)} in {plain_name(zone)}"

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Find the host that dominates, if there is one, and the hosts asked about."""
        window, top = view.window, view.top
        rows = view.rows_of(asked) if asked else set()
        leader = -1
        if top.top_index >= 0:
            value = float(window.faults[top.top_index])
            if self._config.is_dominant(window.subject, value, view.total):
                leader = top.top_index
                rows.add(leader)
        return {
            fleet_key(window, row): self._finding(view, row, met=row == leader)
            for row in sorted(rows)
        }

    def _finding(self, view: FleetView, row: int, *, met: bool) -> Finding:
        window, top, test = view.window, view.top, view.share_test
        key = fleet_key(window, row)
        next_row, next_share = (
            (top.runner_up_index, top.runner_up_share)
            if row == top.top_index
            else (top.top_index, top.share)
        )
        blamed = bool(test.caller_blamed[row])
        value = float(window.faults[row])
        evidence = with_numbers(
            window.meta,
            total=view.total,
            value=value,
            share=value / view.total if view.total > 0.0 else 0.0,
            threshold=self._config.share,
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
            suspects=int(np.count_nonzero(view.accused)),
            confirmed=bool(test.suspect[row]),
            fleet_event=test.fleet_event,
            blamed_caller=window.caller_names[row] if blamed else "",
        )
        zone = window.zones[int(window.zone_index[row])]
        target = Target(window.service, zone.zone, zone.zone_id, zone.zone_name, window.hosts[row])
        what = f"faults of {plain_name(window.service)}"
        return Finding(met, target, evidence, host_words(self.who(key), what, evidence))
