"""How the demo is shown while it runs: a live screen, or plain lines. Both write to stderr.

Law: stdout belongs to the result alone.
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
"""What is set up, each step with the word for its state: empty, ``...`` or ``ok``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowContext:
    """What does not change while the fleet runs; ``hints`` tell how to look deeper."""

    fleet: Fleet
    bucket: BucketLimits
    hints: tuple[str, ...]


class Show(Protocol):
    """A way of showing the demo."""

    def set_up(self, steps: Steps, seconds: float) -> None:
        """Show set-up, ``seconds`` after its beginning; called several times a second."""

    def begin(self, scene: ShowContext) -> None:
        """Set-up is over and the fleet begins."""

    def print(self, state: DemoState, record: Record, now: float) -> None:
        """Something happened."""

    def frame(self, state: DemoState, now: float) -> None:
        """Show where things stand; called several times a second."""

    def close(self) -> None:
        """Give the terminal back; harmless when repeated."""


class LiveScreen:
    """The whole terminal, redrawn in place."""

    def __init__(self, console: Console, seed: int) -> None:
        self._console = console
        self._seed = seed
        self._scene: ShowContext | None = None
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._live.start()

    def set_up(self, steps: Steps, seconds: float) -> None:
        """Draw the steps."""
        self._live.update(draw(setting_up(self._seed, steps, seconds), self._console), refresh=True)

    def begin(self, scene: ShowContext) -> None:
        """Remember the scene."""
        self._scene = scene

    def print(self, state: DemoState, record: Record, now: float) -> None:
        """Leave it to the next frame."""

    def frame(self, state: DemoState, now: float) -> None:
        """Draw the state."""
        if self._scene is not None:
            scene = self._scene
            view = running(state, scene.fleet, scene.bucket, scene.hints, now)
            self._live.update(draw(view, self._console), refresh=True)

    def close(self) -> None:
        """Leave the alternate screen."""
        self._live.stop()


class PlainLines:
    """One line for each thing that happens, and a summary every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[str] = set()
        self._story = ""
        self._next_heartbeat = 0.0

    def set_up(self, steps: Steps, seconds: float) -> None:
        """Tell each step when it begins and when it is done."""
        for text, word in steps:
            line = f"{text}: {word}"
            if word and line not in self._told:
                self._told.add(line)
                self.say(f"set-up {clock(seconds)}  {line}")

    def begin(self, scene: ShowContext) -> None:
        """Tell how to look deeper."""
        for hint in scene.hints:
            self.say(hint)

    def print(self, state: DemoState, record: Record, now: float) -> None:
        """Tell of the record, if it is worth a line."""
        said = sentence(record)
        if said:
            self._at(state, now, said)

    def frame(self, state: DemoState, now: float) -> None:
        """Tell when a chapter begins, and sum up now and then."""
        if (present := story(state, now)) != self._story:
            self._story = present
            self._at(state, now, f"story    {present}")
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            self._at(state, now, f"         {heartbeat(state)}")

    def close(self) -> None:
        """Nothing to give back."""

    def _at(self, state: DemoState, now: float, text: str) -> None:
        self.say(f"{clock(now - state.script.start_ms / 1000)}  {text}")

    def say(self, text: str) -> None:
        """Write one line as it is: no markup, no wrapping."""
        self._console.out(text, highlight=False)
