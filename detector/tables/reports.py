"""A closed window of one subject: as columns for the detectors, and as the public report."""

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.core.diagnosis import Diagnosis
from detector.tables.pane_records import MeasureKind
from detector.tables.windows import Window

REPORT_SCHEMA = "detector.report.v1"


@dataclass(frozen=True, slots=True)
class ZoneRef:
    """A zone with both its identities; ``zone`` is the ID where known, else the name."""

    zone: str
    zone_id: str
    zone_name: str


@dataclass(frozen=True, slots=True)
class NewestPane:
    """Start of a window's newest pane, and whether nothing in it is known to be missing."""

    start_ms: int
    trustworthy: bool


@dataclass(frozen=True, slots=True)
class WindowMeta:
    """What is known about a window besides its counts.

    ``complete`` is false when a source partition did not progress past the window within the
    maximum wait; ``missing_partitions`` names those as ``topic/partition``. ``partial``: some pane
    lacks its beginning. ``late`` counts events since the previous window that were too late for any
    pane. ``newest`` describes the newest pane alone, ``None`` if unknown.
    """

    window: Window
    complete: bool
    partial: bool
    missing_partitions: tuple[str, ...]
    late: int
    newest: NewestPane | None = None

    @property
    def trustworthy(self) -> bool:
        """Whether an alarm from this window may lead to an action."""
        return self.complete and not self.partial


@dataclass(frozen=True, slots=True)
class FleetWindow:
    """One service in one window.

    One row per host, all arrays of the same length, counts as float64.

    ``zone_index`` (int64) points into ``zones``. ``caller_*`` describe the caller with the most
    faults of each host: its name (empty if there is none) and its faults, a lower bound.
    ``newest``: requests, faults, slow and connection failures of the newest pane alone, a row each
    (4 x hosts); ``None`` if unknown. ``latency_us`` is the sum of ``latencies`` observations, in
    microseconds; both are empty if no latency is known.
    """

    service: str
    meta: WindowMeta
    zones: tuple[ZoneRef, ...]
    zone_index: NDArray[np.int64]
    hosts: tuple[str, ...]
    requests: NDArray[np.float64]
    faults: NDArray[np.float64]
    slow: NDArray[np.float64]
    connection_failures: NDArray[np.float64]
    last_seen_ms: NDArray[np.float64]
    caller_names: tuple[str, ...]
    caller_faults: NDArray[np.float64]
    newest: NDArray[np.float64] | None = None
    latency_us: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    latencies: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @property
    def subject(self) -> str:
        """Subject of the fleet's records."""
        return f"fleet:{self.service}"


@dataclass(frozen=True, slots=True)
class WindowMeasure:
    """The parts of the values of a rule with a measure, one row per key of its window.

    ``denominators`` are what the rule counts; the values are ``numerators`` divided by them, or the
    first column of ``percentiles`` (one column for each of ``at``, within ``relative_error`` of an
    observation). Contributors below ``minimum`` are not among the keys and are counted in
    ``below_minimum``; ``unheld`` is weight that belongs to no listed contributor. The totals cover
    all contributors, ranked or not.
    """

    kind: MeasureKind
    minimum: float
    at: tuple[float, ...]
    denominators: NDArray[np.float64]
    numerators: NDArray[np.float64] | None
    percentiles: NDArray[np.float64] | None
    below_minimum: int
    unheld: float
    numerator: float
    denominator: float
    relative_error: float


@dataclass(frozen=True, slots=True)
class RuleWindow:
    """One contributor rule in one window. ``values`` belong to ``keys``, in any order.

    ``others`` is weight of no listed contributor (below the threshold of the sketches);
    ``error_bound`` is the largest error of any value (0 if exact); ``unique`` is exact while
    ``error_bound`` is 0 and a lower bound otherwise. ``samples`` counts observations. ``measure``
    is set when the values are not what the rule counts. ``newest`` is the newest pane alone, in the
    same form; ``None`` if unknown.
    """

    rule: str
    version: str
    key_labels: tuple[str, ...]
    meta: WindowMeta
    keys: tuple[tuple[str, ...], ...]
    values: NDArray[np.float64]
    others: float
    error_bound: float
    unique: int
    samples: float
    minimum: float
    maximum: float
    measure: WindowMeasure | None = None
    newest: "RuleWindow | None" = None

    @property
    def subject(self) -> str:
        """Subject of the rule's records."""
        return f"rule:{self.rule}"


class ReportContributor(msgspec.Struct, frozen=True, omit_defaults=True):
    """One ranked contributor.

    ``share`` is of the report's ``sum``, 0 to 1; ``rank`` begins at 1. A rule with a measure adds
    the parts of the value: ``denominator`` with ``numerator`` or ``percentiles``.
    """

    keys: tuple[str, ...]
    value: float
    share: float
    rank: int
    numerator: float | None = None
    denominator: float | None = None
    percentiles: tuple[float, ...] = ()


class ReportMeasure(msgspec.Struct, frozen=True):
    """How the values of a report were computed, for a rule with a measure.

    ``numerator`` (0 for percentiles) and ``denominator`` are totals over all contributors;
    ``below_minimum`` counts the contributors that are not ranked because their denominator is below
    ``minimum``. ``unheld`` is weight that belongs to no contributor, because the table was full or
    only the extremes of the observations are known. ``percentiles`` (0 to 100) lists the
    percentiles of each contributor, the first of which is its value, within ``relative_error``.
    """

    kind: MeasureKind
    minimum: float
    below_minimum: int
    unheld: float
    numerator: float
    denominator: float
    percentiles: tuple[float, ...]
    relative_error: float


class PaneReport(msgspec.Struct, frozen=True):
    """The newest pane of a window alone.

    Windows overlap and panes do not, so sums over any range add up panes. ``start`` in epoch
    milliseconds; the pane ends with its window. ``contributors`` are the ranked (keys, value) of
    the pane. The other members are as in ``Report``, except that ``totals`` has the number of hosts
    in the whole window, because a pane is too short for events of every host. ``complete`` is false
    when the pane lacks a source partition or its beginning.
    """

    start: int
    complete: bool
    sum: float
    sample_count: float
    unique_contributors: int
    minimum: float
    maximum: float
    error_bound: float
    contributors: tuple[tuple[tuple[str, ...], float], ...]
    others: float
    totals: dict[str, float]


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record of the reports topic: one subject in one window, as JSON.

    Times in epoch milliseconds.

    For a fleet the value is faults, the keys are zone and host, and ``totals`` has the other
    columns. ``others`` is the weight of unlisted contributors, so that all shares add up to 1.
    ``measure`` is set when the values are not counts or sums; ``sum`` and ``average`` are then over
    those values. ``pane`` is the newest pane alone. ``slide_reports`` is the number of reports of
    the same slide on this partition, 0 if unknown. ``verdict``: whose fault it is, ``None`` while
    no detector of the fleet has findings.
    """

    schema: str
    subject: str
    rule: str
    rule_version: str
    key_labels: tuple[str, ...]
    window_start: int
    window_end: int
    sum: float
    sample_count: float
    unique_contributors: int
    max_contributor_value: float
    minimum: float
    maximum: float
    average: float
    error_bound: float
    complete: bool
    partial: bool
    missing_partitions: tuple[str, ...]
    late: int
    contributors: tuple[ReportContributor, ...]
    others: float
    others_share: float
    totals: dict[str, float]
    measure: ReportMeasure | None = None
    pane: PaneReport | None = None
    slide_reports: int = 0
    verdict: Diagnosis | None = None
