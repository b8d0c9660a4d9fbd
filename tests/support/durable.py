"""A world that survives crashes: topics, the decider's record and the executors' journal in memory.

``fail_at`` names a crash point and how often it is passed before it raises ``Crash``.
"""

from collections.abc import Callable

import msgspec

from detector.actuation.service import AlreadyAcceptedError
from detector.core.vocabulary import OutcomeState
from detector.decisions.actions import Action, DecisionRecord, Outcome
from tests.support.publishing import MemoryPublisher, PublishedRecord


class Crash(RuntimeError):  # noqa: N818 - it is what happens, not an error of ours
    """The process dies here."""


def crash_at(point: str, passes: int = 0) -> Callable[[str], None]:
    """Return a hook that dies at ``point`` after it was passed ``passes`` times."""
    left = [passes]

    def hook(reached: str) -> None:
        if reached == point:
            if left[0] == 0:
                raise Crash(point)
            left[0] -= 1

    return hook


class MemoryStore:
    """One durable record per partition and key. ``fails`` makes the next saves fail."""

    def __init__(self) -> None:
        self.records: dict[tuple[int, str], bytes] = {}
        self.saves = 0
        self.fails = False

    def load(self, partition: int, key: str) -> bytes | None:
        return self.records.get((partition, key))

    async def save(self, partition: int, key: str, record: bytes) -> None:
        if self.fails:
            raise Crash("store")
        self.saves += 1
        self.records[partition, key] = record


class MemoryTopics(MemoryPublisher):
    """The topics of decisions and actions. ``fails`` makes the next publications fail."""

    def __init__(self) -> None:
        super().__init__(self._accept)
        self.fails = False

    async def _accept(self, record: PublishedRecord) -> None:
        assert record.partition is None, "the broker chooses by the key"
        if self.fails:
            raise Crash("publisher")

    def actions(self, topic: str) -> list[Action]:
        return [msgspec.json.decode(value, type=Action) for value in self.values(topic)]

    def decisions(self, topic: str) -> list[DecisionRecord]:
        return [msgspec.json.decode(value, type=DecisionRecord) for value in self.values(topic)]


class MemoryJournal:
    """The outcomes topic: of two acceptances of one action the first wins."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    async def append(self, outcome: Outcome, apply: Callable[[Outcome], None]) -> None:
        first = outcome.action_id not in self.accepted()
        self.outcomes.append(outcome)
        if outcome.state is OutcomeState.ACCEPTED:
            for known in self.outcomes:
                apply(known)
            if not first:
                raise AlreadyAcceptedError(outcome.action_id)

    def accepted(self) -> list[str]:
        return [o.action_id for o in self.outcomes if o.state is OutcomeState.ACCEPTED]

    def states(self, action_id: str) -> list[OutcomeState]:
        return [o.state for o in self.outcomes if o.action_id == action_id]


class CountingExecutor:
    """Counts its calls; ``error`` is raised instead of succeeding."""

    name = "counting"

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.error = error

    async def execute(self, action: Action) -> str:
        self.calls.append(action.id)
        if self.error is not None:
            raise self.error
        return f"ref-{action.id}"
