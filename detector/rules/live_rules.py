"""The source of the rules in force: fixed, or read continuously from the rules' log.

Law: no pane is opened while a change for it may still be written. A change takes effect no earlier
than ``ahead_ms`` after its record. A worker that read the log to its end a moment ago therefore
knows the rules of all panes that an event may fall into now; any other worker waits.

Theory of operation: ``ahead_ms`` is the future tolerance, which is how far ahead of its record an
event may lie, plus a lead. Half of the lead may pass since the log was read to its end; the other
half is for clocks that differ. A new reading of the log builds a timeline of its own, which
replaces the current one when it is complete.

Known limit: where a producer's clock runs ahead by more than half of the lead, panes may be opened
before a change for them is known; such a pane may hold two versions of a rule, and its windows are
marked partial.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from detector.core.notices import (
    NoticeListener,
    RuleChangeRead,
    RulesRead,
    TallyingHeld,
)
from detector.core.steady_time import SteadyTime
from detector.rules.log_reducer import ChangeResult
from detector.rules.rules import RuleSet
from detector.rules.timeline import RuleTimeline


class RuleSource(Protocol):
    """The contributor rules in force, by pane."""

    def rule_set_at(self, pane_ms: int) -> RuleSet:
        """Return the rules of the pane that starts at ``pane_ms``."""
        ...

    async def settled(self) -> None:
        """Return when the rules of all panes that may be opened now are final."""
        ...


class FixedRules:
    """The same rules in every pane."""

    def __init__(self, rule_set: RuleSet) -> None:
        self._rule_set = rule_set

    def rule_set_at(self, _pane_ms: int) -> RuleSet:
        """Return the rules."""
        return self._rule_set

    async def settled(self) -> None:
        """Return at once: nothing ever changes."""


class LiveRules:
    """The rules of the control topic. Its reader calls ``began``, ``read`` and ``proven``."""

    def __init__(
        self,
        new_timeline: Callable[[], RuleTimeline],
        *,
        clock: Callable[[], SteadyTime],
        max_age_seconds: float,
        listener: NoticeListener,
    ) -> None:
        self._new_timeline = new_timeline
        self._clock = clock
        self._max_age = max_age_seconds
        self._listener = listener
        self._timeline = self._reading = new_timeline()
        self._unreported: list[bytes] = []
        self._proven: float | None = None
        self._is_held = False
        self._progressed = asyncio.Event()

    def began(self) -> None:
        """Start to read the whole log; the current rules stay in force until this is complete."""
        self._reading = self._new_timeline()
        self._unreported = []

    def read(self, key: bytes | None, value: bytes | None, stamp_ms: int) -> None:
        """Add the next record of the log."""
        if self._reading.read(key, value, stamp_ms) and key is not None:
            self._unreported.append(key)
            self._progressed.set()

    def proven(self, at: SteadyTime) -> None:
        """Record that at ``at`` the log held no more than what was read; report the changes."""
        is_first = self._timeline is not self._reading or self._proven is None
        self._timeline = self._reading
        self._proven = at.monotonic
        unreported, self._unreported = self._unreported, []
        if is_first:
            results = self._timeline.results()
            passed_over = sum(result.rejection is not None for result in results)
            rules = len(self._timeline.entries())
            self._listener(RulesRead(rules, len(results), passed_over))
        else:
            for key in unreported:
                self._report(self._timeline.result(key))
        self._progressed.set()

    def _report(self, result: ChangeResult | None) -> None:
        if result is not None:
            self._listener(
                RuleChangeRead(
                    name=result.name,
                    kind=result.kind,
                    version=result.version,
                    from_ms=result.from_ms,
                    rejection=result.rejection,
                    rules=len(self._timeline.entries()),
                )
            )

    @property
    def timeline(self) -> RuleTimeline:
        """Return the current timeline."""
        return self._timeline

    @property
    def is_settled(self) -> bool:
        """Say whether the log was read to its end a moment ago."""
        now = self._clock().monotonic
        return self._proven is not None and now - self._proven <= self._max_age

    def rule_set_at(self, pane_ms: int) -> RuleSet:
        """Return the rules of the pane that starts at ``pane_ms``, as far as they are known."""
        return self._timeline.rule_set_at(pane_ms)

    async def settled(self) -> None:
        """Wait until the log was read to its end a moment ago; report when this has to wait."""
        while not self.is_settled:
            if not self._is_held:
                self._is_held = True
                self._listener(TallyingHeld(held=True))
            self._progressed.clear()
            await self._progressed.wait()
        if self._is_held:
            self._is_held = False
            self._listener(TallyingHeld(held=False))

    async def result_of(self, key: bytes) -> ChangeResult:
        """Wait until the record under ``key`` was read; return its result."""
        while (result := self._timeline.result(key)) is None:
            self._progressed.clear()
            await self._progressed.wait()
        return result
