"""Detectors that look at a fleet: the 66 % rule on hosts, and the zone outlier.

Law: the 66 % rule raises the alarm; only what the share test says too is confirmed, and only a
confirmed alarm may lead to an action. A zone alarm is raised by all gates of the zone test at once,
so it is confirmed whenever its condition holds.

Known limits: how many requests of a host came from its worst caller is not known, so the host keeps
them when that caller's faults are taken out, which speaks for the host. A service with one caller
only is recognised by that caller's faults on at least a quarter of its hosts; then callers are left
out of account.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from detector.domain.alarm_config import EvaluateConfig
from detector.domain.alarms import Target
from detector.domain.findings import Contributor, Finding, with_numbers
from detector.domain.ranking import fleet_key
from detector.domain.reports import FleetWindow
from detector.domain.sentences import host_words, plain_name, zone_words
from detector.domain.share_test import ShareTestResult, TopCallers, share_test
from detector.domain.standing import Persistence
from detector.domain.statistics import BoolArray, FloatArray, TopShare, r66
from detector.domain.vocabulary import ActionKind
from detector.domain.zone_test import ZoneGate, ZoneTestResult, zone_test

SOLE_CALLER_FRACTION = 0.25
SOLE_CALLER_HOSTS = 3


@dataclass(frozen=True, eq=False)
class FleetView:
    """One fleet in one window, and what detectors ask of it, each worked out once."""

    window: FleetWindow
    config: EvaluateConfig

    @cached_property
    def total(self) -> float:
        """All faults of the window."""
        return float(self.window.faults.sum())

    @cached_property
    def top(self) -> TopShare:
        """The hosts with most faults."""
        return r66(self.window.faults)

    @cached_property
    def share_test(self) -> ShareTestResult:
        """The share test of all hosts."""
        window = self.window
        return share_test(window.requests, window.faults, self.config.share_test, self._callers())

    @cached_property
    def accused(self) -> BoolArray:
        """Hosts worse than their peers by the share test, for their own or a caller's sake."""
        return self.share_test.suspect | self.share_test.caller_blamed

    def rows_of(self, asked: Collection[Contributor]) -> set[int]:
        """Return where the hosts asked about stand; few are, so that no index pays."""
        names = {host for _, host in asked}
        found = [row for row, host in enumerate(self.window.hosts) if host in names]
        return {row for row in found if fleet_key(self.window, row) in asked}

    def _callers(self) -> TopCallers | None:
        if not self.config.caller_out:
            return None
        names = {name for name in self.window.caller_names if name}
        faulty = int(np.count_nonzero(self.window.faults > 0.0))
        spread = max(SOLE_CALLER_HOSTS, SOLE_CALLER_FRACTION * len(self.window.hosts))
        if len(names) <= 1 and faulty >= spread:
            return None
        return TopCallers(np.zeros_like(self.window.caller_faults), self.window.caller_faults)


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


class ZoneOutlier:
    """The zone test: one zone, and only one, has more faults than its requests explain."""

    name: Final = "zone"
    action: Final = ActionKind.SHIFT_AWAY

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config

    def persistence(self, subject: str) -> Persistence | None:  # noqa: ARG002 (same for all)
        """Return the persistence of guarded mode, whatever the subject."""
        return self._config.guarded

    def who(self, contributor: Contributor) -> str:
        """Name a zone."""
        return f"zone {plain_name(contributor[0])}"

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Find the zone that stands out, if there is one, and the zones asked about."""
        window = view.window
        # With fewer faults no zone can pass the gates, and most windows of most services have few.
        if not asked and view.total < self._config.zone_test.min_faults:
            return {}
        test = zone_test(
            window.zone_index,
            window.requests,
            window.faults,
            len(window.zones),
            self._config.zone_test,
            suspect=view.accused,
        )
        return {
            (zone.zone,): self._finding(view, test, number)
            for number, zone in enumerate(window.zones)
            if test.flagged[number] or (zone.zone,) in asked
        }

    def _finding(self, view: FleetView, test: ZoneTestResult, number: int) -> Finding:
        window = view.window
        zone = window.zones[number]
        faults = _by_zone(window, window.faults)
        requests = _by_zone(window, window.requests)
        next_zone = int(np.argmax(np.where(np.arange(faults.size) == number, -1.0, faults)))
        has_next = faults.size > 1 and faults[next_zone] > 0.0
        gates = test.reasons[number]
        evidence = with_numbers(
            window.meta,
            total=view.total,
            value=float(faults[number]),
            share=float(faults[number]) / view.total if view.total > 0.0 else 0.0,
            threshold=float(test.exposure[number]),
            runner_up=(window.zones[next_zone].zone,) if has_next else (),
            runner_up_share=float(faults[next_zone]) / view.total if has_next else 0.0,
            requests=float(requests[number]),
            sample_count=float(requests.sum()),
            p_value=float(test.p_value[number]),
            rate_ratio=float(test.rate_ratio[number]),
            excess_faults=_excess(view, number),
            peers=len(window.zones) - 1,
            fleet_hosts=len(window.hosts),
            zone_hosts=int(np.count_nonzero(window.zone_index == number)),
            zones=len(window.zones),
            suspects=int(np.count_nonzero(view.accused)),
            confirmed=bool(test.flagged[number]),
            fleet_event=ZoneGate.ANOTHER_ZONE_ELEVATED in gates,
            failed_gates=tuple(gate.value for gate in gates),
        )
        target = Target(window.service, zone.zone, zone.zone_id, zone.zone_name)
        what = f"faults of {plain_name(window.service)}"
        elevated = int(test.elevated_hosts[number])
        words = zone_words(self.who((zone.zone,)), what, evidence, elevated)
        return Finding(bool(test.flagged[number]), target, evidence, words)


def _by_zone(window: FleetWindow, column: FloatArray) -> FloatArray:
    total: FloatArray = np.bincount(window.zone_index, column, len(window.zones)).astype(np.float64)
    return total


def _excess(view: FleetView, number: int) -> float:
    """Count the faults of a zone beyond the rate of the clean hosts of the other zones."""
    window = view.window
    own = window.zone_index == number
    peers = ~own & ~view.accused
    served = float(window.requests[peers].sum())
    rate = float(window.faults[peers].sum()) / served if served > 0.0 else 0.0
    return float(window.faults[own].sum()) - rate * float(window.requests[own].sum())
