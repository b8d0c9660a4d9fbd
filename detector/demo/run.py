"""The demo: a broker, a fleet, a worker and an actuator on this machine alone, and what they do.

Law: everything that is started is ended, in every way out; exit 0 only if what was to be seen was.

Theory of operation: the embedded broker and the topics first, then worker and actuator as child
processes with the shipped settings, but mode ``enforce`` into the dry-run executor and a list of
contributors long enough for every host. When the worker is ready the fleet begins to write, the
public topics are followed, and the script runs its course.
"""

import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
from confluent_kafka import KafkaException
from rich.console import Console

from detector.core.topics import Topics
from detector.decisions.config import DecideConfig
from detector.demo.fleet import FleetAtWork
from detector.demo.kafka_feed import LogFeed
from detector.demo.kafka_follow import TopicReader
from detector.demo.lines import KCAT_CONFIG, kcat_lines
from detector.demo.processes import Child, Children, child_environment
from detector.demo.show import DONE, LiveScreen, PlainLines, Show, ShowContext
from detector.demo.state import DemoState
from detector.demo.verdict import measured, still_missing, summary
from detector.gameday.fleet import Fleet
from detector.gameday.script import Script
from detector.kafka.embedded_broker import EmbeddedBroker, EmbeddedBrokerError
from detector.telemetry.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """``once`` ends by itself; ``seed`` None draws one; ``screen`` is used on a terminal only."""

    once: bool = False
    json_output: bool = False
    seed: int | None = None
    screen: bool = True


__all__ = ["DemoOptions", "run_demo"]

EXIT_SEEN = 0
EXIT_NOT_SEEN = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
ONCE_SECONDS = 240.0
SET_UP_SECONDS = 120.0
LINGER_SECONDS = 3.0
"""After the last thing to see: what follows from it shows too, and counts."""
FRAME_SECONDS = 0.2
_END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STEPS = ("embedded broker", "topics", "worker takes its partitions")


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


