"""The numbers behind an alarm: a head that all detectors share, and a measure of their own.

Law: a member means one thing and has one unit, whatever the detector. ``measure`` is a tagged
union: its member ``kind`` says which of the structs below it is, so that a consumer needs no
knowledge of the detector that wrote it.

``evidence_v1`` holds the form of schema version 1, which records of decisions and actions carry.
"""

import msgspec


class NoMeasure(msgspec.Struct, frozen=True, tag_field="kind", tag="none"):
    """The window says nothing of the contributor."""


class HostShare(msgspec.Struct, frozen=True, tag_field="kind", tag="host_share"):
    """How much of the faults of its fleet one host owns.

    ``share``: ``faults`` over ``fleet_faults``, 0 to 1; the condition is a share above
    ``share_threshold``. ``runner_up``: zone and host that own most of the rest, empty where nobody
    does, and ``runner_up_share`` theirs. Requests count the window.
    """

    faults: float
    fleet_faults: float
    share: float
    share_threshold: float
    requests: float
    fleet_requests: float
    runner_up: tuple[str, ...]
    runner_up_share: float


class HostRate(msgspec.Struct, frozen=True, tag_field="kind", tag="host_rate"):
    """How often one host fails beside its peers: members as in ``HostShare``, without threshold.

    The ratio of the rates and the test's p-value are in the head of the evidence.
    """

    faults: float
    fleet_faults: float
    share: float
    requests: float
    fleet_requests: float
    runner_up: tuple[str, ...]
    runner_up_share: float


class HostGroup(msgspec.Struct, frozen=True, tag_field="kind", tag="host_group"):
    """One of the few hosts that together own most of the faults beyond the usual.

    ``group_share``: what they own together of the excess faults, 0 to 1 (0 for a host that is not
    one of them); the condition is a share above ``share_threshold``. Otherwise as ``HostShare``.
    """

    faults: float
    fleet_faults: float
    group_share: float
    share_threshold: float
    requests: float
    fleet_requests: float
    runner_up: tuple[str, ...]
    runner_up_share: float


class HostLikelihood(msgspec.Struct, frozen=True, tag_field="kind", tag="host_likelihood"):
    """What the panes so far say against one host, as a log-likelihood ratio (natural logarithm).

    The ratio itself is minus the logarithm of the head's ``p_value``; the condition is a ratio of
    ``log_likelihood_threshold`` or more. Otherwise as ``HostShare``.
    """

    faults: float
    fleet_faults: float
    share: float
    log_likelihood_threshold: float
    requests: float
    fleet_requests: float
    runner_up: tuple[str, ...]
    runner_up_share: float


class HostLatency(msgspec.Struct, frozen=True, tag_field="kind", tag="host_latency"):
    """How slow one host is beside its peers.

    Latencies are means of the window in milliseconds, 0 where too little was logged.
    ``evidence_fraction``: how much of the evidence that an alarm needs has come together, 0 to 1;
    the condition is 1. The head's ``rate_ratio`` is the ratio of the latencies.
    """

    latency_ms: float
    peer_latency_ms: float
    evidence_fraction: float
    requests: float
    fleet_requests: float


class HostSilence(msgspec.Struct, frozen=True, tag_field="kind", tag="host_silence"):
    """How many requests a silent host should have logged since it was last seen, by its past."""

    expected_requests: float
    fleet_requests: float


class ContributorShare(msgspec.Struct, frozen=True, tag_field="kind", tag="contributor_share"):
    """How much of a rule's total one contributor owns; ``value`` and ``total`` in the rule's unit.

    ``share``: ``value`` over ``total``, 0 to 1; the condition is a share above ``share_threshold``.
    ``observations`` counts the values that the rule added up.
    """

    value: float
    total: float
    share: float
    share_threshold: float
    observations: float
    runner_up: tuple[str, ...]
    runner_up_share: float


