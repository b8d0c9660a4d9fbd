"""Ports of the actuator: the executor and the journal of outcomes."""

from collections.abc import Callable
from typing import Protocol

from detector.decisions.actions import Action, Outcome


class Executor(Protocol):
    """Executes actions at a provider.

    Raises ``ExecutorError`` if the provider did not execute the action.
    """

    name: str

    async def execute(self, action: Action) -> str:
        """Execute ``action`` once; return the provider's reference."""
        ...


class OutcomeJournal(Protocol):
    """The durable list of the outcomes of all actions."""

    async def append(self, outcome: Outcome, apply: Callable[[Outcome], None]) -> None:
        """Write ``outcome`` and return when it is durable.

        Before an acceptance returns, or raises because it is not the first of its action, ``apply``
        is called with every outcome up to it that was not passed before, from any writer.
        """
        ...
