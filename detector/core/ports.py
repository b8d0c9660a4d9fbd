"""What the use cases need of the outside world, as protocols."""

from collections.abc import Callable, Sequence
from typing import Protocol

from detector.decisions.actions import Action, Outcome
from detector.rules.rules import RuleBook


class RecordPublisher(Protocol):
    """Puts one record on a topic and returns when the broker has it (acks=all).

    Raises when it has not.
    """

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        """Publish durably."""
        ...


class RuleSource(Protocol):
    """The contributor rules in force, by pane."""

    def book_at(self, pane_ms: int) -> RuleBook:
        """Return the rules of the pane that starts at ``pane_ms``."""
        ...

    async def settled(self) -> None:
        """Return when no change can come any more for panes that may be opened now."""
        ...


class Executor(Protocol):
    """Carries out one action at a provider.

    Raises ``ExecutorError`` when the provider did not do it.
    """

    name: str

    async def execute(self, action: Action) -> str:
        """Do it once; return the provider's reference."""
        ...


class OutcomeJournal(Protocol):
    """The durable list of what came of every action."""

    async def append(self, outcome: Outcome, heard: Callable[[Outcome], None]) -> None:
        """Write ``outcome`` and return when it is durable.

        Before an acceptance returns, or raises because it is not the first of its action, ``heard``
        is told every outcome up to it that was not told before, whoever wrote it.
        """
        ...


class StateStore(Protocol):
    """Small durable records, one per key, kept with their partition (a changelog table)."""

    def load(self, partition: int, key: str) -> bytes | None:
        """Return the newest record as recovered at assignment, ``None`` when there is none."""
        ...

    async def save(self, partition: int, key: str, record: bytes) -> None:
        """Write a record and return when it is durable."""
        ...


class Timer(Protocol):
    """Seconds from an arbitrary beginning, for measuring how long something took."""

    def __call__(self) -> float:
        """Read the timer."""
        ...