class ZoneShare(msgspec.Struct, frozen=True, tag_field="kind", tag="zone_share"):
    """How much of a fleet's events one zone has, against what its attempts explain.

    ``signal``: ``faults`` and ``slow_requests`` of requests, or ``connection_failures`` of requests
    and failed connections. ``share``: ``events`` over ``fleet_events``; ``expected_share``: what a
    zone like the others would have, by its part of the attempts; both 0 to 1. ``runner_up``: the
    zone with most events of the others, empty where none has any.
    """

    signal: str
    events: float
    fleet_events: float
    share: float
    expected_share: float
    attempts: float
    fleet_attempts: float
    runner_up: tuple[str, ...]
    runner_up_share: float


class ZoneSilence(msgspec.Struct, frozen=True, tag_field="kind", tag="zone_silence"):
    """How many hosts of a zone are silent, beside those of the whole fleet.

    ``share``: of the silent hosts, those of the zone, 0 to 1. ``fraction_threshold``: the part of
    the zone's hosts, 0 to 1, that must be silent.
    """

    silent_hosts: float
    fleet_silent_hosts: float
    share: float
    fraction_threshold: float
    fleet_requests: float


class CallerFaults(msgspec.Struct, frozen=True, tag_field="kind", tag="caller_faults"):
    """How many of the faults of a fleet one caller met; ``share`` of them, 0 to 1."""

    faults: float
    fleet_faults: float
    share: float
    fleet_requests: float


class FleetRate(msgspec.Struct, frozen=True, tag_field="kind", tag="fleet_rate"):
    """Faults and requests of a whole fleet; ``usual_rate``: faults per request, 0 to 1."""

    faults: float
    requests: float
    usual_rate: float


Measure = (
    NoMeasure
    | HostShare
    | HostRate
    | HostGroup
    | HostLikelihood
    | HostLatency
    | HostSilence
    | ContributorShare
    | ZoneShare
    | ZoneSilence
    | CallerFaults
    | FleetRate
)


class Evidence(msgspec.Struct, frozen=True):
    """What every detector says of a contributor in one window, and its own ``measure``.

    Times are epoch milliseconds; the window is half-open. ``complete``: all source partitions
    reported, else ``missing_partitions`` names them; ``partial``: the log of a partition began
    inside the window. ``confirmed``: an exact test agrees; without it no action follows.
    ``p_value``: of that test, 1 where none was made. ``rate_ratio``: own rate (or latency) over
    that of the peers. ``excess_faults``: events that removing the target would have saved.
    ``peers``: hosts, zones or contributors compared with. ``fleet_hosts`` and ``zone_hosts``: hosts
    in the window, ``zones``: zones of the service, ``suspects``: hosts that the share test accuses.
    ``windows_met`` of the last ``windows_seen`` met the condition. ``fleet_event``: too many hosts
    or zones at once for a local cause. ``blamed_caller``: the caller without which the host is like
    its peers. ``failed_gates``: why a zone is not flagged, or why the fleet guard holds back.
    """

    window_start: int
    window_end: int
    complete: bool
    partial: bool
    missing_partitions: tuple[str, ...]
    confirmed: bool = False
    p_value: float = 1.0
    rate_ratio: float = 0.0
    excess_faults: float = 0.0
    peers: int = 0
    fleet_hosts: int = 0
    zone_hosts: int = 0
    zones: int = 0
    suspects: int = 0
    windows_met: int = 0
    windows_seen: int = 0
    fleet_event: bool = False
    blamed_caller: str = ""
    failed_gates: tuple[str, ...] = ()
    measure: Measure = msgspec.field(default_factory=NoMeasure)


def with_shorter_texts(evidence: Evidence, *, characters: int, items: int) -> Evidence:
    """Return the evidence with texts of at most ``characters``, ``items`` of them in each list."""

    def shorter(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(text[:characters] for text in texts[:items])

    measure = evidence.measure
    if hasattr(measure, "runner_up"):
        measure = msgspec.structs.replace(measure, runner_up=shorter(measure.runner_up))
    return msgspec.structs.replace(
        evidence,
        missing_partitions=shorter(evidence.missing_partitions),
        failed_gates=shorter(evidence.failed_gates),
        blamed_caller=evidence.blamed_caller[:characters],
        measure=measure,
    )
