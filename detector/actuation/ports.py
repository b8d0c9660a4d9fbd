"""What the actuator needs of the outside world, as protocols."""

from collections.abc import Callable
from typing import Protocol

from detector.decisions.actions import Action, Outcome


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

    async def append(self, outcome: Outcome, apply: Callable[[Outcome], None]) -> None:
        """Write ``outcome`` and return when it is durable.

        Before an acceptance returns, or raises because it is not the first of its action, ``heard``
        is told every outcome up to it that was not told before, whoever wrote it.
        """
        ...
