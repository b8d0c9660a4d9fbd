"""An alarm's identity, evidence and the record of one change of its standing."""

from collections.abc import Mapping
from typing import Any

import msgspec

from detector.core.diagnosis import Diagnosis
from detector.core.vocabulary import ActionKind, AlarmState
from detector.detection.evidence import Evidence, lift_evidence

ALARM_SCHEMA = "detector.alarm.v2"
ALARM_SCHEMA_1 = "detector.alarm.v1"
"""Version 1 had flat evidence, whose members meant something else for each detector."""


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


def decode_change(raw: bytes) -> AlarmChange:
    """Read a record of the alarms topic, of schema version 1 or 2.

    Raise ``msgspec.MsgspecError`` for anything else; a tombstone is no change either.
    """
    try:
        change = msgspec.json.decode(raw, type=AlarmChange)
    except msgspec.ValidationError:
        return change_from(msgspec.json.decode(raw))
    return change if change.schema != ALARM_SCHEMA_1 else change_from(msgspec.json.decode(raw))


def change_from(plain: Any) -> AlarmChange:
    """Read a change from plain data, of schema version 1 or 2; raise as ``decode_change``."""
    return msgspec.convert(upgraded(plain), AlarmChange)


def upgraded(plain: Any) -> Any:
    """Return a change of version 1, as plain data, in version 2; anything else as it is."""
    if not isinstance(plain, Mapping) or plain.get("schema") != ALARM_SCHEMA_1:
        return plain
    try:
        evidence = lift_evidence(plain["evidence"], plain["detector"], plain["subject"])
    except (KeyError, TypeError) as error:
        raise msgspec.ValidationError(f"alarm of version 1 lacks {error}") from error
    return {**plain, "schema": ALARM_SCHEMA, "evidence": evidence}
