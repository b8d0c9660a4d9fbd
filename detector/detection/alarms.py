"""An alarm's identity, evidence and the record of one change of its standing."""

import msgspec

from detector.core.diagnosis import Diagnosis
from detector.core.vocabulary import ActionKind, AlarmState

ALARM_SCHEMA = "detector.alarm.v1"


class Target(msgspec.Struct, frozen=True):
    """What an action would be done to.

    ``host`` is empty for a whole zone; zone ID and name are both carried.
    """

    service: str
    zone: str
    zone_id: str
    zone_name: str
    host: str = ""

    @property
    def key(self) -> str:
        """One string per target: what the action topic is keyed by."""
        return (
            f"{self.service}/{self.zone}/{self.host}"
            if self.host
            else f"{self.service}/{self.zone}"
        )


class Evidence(msgspec.Struct, frozen=True):
    """The numbers behind a standing.

    Shares and probabilities 0 to 1; times epoch ms; counts of the window.

    ``confirmed``: the share test (hosts) or the zone test (zones) agrees; without it no action
    follows. ``p_value``: of that test, 1 when it was not made. ``peers`` are the hosts (or zones)
    compared with. ``excess_faults`` is what removing the target would have saved. ``fleet_hosts``
    and ``zone_hosts`` are the hosts heard in the window, ``suspects`` how many of them the share
    test accuses; ``fleet_event``: too many at once, or too many zones, for a local cause.
    ``zones`` counts the service's zones. ``blamed_caller`` names the caller whose removal clears
    the host (empty when none).
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


class AlarmChange(msgspec.Struct, frozen=True):
    """One change of standing; the alarms topic carries these, keyed by ``alarm_id``.

    ``id`` is made from alarm, state and window, so a replayed window makes the same change again.
    ``detector`` is its name in the settings; ``action`` is what the alarm would ask for (``None``
    for tables that name no target). ``sentence`` says the whole thing in words. ``previous`` and
    ``state`` are both ``alarm`` when the confirming test changed its mind, when the fleet guard
    begins or ends to hold actions back, and every
    ``restate_seconds`` while a confirmed alarm that asks for an action stands, with fresh evidence.
    ``shadow``: its detector is only tried out, so it is never confirmed and asks for nothing.
    ``verdict``: whose fault it is, as all detectors together see it; ``None`` where nobody asked.
    """

    schema: str
    id: str
    alarm_id: str
    detector: str
    subject: str
    rule: str
    rule_version: str
    contributor: tuple[str, ...]
    previous: AlarmState
    state: AlarmState
    changed_at: int
    target: Target | None
    action: ActionKind | None
    evidence: Evidence
    sentence: str
    shadow: bool = False
    verdict: Diagnosis | None = None


def alarm_id_of(detector: str, subject: str, contributor: tuple[str, ...]) -> str:
    """Return the identity of an alarm: detector, subject and contributor."""
    return "|".join((detector, subject, *contributor))
