"""Active alarms that ask for an action: the candidates for a decision, worst first.

Law: there is one candidate per target, however many detectors name it. The alarms of one target
share the last decision, so a target is decided on and charged once. A change that was seen before,
or that is older than one that was seen, has no effect.

The confirmed alarm with the newest evidence represents its target.

Known limits: the last change is remembered for the 256 alarms that changed most recently; changes
of other alarms are applied again, in order, when they are read again. Texts that only explain are
truncated to keep the record of all candidates small.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from detector.core.vocabulary import ActionKind, AlarmState, Decision, Refusal
from detector.detection.alarms import AlarmChange, Target, upgraded
from detector.detection.evidence import with_shorter_texts

REMEMBERED_ALARMS = 256
_LISTED = 5
_TEXT_CHARACTERS = 500


class Candidate(msgspec.Struct, frozen=True):
    """An active alarm and the last decision on it; ``attempts`` counts the decisions."""

    change: AlarmChange
    verdict: Decision | None = None
    refusal: Refusal | None = None
    attempts: int = 0

    @property
    def kind(self) -> ActionKind:
        """The action that the alarm asks for; only alarms that ask for one become candidates."""
        return self.change.action or ActionKind.REPLACE_HOST

    @property
    def service(self) -> str:
        """The service of the target; empty without a target."""
        return self.change.target.service if self.change.target else ""

    @property
    def target_key(self) -> str:
        """One key per target, however many alarms name it; the alarm id without a target."""
        target = self.change.target
        return f"{self.kind.value}/{target.key}" if target else self.change.alarm_id

    @property
    def storm_scope(self) -> str:
        """The scope of the cool-down; that of hosts does not block a shift away from a zone."""
        return f"{self.kind.value}/{self.service}"

    @property
    def was_granted(self) -> bool:
        """Whether the last decision was a grant (enforced or observed)."""
        return self.verdict in {Decision.GRANTED, Decision.OBSERVED}

    def age_seconds(self, wall: float) -> float:
        """Return the seconds from the end of the evidence window to ``wall`` (epoch seconds)."""
        return wall - self.change.evidence.window_end / 1000


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """Sick hosts by service: the larger of the evidence's count and the count of active alarms.

    ``impaired_zones``: zones with an active zone alarm in any service, confirmed or not, because
    doubt about a zone speaks against acting on one of its hosts.
    """

    sick_by_service: Mapping[str, int]
    impaired_zones: frozenset[str]


class Candidates:
    """All candidates by alarm, and the last change (time, id) of each alarm."""

    def __init__(self) -> None:
        self._by_alarm: dict[str, Candidate] = {}
        self._last_by_alarm: dict[str, tuple[int, str]] = {}

    def __len__(self) -> int:
        return len(self._by_alarm)

    def observe(self, change: AlarmChange) -> bool:
        """Apply one change of an alarm; return whether the candidates or their evidence changed."""
        last_at, last_id = self._last_by_alarm.pop(change.alarm_id, (change.changed_at, ""))
        is_old = change.id == last_id or change.changed_at < last_at
        last = (last_at, last_id) if is_old else (change.changed_at, change.id)
        self._last_by_alarm[change.alarm_id] = last
        if len(self._last_by_alarm) > REMEMBERED_ALARMS:
            del self._last_by_alarm[next(iter(self._last_by_alarm))]
        if is_old:
            return False
        if change.state is not AlarmState.ALARM or change.action is None:
            return self._by_alarm.pop(change.alarm_id, None) is not None
        before = self._by_alarm.get(change.alarm_id)
        candidate = Candidate(_compact(change))
        if before is None:
            before = next(iter(self._of_target(candidate)), None)
        if before is not None:
            candidate = msgspec.structs.replace(before, change=candidate.change)
        self._by_alarm[change.alarm_id] = candidate
        return True

    def put(self, candidate: Candidate) -> None:
        """Replace the candidate of the same alarm; the decision holds for the whole target."""
        for each in self._of_target(candidate):
            alarm_id = each.change.alarm_id
            self._by_alarm[alarm_id] = msgspec.structs.replace(candidate, change=each.change)
        self._by_alarm[candidate.change.alarm_id] = candidate

    def ranked(self) -> list[Candidate]:
        """Return one candidate per target, those with the most excess faults first."""
        by_target: dict[str, Candidate] = {}
        for candidate in self._by_alarm.values():
            known = by_target.get(candidate.target_key)
            if known is None or _evidence_order(candidate) > _evidence_order(known):
                by_target[candidate.target_key] = candidate
        return sorted(by_target.values(), key=_worst_first)

    def _of_target(self, candidate: Candidate) -> list[Candidate]:
        key = candidate.target_key
        return [each for each in self._by_alarm.values() if each.target_key == key]

    def _all(self) -> list[Candidate]:
        """Return those that represent a target, worst first, and then the others."""
        ranked = self.ranked()
        first = {candidate.change.alarm_id for candidate in ranked}
        others = [c for c in self._by_alarm.values() if c.change.alarm_id not in first]
        return ranked + sorted(others, key=_worst_first)

    def get(self, alarm_id: str) -> Candidate | None:
        """Return the candidate of an alarm; ``None`` if the alarm is not active."""
        return self._by_alarm.get(alarm_id)

    def fleet_counts(self) -> "FleetCounts":
        """Count the sick hosts and list the impaired zones."""
        hosts: dict[str, set[Target]] = {}
        suspects: dict[str, int] = {}
        zones: set[str] = set()
        for candidate in self._by_alarm.values():
            service, aim = candidate.service, candidate.change.target
            counted = candidate.change.evidence.suspects
            suspects[service] = max(counted, suspects.get(service, 0))
            if aim is not None and candidate.kind is ActionKind.SHIFT_AWAY:
                zones.add(aim.zone)
            elif aim is not None and candidate.change.evidence.confirmed:
                hosts.setdefault(service, set()).add(aim)
        sick = {s: max(count, len(hosts.get(s, ()))) for s, count in suspects.items()}
        return FleetCounts(sick, frozenset(zones))

    def keep_worst(self, limit: int, is_fresh: Callable[[Candidate], bool]) -> bool:
        """Keep zone alarms, then the worst fresh hosts, up to ``limit``; return if any left."""
        before = len(self._by_alarm)
        every = self._all()
        zones = [c for c in every if c.kind is ActionKind.SHIFT_AWAY]
        hosts = [c for c in every if c.kind is ActionKind.REPLACE_HOST and is_fresh(c)]
        self._by_alarm = {c.change.alarm_id: c for c in (*zones, *hosts)[:limit]}
        return len(self._by_alarm) < before

    def snapshot(self, limit: int) -> dict[str, Any]:
        """Return plain data of the ``limit`` worst candidates and of the last changes.

        The changes of candidates beyond the limit are left out, so that they are applied again.
        """
        ranked = self._all()
        left_out = {candidate.change.alarm_id for candidate in ranked[limit:]}
        changes = [[a, *last] for a, last in self._last_by_alarm.items() if a not in left_out]
        kept = [msgspec.to_builtins(candidate) for candidate in ranked[:limit]]
        return {"standing": kept, "last_changes": changes}

    @staticmethod
    def restored(snapshot: Mapping[str, Iterable[Any]]) -> "Candidates":
        """Return the candidates of a snapshot."""
        candidates = Candidates()
        for item in snapshot["standing"]:
            # Records of releases before schema version 2 hold changes of version 1.
            current = {**item, "change": upgraded(item["change"])}
            candidate = msgspec.convert(current, Candidate)
            candidates._by_alarm[candidate.change.alarm_id] = candidate
        candidates._last_by_alarm = {a: (at, id_) for a, at, id_ in snapshot["last_changes"]}
        return candidates


def _worst_first(candidate: Candidate) -> tuple[float, str]:
    excess = candidate.change.evidence.excess_faults
    return (-excess if math.isfinite(excess) else 0.0, candidate.change.alarm_id)


def _evidence_order(candidate: Candidate) -> tuple[bool, int, float, str]:
    evidence = candidate.change.evidence
    excess = evidence.excess_faults if math.isfinite(evidence.excess_faults) else 0.0
    return evidence.confirmed, evidence.window_end, excess, candidate.change.alarm_id


def _compact(change: AlarmChange) -> AlarmChange:
    evidence = with_shorter_texts(change.evidence, characters=_TEXT_CHARACTERS, items=_LISTED)
    return msgspec.structs.replace(
        change,
        contributor=_cut(change.contributor),
        evidence=evidence,
        sentence=change.sentence[:_TEXT_CHARACTERS],
    )


def _cut(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text[:_TEXT_CHARACTERS] for text in texts[:_LISTED])
