"""Evidence that a host is slower than its peers, summed record by record.

Law: for each level L (25, 50 and 80 % slower) the evidence is a CUSUM,
S = max(0, S + clip((x - ln L) / (sigma / 3), -6, 1)), where x is the logarithm of the ratio to the
peers and sigma the service's own noise (Page 1954; the clip is Huber's, so one bad minute is never
more than one record of evidence). A host is slow when, for some level, S reaches
(ln 2 / ln L)^1.5 * max(6, 11.5 * inflation * sigma^1.5) records; fleets of more than 400 hosts need
more.

Why: a sick host differs from one that has a bad quarter of an hour not in how slow it is, but in
that it is hardly ever as fast as its peers. So a record above a level counts the same whatever its
distance, and a record below counts heavily. The time that chance keeps a healthy host above a level
grows with the noise and with how long deviations last, and falls with the level; noise and duration
are measured, not configured. The lowest level finds the smallest slowdown that counts, given time;
the highest finds a doubled latency in minutes.

Known limits: a healthy host that runs at twice its peers' latency for an hour is reported as sick.
Missing records of a host change nothing; after ``LATENCY_FORGET_RECORDS`` of them the host is
forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from detector.detection import constants
from detector.detection.fleet_noise import FleetNoise, Key
from detector.detection.statistics import BoolArray, FloatArray

SCALE: Final = 1_000.0
"""Evidence is stored in whole thousandths of a record, so a snapshot is small and exact."""


def records_needed(noise: FleetNoise) -> FloatArray:
    """Return how many full records of evidence each level needs."""
    tuning = noise.tuning
    noisy = tuning.records_per_noise * noise.inflation * noise.sigma**1.5
    folds = float(np.log(max(noise.hosts, 1) / constants.LATENCY_USUAL_HOSTS))
    double = max(tuning.least_records, noisy) * (1.0 + tuning.more_per_fold * max(folds, 0.0))
    needed: FloatArray = double * (np.log(2.0) / tuning.log_levels) ** 1.5
    return needed


@dataclass(frozen=True, slots=True)
class Against:
    """Evidence against one host in thousandths of records by level, and records it has missed."""

    evidence: tuple[int, ...]
    absent: int = 0


@dataclass(slots=True)
class SlowEvidence:
    """Noise of one service and evidence against its hosts, up to ``end_ms``."""

    end_ms: int = 0
    noise: FleetNoise = field(default_factory=FleetNoise)
    against: dict[Key, Against] = field(default_factory=dict)

    def read(
        self, ratios: FloatArray, row_by_key: Mapping[Key, int], *, room: int, panel_room: int
    ) -> None:
        """Add one record; ``row_by_key`` has every row of ``ratios``, in their order.

        The ``room`` hosts with most evidence keep it, and the panel that measures the noise holds
        at most ``panel_room`` hosts. The record is ignored while fewer than ``LATENCY_LEAST_HOSTS``
        hosts have a ratio.
        """
        known = np.isfinite(ratios)
        if np.count_nonzero(known) < constants.LATENCY_LEAST_HOSTS:
            return
        self.noise.read(ratios, row_by_key, panel_room)
        self._add(ratios, known, row_by_key, room)

    def _add(
        self, ratios: FloatArray, known: BoolArray, row_by_key: Mapping[Key, int], room: int
    ) -> None:
        tuning = self.noise.tuning
        levels = tuning.log_levels[:, None]
        before = np.zeros((levels.size, ratios.size))
        kept: dict[Key, Against] = {}
        for key, each in self.against.items():
            row = row_by_key.get(key, -1)
            if row >= 0 and known[row]:
                before[:, row] = each.evidence
            elif each.absent < tuning.forget_records:
                kept[key] = Against(each.evidence, each.absent + 1)
        needed = records_needed(self.noise)[:, None]
        full = self.noise.sigma * tuning.full_sigmas
        gained = np.clip((ratios - levels) / full, -tuning.taken_records, 1.0)
        most = SCALE * tuning.most_evidence * needed
        after = np.clip(np.rint(before + SCALE * np.where(known, gained, 0.0)), 0.0, most)
        rows = np.flatnonzero((after > 0.0).any(axis=0))
        left = max(room - len(kept), 0)
        if rows.size > left:
            scores = (after[:, rows] / needed).max(axis=0)
            rows = np.sort(rows[np.argsort(-scores, kind="stable")[:left]])
        keys = [*row_by_key]
        columns = after[:, rows].astype(np.int64).T.tolist()
        for row, evidence in zip(rows.tolist(), columns, strict=True):
            kept[keys[row]] = Against(tuple(evidence))
        self.against = kept

    def score(self, key: Key) -> float:
        """Return the evidence against a host over the evidence needed: 1 or more is slow."""
        each = self.against.get(key)
        if each is None:
            return 0.0
        return float((np.array(each.evidence) / SCALE / records_needed(self.noise)).max())

    def slow(self) -> dict[Key, float]:
        """Return the slow hosts and their scores."""
        if not self.against:
            return {}
        evidence = np.array([each.evidence for each in self.against.values()]) / SCALE
        scores = (evidence / records_needed(self.noise)).max(axis=1)
        return {
            key: float(score)
            for key, score in zip(self.against, scores, strict=True)
            if score >= 1.0
        }

    def snapshot(self) -> list[Any]:
        """Return the state as plain data."""
        zones: dict[str, list[list[Any]]] = {}
        for (zone, host), each in self.against.items():
            zones.setdefault(zone, []).append([host, each.absent, *each.evidence])
        return [self.end_ms, self.noise.snapshot(), [*map(list, zones.items())]]

    @staticmethod
    def restored(plain: Any) -> "SlowEvidence":
        """Restore from a ``snapshot``."""
        end_ms, noise, zones = plain
        against = {
            (zone, host): Against(tuple(evidence), absent)
            for zone, hosts in zones
            for host, absent, *evidence in hosts
        }
        return SlowEvidence(end_ms, FleetNoise.restored(noise), against)
