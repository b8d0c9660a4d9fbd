"""Standing alarms that name an action: who may be acted upon, worst first.

Law: one candidate per target, however many detectors name it: the alarms of one target share what
was ruled, so a target is ruled upon and paid for once. A change that was seen before, or that is
older than one that was, changes nothing, however often it comes.

Of a target's alarms the confirmed one with the newest evidence speaks for it.

Known limits: the last change of the 256 alarms that moved last is remembered; the changes of other
alarms, when they are read again, are taken again in their order. Texts that only explain are cut,
so that the record of all candidates stays small.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from detector.core.vocabulary import ActionKind, AlarmState, Decision, Refusal
from detector.detection.alarms import AlarmChange, Target

REMEMBERED_ALARMS = 256
_LISTED = 5
_TEXT_CHARACTERS = 500


class Candidate(msgspec.Struct, frozen=True):
    """An alarm that stands, and the last ruling on it; ``attempts`` counts the rulings."""

    change: AlarmChange
    verdict: Decision | None = None
    refusal: Refusal | None = None
    attempts: int = 0

    @property
    def kind(self) -> ActionKind:
        """What the alarm asks for; only alarms that ask for something become candidates."""
        return self.change.action or ActionKind.REPLACE_HOST

    @property
    def service(self) -> str:
        """The service of the target, empty without one."""
        return self.change.target.service if self.change.target else ""

    @property
    def target_key(self) -> str:
        """One string for each target, however many alarms name it; without target, the alarm."""
        target = self.change.target
        return f"{self.kind.value}/{target.key}" if target else self.change.alarm_id

    @property
    def storm_scope(self) -> str:
        """What rests after a storm: sick hosts must not keep a sick zone from being left."""
        return f"{self.kind.value}/{self.service}"

    @property
    def was_granted(self) -> bool:
        """Tell whether the last ruling was a yes."""
        return self.verdict in {Decision.GRANTED, Decision.OBSERVED}

    def age_seconds(self, wall: float) -> float:
        """Return the seconds from the end of the evidence's window to ``wall`` (epoch seconds)."""
        return wall - self.change.evidence.window_end / 1000


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """Sick hosts by service, the larger of what evidence counts and of the alarms that stand.

    ``impaired_zones``: zones for which a zone alarm stands, in any service, also while the test
    behind it hesitates: doubt speaks against acting on a host in there.
    """

    sick_by_service: Mapping[str, int]
    impaired_zones: frozenset[str]


class Candidates:
    """All candidates by alarm, and the last change (when, identity) of each alarm."""

    def __init__(self) -> None:
        self._by_alarm: dict[str, Candidate] = {}
        self._last_by_alarm: dict[str, tuple[int, str]] = {}

    def __len__(self) -> int:
        return len(self._by_alarm)

    def observe(self, change: AlarmChange) -> bool:
        """Take one change of standing; return whether it changed who is a candidate, or why."""
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
        """Replace the candidate of the same alarm; what was ruled holds for the whole target."""
        for each in self._of_target(candidate):
            alarm_id = each.change.alarm_id
            self._by_alarm[alarm_id] = msgspec.structs.replace(candidate, change=each.change)
        self._by_alarm[candidate.change.alarm_id] = candidate

    def ranked(self) -> list[Candidate]:
        """Return one candidate for each target, those with the most excess faults first."""
        spoken: dict[str, Candidate] = {}
        for candidate in self._by_alarm.values():
            known = spoken.get(candidate.target_key)
            if known is None or _speaks_for(candidate) > _speaks_for(known):
                spoken[candidate.target_key] = candidate
        return sorted(spoken.values(), key=_worst_first)

    def _of_target(self, candidate: Candidate) -> list[Candidate]:
        key = candidate.target_key
        return [each for each in self._by_alarm.values() if each.target_key == key]

    def _all(self) -> list[Candidate]:
        """Return those that speak for a target, worst first, and then the others."""
        ranked = self.ranked()
        first = {candidate.change.alarm_id for candidate in ranked}
        others = [c for c in self._by_alarm.values() if c.change.alarm_id not in first]
        return ranked + sorted(others, key=_worst_first)

    def get(self, alarm_id: str) -> Candidate | None:
        """Return the candidate of an alarm, if it stands."""
        return self._by_alarm.get(alarm_id)

    def fleet_counts(self) -> "FleetCounts":
        """Count the sick and name the impaired zones."""
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
        """Keep all zone alarms and the worst fresh hosts, ``limit`` in all; tell if any went."""
        before = len(self._by_alarm)
        every = self._all()
        zones = [c for c in every if c.kind is ActionKind.SHIFT_AWAY]
        hosts = [c for c in every if c.kind is ActionKind.REPLACE_HOST and is_fresh(c)]
        self._by_alarm = {c.change.alarm_id: c for c in (*zones, *hosts)[:limit]}
        return len(self._by_alarm) < before

    def snapshot(self, limit: int) -> dict[str, Any]:
        """Return plain data of the ``limit`` worst candidates and of the last changes.

        The changes of candidates beyond the limit are left out: they are to be taken again.
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
            candidate = msgspec.convert(item, Candidate)
            candidates._by_alarm[candidate.change.alarm_id] = candidate
        candidates._last_by_alarm = {a: (at, id_) for a, at, id_ in snapshot["last_changes"]}
        return candidates


def _worst_first(candidate: Candidate) -> tuple[float, str]:
    excess = candidate.change.evidence.excess_faults
    return (-excess if math.isfinite(excess) else 0.0, candidate.change.alarm_id)


def _speaks_for(candidate: Candidate) -> tuple[bool, int, float, str]:
    evidence = candidate.change.evidence
    excess = evidence.excess_faults if math.isfinite(evidence.excess_faults) else 0.0
    return evidence.confirmed, evidence.window_end, excess, candidate.change.alarm_id


def _compact(change: AlarmChange) -> AlarmChange:
    evidence = msgspec.structs.replace(
        change.evidence,
        runner_up=_cut(change.evidence.runner_up),
        missing_partitions=_cut(change.evidence.missing_partitions),
        failed_gates=_cut(change.evidence.failed_gates),
        blamed_caller=change.evidence.blamed_caller[:_TEXT_CHARACTERS],
    )
    return msgspec.structs.replace(
        change,
        contributor=_cut(change.contributor),
        evidence=evidence,
        sentence=change.sentence[:_TEXT_CHARACTERS],
    )


def _cut(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text[:_TEXT_CHARACTERS] for text in texts[:_LISTED])
