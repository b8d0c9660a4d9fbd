"""The demo's output while it runs: a live screen, or plain lines. Both write to stderr.

Law: stdout is reserved for the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.live import Live

from detector.decisions.budgets import BucketLimits
from detector.demo.lines import clock, heartbeat, sentence, story
from detector.demo.screen import draw
from detector.demo.state import DemoState, Record
from detector.demo.view import running, setting_up
from detector.gameday.fleet import Fleet

HEARTBEAT_SECONDS = 10.0
DONE = "ok"

Steps = Sequence[tuple[str, str]]
"""Steps of the set-up, each with its state: empty, ``...`` or ``ok``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowContext:
    """What does not change while the fleet runs; ``hints`` say how to inspect the topics."""

    fleet: Fleet
    bucket: BucketLimits
    hints: tuple[str, ...]


class Show(Protocol):
    """One form of output."""

    def set_up(self, steps: Steps, seconds: float) -> None:
        """Show the set-up, ``seconds`` after its start; called several times a second."""

    def begin(self, context: ShowContext) -> None:
        """Called when the set-up is done and the fleet starts."""

    def print(self, state: DemoState, record: Record, now: float) -> None:
        """Show one new record."""

    def frame(self, state: DemoState, now: float) -> None:
        """Show the current state; called several times a second."""

    def close(self) -> None:
        """Restore the terminal. Idempotent."""


class LiveScreen:
    """The whole terminal, redrawn in place."""

    def __init__(self, console: Console, seed: int) -> None:
        self._console = console
        self._seed = seed
        self._context: ShowContext | None = None
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._live.start()

    def set_up(self, steps: Steps, seconds: float) -> None:
        """Draw the steps."""
        self._live.update(draw(setting_up(self._seed, steps, seconds), self._console), refresh=True)

    def begin(self, context: ShowContext) -> None:
        """Store the context for the next frames."""
        self._context = context

    def print(self, state: DemoState, record: Record, now: float) -> None:
        """Do nothing: the next frame shows the record."""

    def frame(self, state: DemoState, now: float) -> None:
        """Draw the state."""
        if self._context is not None:
            context = self._context
            view = running(state, context.fleet, context.bucket, context.hints, now)
            self._live.update(draw(view, self._console), refresh=True)

    def close(self) -> None:
        """Leave the alternate screen."""
        self._live.stop()


class PlainLines:
    """One line per event, and a summary every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed: set[str] = set()
        self._story = ""
        self._next_heartbeat = 0.0

    def set_up(self, steps: Steps, seconds: float) -> None:
        """Print each step when it starts and when it is done."""
        for text, word in steps:
            line = f"{text}: {word}"
            if word and line not in self._printed:
                self._printed.add(line)
                self.say(f"set-up {clock(seconds)}  {line}")

    def begin(self, context: ShowContext) -> None:
        """Print the hints."""
        for hint in context.hints:
            self.say(hint)

    def print(self, state: DemoState, record: Record, now: float) -> None:
        """Print the record, if it has a line."""
        if line := sentence(record):
            self._at(state, now, line)

    def frame(self, state: DemoState, now: float) -> None:
        """Print each new phase, and a summary every ten seconds."""
        if (current := story(state, now)) != self._story:
            self._story = current
            self._at(state, now, f"story    {current}")
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            self._at(state, now, f"         {heartbeat(state)}")

    def close(self) -> None:
        """Do nothing: the terminal was not changed."""

    def _at(self, state: DemoState, now: float, text: str) -> None:
        self.say(f"{clock(now - state.script.start_ms / 1000)}  {text}")

    def say(self, text: str) -> None:
        """Write one line literally: no markup, no wrapping."""
        self._console.out(text, highlight=False)
