"""Evidence of schema version 1: flat, with numbers whose meaning depended on the detector.

Records of decisions and actions still carry it (``flat_evidence``), and alarms of version 1 are
still read (``lift_evidence``). Nothing else uses it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from detector.detection.evidence import (
    CallerFaults,
    ContributorShare,
    Evidence,
    FleetRate,
    HostGroup,
    HostLatency,
    HostLikelihood,
    HostRate,
    HostShare,
    HostSilence,
    Measure,
    NoMeasure,
    ZoneShare,
    ZoneSilence,
)


class FlatEvidence(msgspec.Struct, frozen=True):
    """Evidence of schema version 1, as records of decisions and actions carry it.

    What ``total``, ``value``, ``share``, ``threshold``, ``requests`` and ``sample_count`` mean
    depends on the detector: ``_FLAT`` says it for each measure. All other members are those of
    ``Evidence``.
    """

    window_start: int
    window_end: int
    total: float
    value: float
    share: float
    threshold: float
    runner_up: tuple[str, ...]
    runner_up_share: float
    requests: float
    sample_count: float
    p_value: float
    rate_ratio: float
    excess_faults: float
    peers: int
    fleet_hosts: int
    zone_hosts: int
    zones: int
    suspects: int
    windows_met: int
    windows_seen: int
    complete: bool
    partial: bool
    missing_partitions: tuple[str, ...]
    confirmed: bool
    fleet_event: bool = False
    blamed_caller: str = ""
    failed_gates: tuple[str, ...] = ()


_RUNNER_UP: Final = {"runner_up": "runner_up", "runner_up_share": "runner_up_share"}
_OF_HOST: Final = {
    "value": "faults",
    "total": "fleet_faults",
    "requests": "requests",
    "sample_count": "fleet_requests",
    **_RUNNER_UP,
}
_FLAT: Final[dict[type[Measure], dict[str, str]]] = {
    NoMeasure: {},
    HostShare: {**_OF_HOST, "share": "share", "threshold": "share_threshold"},
    HostRate: {**_OF_HOST, "share": "share"},
    HostGroup: {**_OF_HOST, "share": "group_share", "threshold": "share_threshold"},
    HostLikelihood: {**_OF_HOST, "share": "share", "threshold": "log_likelihood_threshold"},
    HostLatency: {
        "value": "latency_ms",
        "total": "peer_latency_ms",
        "share": "evidence_fraction",
        "requests": "requests",
        "sample_count": "fleet_requests",
    },
    HostSilence: {"value": "expected_requests", "sample_count": "fleet_requests"},
    ContributorShare: {
        "value": "value",
        "total": "total",
        "share": "share",
        "threshold": "share_threshold",
        "sample_count": "observations",
        **_RUNNER_UP,
    },
    ZoneShare: {
        "value": "events",
        "total": "fleet_events",
        "share": "share",
        "threshold": "expected_share",
        "requests": "attempts",
        "sample_count": "fleet_attempts",
        **_RUNNER_UP,
    },
    ZoneSilence: {
        "value": "silent_hosts",
        "total": "fleet_silent_hosts",
        "share": "share",
        "threshold": "fraction_threshold",
        "sample_count": "fleet_requests",
    },
    CallerFaults: {
        "value": "faults",
        "total": "fleet_faults",
        "share": "share",
        "sample_count": "fleet_requests",
    },
    FleetRate: {"value": "faults", "requests": "requests", "threshold": "usual_rate"},
}
"""Which member of a measure stands under which name of version 1; a name that is missing is 0."""

_ALWAYS_ONE: Final[dict[type[Measure], str]] = {HostLatency: "threshold"}
_TWICE: Final[dict[type[Measure], dict[str, str]]] = {
    FleetRate: {"total": "faults", "sample_count": "requests"}
}
_HEAD: Final = tuple(name for name in Evidence.__struct_fields__ if name != "measure")

_HOST_MEASURES: Final[dict[str, type[Measure]]] = {
    "r66": HostShare,
    "share": HostRate,
    "r66k": HostGroup,
    "sequential": HostLikelihood,
    "latency": HostLatency,
    "silence": HostSilence,
    "caller": CallerFaults,
    "guard": FleetRate,
}
_ZONE_SIGNALS: Final = {
    "zone": "faults",
    "zone_slow": "slow_requests",
    "zone_connections": "connection_failures",
}


def flat_evidence(evidence: Evidence) -> FlatEvidence:
    """Return the form of version 1."""
    measure = evidence.measure
    kind: type[Measure] = type(measure)
    numbers: dict[str, Any] = {
        name: getattr(measure, own) for name, own in {**_FLAT[kind], **_TWICE.get(kind, {})}.items()
    }
    if kind in _ALWAYS_ONE:
        numbers[_ALWAYS_ONE[kind]] = 1.0
    blank: dict[str, Any] = {
        "total": 0.0,
        "value": 0.0,
        "share": 0.0,
        "threshold": 0.0,
        "requests": 0.0,
    }
    blank |= {"runner_up": (), "runner_up_share": 0.0, "sample_count": 0.0}
    head = {name: getattr(evidence, name) for name in _HEAD}
    return FlatEvidence(**{**blank, **head, **numbers})


def lift_evidence(flat: Mapping[str, Any], detector: str, subject: str) -> dict[str, Any]:
    """Return evidence of version 1, as plain data, in the form of version 2.

    ``detector`` and ``subject`` of its alarm say what its numbers mean. Raise ``KeyError`` for a
    member that is missing.
    """
    kind = _measure_of(flat, detector, subject)
    measure = {own: flat[name] for name, own in _FLAT[kind].items()}
    measure["kind"] = kind.__struct_config__.tag
    if kind is ZoneShare:
        measure["signal"] = _ZONE_SIGNALS[detector]
    return {**{name: flat[name] for name in _HEAD if name in flat}, "measure": measure}


def _measure_of(flat: Mapping[str, Any], detector: str, subject: str) -> type[Measure]:
    if not flat["total"] and not flat["value"] and not flat["sample_count"]:
        return NoMeasure
    if subject.startswith("rule:"):
        return ContributorShare
    if detector in _ZONE_SIGNALS:
        return ZoneShare
    if detector == "silence" and flat["zone_hosts"]:
        return ZoneSilence
    return _HOST_MEASURES.get(detector, NoMeasure)
