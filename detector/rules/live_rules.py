"""Where the rules in force come from: fixed for good, or followed in the rules' log.

Law: nobody opens a pane while a change for it may still come. A change takes effect no earlier than
``ahead_ms`` after its record; so whoever read the log to its end a moment ago knows all panes that
an event may fall into now, and whoever did not, waits.

Theory of operation: ``ahead_ms`` is the future tolerance, which is how far ahead of its record an
event may lie, plus a lead. Half of the lead may pass since the log was read to its end; the other
half is for clocks that differ. A new reading of the log is folded apart and takes the place of the
old one when it is complete.

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

    def book_at(self, pane_ms: int) -> RuleSet:
        """Return the rules of the pane that starts at ``pane_ms``."""
        ...

    async def settled(self) -> None:
        """Return when no change can come any more for panes that may be opened now."""
        ...


class FixedRules:
    """The same rules in every pane."""

    def __init__(self, book: RuleSet) -> None:
        self._book = book

    def book_at(self, _pane_ms: int) -> RuleSet:
        """Return the rules."""
        return self._book

    async def settled(self) -> None:
        """Return at once: nothing ever changes."""


class LiveRules:
    """The rules as the control topic tells them; whoever reads the topic calls the first four."""

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
        self._unseen: list[bytes] = []
        self._proven: float | None = None
        self._is_held = False
        self._told = asyncio.Event()

    def began(self) -> None:
        """Begin a reading of the whole log; the one before stays in force until it is complete."""
        self._reading = self._new_timeline()
        self._unseen = []

    def read(self, key: bytes | None, value: bytes | None, stamp_ms: int) -> None:
        """Take the next record in."""
        if self._reading.read(key, value, stamp_ms) and key is not None:
            self._unseen.append(key)
            self._told.set()

    def proven(self, at: SteadyTime) -> None:
        """Take note that at ``at`` the log held nothing more than was read."""
        is_first = self._timeline is not self._reading or self._proven is None
        self._timeline = self._reading
        self._proven = at.monotonic
        unseen, self._unseen = self._unseen, []
        if is_first:
            fates = self._timeline.fates()
            passed_over = sum(fate.objection is not None for fate in fates)
            rules = len(self._timeline.entries())
            self._listener(RulesRead(rules, len(fates), passed_over))
        else:
            for key in unseen:
                self._tell(self._timeline.fate(key))
        self._told.set()

    def _tell(self, fate: ChangeResult | None) -> None:
        if fate is not None:
            self._listener(
                RuleChangeRead(
                    name=fate.name,
                    kind=fate.kind,
                    version=fate.version,
                    from_ms=fate.from_ms,
                    objection=fate.objection,
                    rules=len(self._timeline.entries()),
                )
            )

    @property
    def timeline(self) -> RuleTimeline:
        """Return what is known."""
        return self._timeline

    @property
    def is_settled(self) -> bool:
        """Say whether the log was read to its end a moment ago."""
        now = self._clock().monotonic
        return self._proven is not None and now - self._proven <= self._max_age

    def book_at(self, pane_ms: int) -> RuleSet:
        """Return the rules of the pane that starts at ``pane_ms``, as far as is known."""
        return self._timeline.book_at(pane_ms)

    async def settled(self) -> None:
        """Wait until the log was read to its end a moment ago; tell when that holds things up."""
        while not self.is_settled:
            if not self._is_held:
                self._is_held = True
                self._listener(TallyingHeld(held=True))
            self._told.clear()
            await self._told.wait()
        if self._is_held:
            self._is_held = False
            self._listener(TallyingHeld(held=False))

    async def fate_of(self, key: bytes) -> ChangeResult:
        """Wait until the record under ``key`` was read; return what became of it."""
        while (fate := self._timeline.fate(key)) is None:
            self._told.clear()
            await self._told.wait()
        return fate