def run_demo(options: DemoOptions) -> int:
    """Run the demo; return 0, 1 if it failed or did not show what it should, 130 if interrupted.

    Without ``once`` an interruption is the normal end, and 0. A seed that no fleet has returns 2.
    """
    seed = secrets.randbelow(100_000) if options.seed is None else options.seed
    console = Console(stderr=True, highlight=False)
    try:
        fleet = Fleet(seed)
    except ValueError as error:
        console.out(f"demo failed: {error}", highlight=False)
        return EXIT_USAGE
    folder = Path(tempfile.mkdtemp(prefix="detector-demo-"))
    demo = _Demo(options, fleet, console, folder)
    code = EXIT_NOT_SEEN
    try:
        with _stopped_by_signals():
            code = demo.run()
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED if options.once else EXIT_SEEN
    except (DemoError, EmbeddedBrokerError, KafkaException) as error:
        demo.say(f"demo failed: {error}")
    if code == EXIT_NOT_SEEN:
        demo.say(f"logs are kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    demo.report()
    return code


class _Demo:
    """One run."""

    def __init__(self, options: DemoOptions, fleet: Fleet, console: Console, folder: Path) -> None:
        self._options = options
        self._fleet = fleet
        self._console = console
        self._folder = folder
        self._now = Clock().now
        self._began = self._now()
        self._topics = Topics()
        self._broker = EmbeddedBroker()
        self._children = Children()
        self._state: DemoState | None = None
        self._done = 0
        self._show: Show = PlainLines(console)

    def say(self, text: str) -> None:
        """Write a line to stderr, outside of any screen."""
        self._console.out(text, highlight=False)

    def run(self) -> int:
        """Set up, run, and take down."""
        self.say(f"detector demo, seed {self._fleet.seed}; logs in {self._folder}")
        if (
            self._options.screen
            and self._console.is_terminal
            and not self._console.is_dumb_terminal
        ):
            self._show = LiveScreen(self._console, self._fleet.seed)
        with ExitStack() as stack:
            stack.callback(self.say, "stopped")
            try:
                self._set_up(stack)
                return self._watch(stack)
            finally:
                # The screen goes first, so that taking down is seen.
                self._show.close()
                self.say("stopping the fleet, the worker, the actuator and the broker")

    def report(self) -> None:
        """Write what was seen to stderr, and the result to stdout."""
        for line in summary(self._state) if self._state is not None else ():
            self.say(line)
        if self._options.json_output and self._state is not None:
            sys.stdout.write(msgspec.json.encode(measured(self._state)).decode() + "\n")
            sys.stdout.flush()

    def _set_up(self, stack: ExitStack) -> None:
        self._step(0)
        with _interruptions_later():
            stack.enter_context(self._broker)
        (self._folder / "kcat.conf").write_text(KCAT_CONFIG.format(broker=self._broker.bootstrap))
        stack.enter_context(self._children)
        self._step(1)
        with _interruptions_later():
            topics = self._child("topics", "topics", "create")
            stack.callback(topics.stop)
        self._await("the topics", lambda: topics.returncode is not None)
        if topics.returncode:
            raise DemoError(f"the topics could not be created:\n{topics.last_words()}")
        self._step(2)
        worker = self._start("worker", "run")
        self._await("the worker", lambda: worker.is_ready)
        # The embedded broker takes seconds over a join, and longer over two at a time. Nobody waits
        # for this one: the actuator has joined its group long before the first action.
        self._start("actuator", "actuate")
        self._step(3)

    def _start(self, name: str, *arguments: str) -> Child:
        with _interruptions_later():
            return self._children.add(self._child(name, *arguments))

    def _child(self, name: str, *arguments: str) -> Child:
        own = {
            "DETECTOR_BROKER": self._broker.bootstrap,
            "DETECTOR_MODE": "enforce",
            "DETECTOR_WORKER_ID": "demo",
            # Every host has its place in the reports, so that the shares of a zone are whole.
            "DETECTOR_ALARMS__TOP_N": str(min(500, len(self._fleet.hosts))),
            "DETECTOR_TELEMETRY__METRICS_PORT": "0",
        }
        env = child_environment(os.environ, own, self._folder)
        return Child(name, list(arguments), env=env, folder=self._folder)

    def _step(self, done: int) -> None:
        self._done = done
        self._show_steps()

    def _show_steps(self) -> None:
        words = [DONE] * self._done + ["..."] + [""] * len(_STEPS)
        self._show.set_up(list(zip(_STEPS, words, strict=False)), self._now() - self._began)

    def _await(self, what: str, is_done: Callable[[], bool]) -> None:
        until = self._now() + SET_UP_SECONDS
        while not is_done():
            self._check()
            if self._now() > until:
                words = "\n".join(child.last_words() for child in self._children.running)
                raise DemoError(f"{what} took more than {SET_UP_SECONDS:.0f} s:\n{words}")
            self._show_steps()
            time.sleep(FRAME_SECONDS)

    def _check(self) -> None:
        if self._broker.pid is None:
            raise DemoError("the embedded broker ended by itself")
        if trouble := self._children.trouble():
            raise DemoError(trouble)

    def _watch(self, stack: ExitStack) -> int:
        topics, address = self._topics, self._broker.bootstrap
        # Also the order in which news is told: what was decided before what came of it.
        followed = (
            *(topics.reports, topics.alarms, topics.decisions),
            *(topics.actions, topics.outcomes, topics.dead_letters),
        )
        follower = stack.enter_context(TopicReader(address, followed, self._now))
        script = Script.default(self._fleet, int(self._now() * 1000))
        state = self._state = DemoState(script, topics)
        feed = LogFeed(address, topics.logs)
        fleet = stack.enter_context(FleetAtWork(self._fleet, script, feed, self._now))
        hints = (
            f"broker {address}, logs in {self._folder}; to tail a topic:",
            *kcat_lines(topics, str(self._folder / "kcat.conf")),
        )
        bucket = DecideConfig().fleet_bucket
        self._show.begin(ShowContext(fleet=self._fleet, bucket=bucket, hints=hints))
        while True:
            self._check()
            if fleet.trouble:
                raise DemoError(fleet.trouble)
            now = self._now()
            state.wrote(fleet.written, now)
            for read in sorted(follower.drain(), key=lambda read: followed.index(read.topic)):
                if (news := state.apply(read.topic, read.value, read.at)) is not None:
                    self._show.print(state, news, now)
            self._show.frame(state, now)
            if (code := self._verdict(state, now)) is not None:
                return code
            time.sleep(FRAME_SECONDS)

    def _verdict(self, state: DemoState, now: float) -> int | None:
        """Return the exit status once it is known; only ``once`` ever ends."""
        if not self._options.once:
            return None
        missing = still_missing(state)
        seen_at = state.seen.zone_alarm
        if not missing and seen_at is not None and now >= seen_at + LINGER_SECONDS:
            return EXIT_SEEN
        if missing and now - self._began >= ONCE_SECONDS:
            raise DemoError(f"after {ONCE_SECONDS:.0f} s not seen: {'; '.join(missing)}")
        return None


@contextlib.contextmanager
def _signals_to(react: Callable[[int, object], object]) -> Iterator[None]:
    """Let ``react`` hear of every signal to end; only the main thread can, others hear of none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, react) for number in _END_SIGNALS}
    try:
        yield
    finally:
        for number, reaction in before.items():
            signal.signal(number, reaction)


def _stopped_by_signals() -> contextlib.AbstractContextManager[None]:
    """Let every signal to end act as Ctrl-C does, once: nothing must cut the taking down short."""
    return _signals_to(_interrupt)


@contextlib.contextmanager
def _interruptions_later() -> Iterator[None]:
    """Hold signals up while a process is started, until somebody knows that it must be ended."""
    came: list[int] = []
    try:
        with _signals_to(lambda number, _: came.append(number)):
            yield
    finally:
        for number in came[:1]:
            signal.raise_signal(number)


def _interrupt(*_: object) -> None:
    for number in _END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
