"""The identity of an alarm, its target, and the record of one change of its state."""

from collections.abc import Mapping
from typing import Any

import msgspec

from detector.core.diagnosis import Diagnosis
from detector.core.vocabulary import ActionKind, AlarmState
from detector.detection.evidence import Evidence
from detector.detection.evidence_v1 import lift_evidence

ALARM_SCHEMA = "detector.alarm.v2"
ALARM_SCHEMA_1 = "detector.alarm.v1"
"""Version 1 had flat evidence, whose members meant something else for each detector."""


class Target(msgspec.Struct, frozen=True):
    """The object of an action: a host, or a whole zone when ``host`` is empty.

    Both names of the zone are kept: its ID and its name.
    """

    service: str
    zone: str
    zone_id: str
    zone_name: str
    host: str = ""

    @property
    def key(self) -> str:
        """The key of the target on the actions topic."""
        return (
            f"{self.service}/{self.zone}/{self.host}"
            if self.host
            else f"{self.service}/{self.zone}"
        )


class AlarmChange(msgspec.Struct, frozen=True):
    """One change of an alarm's state, as the alarms topic carries it, keyed by ``alarm_id``.

    ``id`` is made from alarm, state and window, so a replayed window gives the same change.
    ``detector`` is its name in the settings; ``action`` is what the alarm requests (``None`` for
    tables without targets). ``sentence`` explains the change. ``previous`` and ``state`` are both
    ``alarm`` when the confirming test changes its answer, when the fleet guard begins or stops to
    hold actions back, and every ``restate_seconds`` while a confirmed alarm that requests an action
    lasts, with fresh evidence. ``shadow``: the detector is on trial, so the alarm is never
    confirmed and requests nothing. ``verdict``: the diagnosis of all detectors together; ``None``
    where there is none.
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
    """Return the identity of an alarm, made of detector, subject and contributor."""
    return "|".join((detector, subject, *contributor))


def decode_change(raw: bytes) -> AlarmChange:
    """Decode a record of the alarms topic, of schema version 1 or 2.

    Raise ``msgspec.MsgspecError`` for anything else, a tombstone included.
    """
    try:
        try:
            change = msgspec.json.decode(raw, type=AlarmChange)
        except msgspec.ValidationError:
            return change_from(msgspec.json.decode(raw))
        return change if change.schema != ALARM_SCHEMA_1 else change_from(msgspec.json.decode(raw))
    except RecursionError:
        raise msgspec.ValidationError("alarm is nested too deeply") from None


def change_from(plain: Any) -> AlarmChange:
    """Return a change from plain data of schema version 1 or 2; raise as ``decode_change``."""
    return msgspec.convert(upgraded(plain), AlarmChange)


def upgraded(plain: Any) -> Any:
    """Return plain data of version 1 in the form of version 2, and anything else unchanged."""
    if not isinstance(plain, Mapping) or plain.get("schema") != ALARM_SCHEMA_1:
        return plain
    try:
        evidence = lift_evidence(plain["evidence"], plain["detector"], plain["subject"])
    except (AttributeError, KeyError, TypeError) as error:
        raise msgspec.ValidationError(f"alarm of version 1 is malformed: {error}") from error
    return {**plain, "schema": ALARM_SCHEMA, "evidence": evidence}
