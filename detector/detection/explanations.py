"""Explanations of findings: sentences with numbers.

Law: names come from logs that anybody may have written, so every name is cut and its control
characters are escaped before it enters a sentence.
"""

from datetime import UTC, datetime

from detector.core.safe_text import escape_controls
from detector.core.vocabulary import AlarmState
from detector.detection.evidence import (
    CallerFaults,
    ContributorShare,
    Evidence,
    HostGroup,
    HostLatency,
    HostLikelihood,
    HostRate,
    HostShare,
    ZoneShare,
    ZoneSilence,
)

NAME_CHARACTERS = 80
SMALLEST_PROBABILITY = 1e-300


def plain_name(text: str) -> str:
    """Return a name that is safe on a terminal and at most 80 characters long."""
    escaped = escape_controls(text)
    return escaped if len(escaped) <= NAME_CHARACTERS else f"{escaped[: NAME_CHARACTERS - 1]}…"


def percent(share: float) -> str:
    """Write a share with at most one decimal."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def count(value: float) -> str:
    """Write a count, grouped by thousands, with at most one decimal."""
    return f"{value:,.1f}".removesuffix(".0")


def probability(p: float) -> str:
    """Write ``p = 1e-80``."""
    return f"p = {p:.0e}" if p >= SMALLEST_PROBABILITY else f"p < {SMALLEST_PROBABILITY:.0e}"


def window_words(evidence: Evidence) -> str:
    """Write ``in the 60 s to 16:20:10Z``."""
    seconds = (evidence.window_end - evidence.window_start) / 1000
    end = datetime.fromtimestamp(evidence.window_end / 1000, UTC)
    return f"in the {seconds:g} s to {end:%H:%M:%S}Z"


def contributor_words(who: str, what: str, evidence: Evidence, measure: ContributorShare) -> str:
    """Write which share of a rule's total a contributor owns, and the next one's share."""
    return _share_words(who, f"{count(measure.total)} {what}", evidence, measure)


def _share_words(
    who: str, what: str, evidence: Evidence, measure: ContributorShare | HostShare
) -> str:
    runner_up = plain_name(measure.runner_up[-1]) if measure.runner_up else "nobody"
    return (
        f"{who} owns {percent(measure.share)} of the {what} "
        f"{window_words(evidence)} (threshold {percent(measure.share_threshold)}, "
        f"next {runner_up} {percent(measure.runner_up_share)})"
    )


def host_words(who: str, what: str, evidence: Evidence, measure: HostShare) -> str:
    """Write how the share test changes what a share means, and why it does not confirm it."""
    words = _share_words(who, f"{count(measure.fleet_faults)} {what}", evidence, measure)
    words += f", share test {probability(evidence.p_value)}, {evidence.peers} peers"
    if evidence.blamed_caller:
        return f"{words}; without caller {plain_name(evidence.blamed_caller)} it is like its peers"
    if evidence.fleet_event:
        return f"{words}; so many hosts are bad that the cause is shared"
    return words if evidence.confirmed else f"{words}; the share test does not confirm it"


def rate_words(
    who: str, what: str, evidence: Evidence, measure: HostRate | HostGroup | HostLikelihood
) -> str:
    """Write how often a host fails beside its peers, and why it may not be to blame."""
    words = (
        f"{who} has {count(measure.faults)} of the {count(measure.fleet_faults)} {what} "
        f"{window_words(evidence)} in {count(measure.requests)} requests, "
        f"{count(evidence.rate_ratio)} times the rate of its {evidence.peers} peers, "
        f"{probability(evidence.p_value)}"
    )
    if evidence.blamed_caller:
        return f"{words}; without caller {plain_name(evidence.blamed_caller)} it is like its peers"
    if evidence.fleet_event:
        return f"{words}; so many hosts are bad that the cause is shared"
    return words


def caller_words(who: str, what: str, evidence: Evidence, measure: CallerFaults, hosts: int) -> str:
    """Write how many faults a caller met, and how many hosts it clears."""
    return (
        f"{who} met {count(measure.faults)} of the {count(measure.fleet_faults)} {what} "
        f"{window_words(evidence)}; without it {hosts} accused hosts are like their peers"
    )


def silence_words(who: str, seconds: float, expected: float) -> str:
    """Write how long a host is silent, and how many requests it should have served."""
    return (
        f"{who} has been silent for {seconds:.0f} s, in which about {count(round(expected))} "
        "requests were to be expected"
    )


def silent_zone_words(who: str, evidence: Evidence, measure: ZoneSilence) -> str:
    """Write how many hosts of a zone are silent, and how many elsewhere."""
    return (
        f"{count(measure.silent_hosts)} of the {evidence.zone_hosts} hosts of {who} are silent "
        f"{window_words(evidence)}, "
        f"{count(measure.fleet_silent_hosts - measure.silent_hosts)} elsewhere, "
        f"{probability(evidence.p_value)}: the zone, or what collects its logs"
    )


def guard_words(what: str, reasons: tuple[str, ...], evidence: Evidence) -> str:
    """Write why the fleet guard holds actions back, or that it does not."""
    if not reasons:
        return f"{what} is as usual {window_words(evidence)}"
    return f"{what} {window_words(evidence)}: {', '.join(reasons)}; the cause is shared"


def zone_words(
    who: str, what: str, evidence: Evidence, measure: ZoneShare, elevated_hosts: int
) -> str:
    """Write what a zone has beside what its requests explain, and which gates it failed."""
    words = (
        f"{who} has {percent(measure.share)} of the {count(measure.fleet_events)} {what} "
        f"{window_words(evidence)} with {percent(measure.expected_share)} of the requests, "
        f"zone test {probability(evidence.p_value)}, "
        f"{elevated_hosts} of {evidence.zone_hosts} hosts elevated, {evidence.peers} other zones"
    )
    failed = ", ".join(evidence.failed_gates).replace("_", " ")
    return f"{words}; not flagged: {failed}" if failed else words


def silent_words(who: str, what: str, evidence: Evidence) -> str:
    """Write that a contributor has nothing in the window, or why nothing is known."""
    if evidence.missing_partitions:
        missing = ", ".join(map(plain_name, evidence.missing_partitions[:3]))
        more = len(evidence.missing_partitions) - 3
        also = f" and {more} more" if more > 0 else ""
        return f"{who}: {missing}{also} did not report {what} {window_words(evidence)}"
    if evidence.partial:
        return f"{who}: the log of {what} begins {window_words(evidence)}"
    return f"{who} has none of the {what} {window_words(evidence)}"


def latency_words(who: str, evidence: Evidence, measure: HostLatency, *, sigma: float) -> str:
    """Write how slow a host is beside its peers, and how much of the needed evidence there is.

    ``sigma`` is the noise of the service: the standard deviation of the logarithm of a ratio.
    """
    if not evidence.rate_ratio:
        return f"{who} logged too little latency {window_words(evidence)}"
    words = (
        f"{who} took {measure.latency_ms:.4g} ms a request {window_words(evidence)}, "
        f"{evidence.rate_ratio:.2f} times the {measure.peer_latency_ms:.4g} ms of its "
        f"{evidence.peers} peers, {percent(measure.evidence_fraction)} of the evidence needed "
        f"at a noise of {percent(sigma)}"
    )
    if evidence.fleet_event:
        return f"{words}; so many hosts are slow that the cause is shared"
    return words


def change_sentence(state: AlarmState, words: str, evidence: Evidence) -> str:
    """Write a change of state as one sentence."""
    seen, met = evidence.windows_seen, evidence.windows_met
    windows = f"{met} of the last {seen} windows"
    if state is AlarmState.OK:
        return f"{words}; none of the last {seen} windows met the condition any more"
    if state is AlarmState.INSUFFICIENT_DATA:
        return f"{words}; too few windows to say"
    return f"{words}; {windows} met the condition" + (
        ", not yet enough" if state is AlarmState.PENDING else ""
    )
