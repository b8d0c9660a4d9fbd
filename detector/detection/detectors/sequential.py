"""D3, the sequential test: evidence adds up pane by pane until it exceeds a threshold.

Law: for each host S = max(0, S + F ln(p1/p0) + (R - F) ln((1-p1)/(1-p0))) over the panes, a CUSUM
on the binomial likelihood ratio (Page 1954; Lorden 1971: at least e^h panes between false alarms).
p0 is the rate of the other hosts, the larger of before and in the pane, so that trouble common to
all hosts is no evidence against one. No window has to fill first: a host at 5 % over 0.1 % is
proven after about 150 requests.

One pane adds at most three quarters of what an alarm needs, so one burst never suffices. Where the
clean hosts scatter more than chance, all evidence is divided by their dispersion. Only evidence
above zero is kept.

Known limits: where many hosts are bad at once, p0 is high and the test is silent; the share test
covers that. Panes of untrustworthy windows add nothing.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np

from detector.core.vocabulary import ActionKind
from detector.detection import constants
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.host_evidence import HostEvidence
from detector.detection.detectors.host_findings import host_counts, host_name, rate_finding
from detector.detection.evidence import HostLikelihood
from detector.detection.findings import Contributor, DetectorRole, Finding
from detector.detection.persistence import Persistence
from detector.detection.statistics import (
    FloatArray,
    IntArray,
    binomial_upper_tail,
    compare,
    pearson_dispersion,
)
from detector.tables.ranking import fleet_key


class SequentialTest:
    """Names a host as soon as its requests prove it."""

    name: Final = "sequential"
    action: Final = ActionKind.REPLACE_HOST
    role: Final = DetectorRole.HOST

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config
        self._evidence: dict[str, HostEvidence] = {}

    def persistence(self, subject: str) -> Persistence | None:  # noqa: ARG002 (same for all)
        """Return that one window is enough: the evidence already persists."""
        return Persistence(1, self._config.windows_seen)

    def who(self, contributor: Contributor) -> str:
        """Name a host."""
        return host_name(contributor)

    def examine(
        self, view: FleetView, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Add the newest pane, and find the hosts that are proven or nearly so."""
        window = view.window
        if window.newest is None or window.meta.newest is None:
            return {}
        if len(window.hosts) < constants.SEQUENTIAL_LEAST_HOSTS:
            self._evidence.pop(window.subject, None)
            return {}
        values = self._add(view, window.newest)
        near = np.flatnonzero(values >= constants.SEQUENTIAL_PENDING)
        worst = near[np.argsort(-values[near], kind="stable")[: constants.MOST_NAMED]]
        rows = {*worst.tolist(), *(view.rows_of(asked) if asked else ())}
        return {
            fleet_key(window, row): _finding(view, row, float(values[row])) for row in sorted(rows)
        }

    def _add(self, view: FleetView, newest: FloatArray) -> FloatArray:
        """Return the evidence by row, including the newest pane."""
        window = view.window
        kept = self._evidence.setdefault(window.subject, HostEvidence())
        span = window.meta.window.end_ms - window.meta.window.start_ms
        if window.meta.window.end_ms - kept.end_ms > span:
            kept = self._evidence[window.subject] = HostEvidence()
        values = kept.of(window)
        rows = np.flatnonzero((newest[1] > 0.0) | (values > 0.0))
        gained = pane_evidence(view, newest, rows)
        values[rows] = np.maximum(values[rows] + gained, 0.0)
        elsewhere = sum(map(len, self._evidence.values())) - len(kept)
        room = constants.SEQUENTIAL_REMEMBERED_IN_ALL - elsewhere
        return kept.keep(window, values, min(room, constants.SEQUENTIAL_REMEMBERED))

    def snapshot(self) -> Any:
        """Return the evidence of each service."""
        return [[subject, each.snapshot()] for subject, each in sorted(self._evidence.items())]

    def restore(self, plain: Any) -> None:
        """Continue from a snapshot."""
        self._evidence = {subject: HostEvidence.restored(each) for subject, each in plain}


def pane_evidence(view: FleetView, newest: FloatArray, rows: IntArray) -> FloatArray:
    """Return what the newest pane says of the hosts in ``rows``, as a log-likelihood ratio."""
    window = view.window
    clean = ~view.accused
    served, failed = newest[0], np.minimum(newest[1], newest[0])
    before = compare(
        np.maximum(window.requests - served, 0.0), np.maximum(window.faults - failed, 0.0), clean
    ).rows(rows)
    now = compare(served, failed, clean).rows(rows)
    usual = np.maximum(
        (before.peer_faults + 0.5) / (before.peer_requests + 1.0),
        (now.peer_faults + 0.5) / (now.peer_requests + 1.0),
    )
    usual = np.minimum(usual, 0.99)
    bad = np.maximum(constants.SEQUENTIAL_TIMES * usual, constants.SEQUENTIAL_LEAST_RATE)
    # No rate reaches 1: then half of what is left.
    bad = np.where(bad < 1.0, bad, (1.0 + usual) / 2.0)
    gained = now.faults * np.log(bad / usual)
    gained += (now.requests - now.faults) * np.log1p((usual - bad) / (1.0 - usual))
    most = constants.SEQUENTIAL_PANE_PART * constants.SEQUENTIAL_ALARM
    scatter = pearson_dispersion(window.requests, window.faults, clean)
    divisor = scatter if scatter > constants.ZONE_MAX_DISPERSION else 1.0
    limited: FloatArray = np.minimum(gained / divisor, most)
    return limited


def _finding(view: FleetView, row: int, value: float) -> Finding:
    test = view.share_test
    caller = _blamed_caller(view, row) if value >= constants.SEQUENTIAL_PENDING else ""
    met = value >= constants.SEQUENTIAL_ALARM and not caller
    counts = host_counts(view, row)
    measure = HostLikelihood(
        share=counts.share,
        log_likelihood_threshold=constants.SEQUENTIAL_ALARM,
        **counts.plain(),
    )
    return rate_finding(
        view,
        row,
        measure,
        met=met,
        hinted=not met and not caller and value >= constants.SEQUENTIAL_PENDING,
        confirmed=met and float(test.rate_ratio[row]) >= constants.SHARE_RATIO,
        blamed_caller=caller,
        # The chance of a healthy host to get there, by Wald's bound.
        p_value=float(np.exp(-value)),
    )


def _blamed_caller(view: FleetView, row: int) -> str:
    """Return the caller without which the host is like its peers, or an empty string."""
    window = view.window
    if not view.callers_matter or window.caller_faults[row] <= 0.0:
        return ""
    rows = np.array([row])
    own = compare(window.requests, window.faults, ~view.accused).rows(rows)
    rest = own.without(np.zeros(1), window.caller_faults[rows])
    tail = binomial_upper_tail(
        rest.faults + rest.peer_faults, rest.exposure(constants.SHARE_RHO), rest.faults
    )
    return window.caller_names[row] if float(tail[0]) > constants.SEQUENTIAL_REST_P else ""
