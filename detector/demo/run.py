"""The demo: a broker, a fleet, a worker and an actuator, all on this machine.

Law: everything that is started is ended, however the demo ends; it exits with 0 only if it showed
what it should.

Theory of operation: the embedded broker and the topics come first, then the worker and the actuator
as child processes. They use the default settings, except for mode ``enforce`` with the dry-run
executor and a list of contributors long enough for every host. When the worker is ready, the fleet
starts to write, the public topics are read, and the script runs.
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
from detector.demo.fleet import FleetWriter
from detector.demo.kafka_feed import LogFeed
from detector.demo.kafka_follow import TopicReader
from detector.demo.lines import KCAT_CONFIG, kcat_lines
from detector.demo.processes import Child, Children, child_environment
from detector.demo.show import DONE, LiveScreen, PlainLines, Show, ShowContext
from detector.demo.state import DemoState
from detector.demo.summary import measured, still_missing, summary
from detector.gameday.fleet import Fleet
from detector.gameday.script import Script
from detector.kafka.embedded_broker import EmbeddedBroker, EmbeddedBrokerError
from detector.telemetry.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """``once`` ends by itself; ``seed`` None draws one; ``screen`` needs a terminal."""

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
"""Time to keep running after the last expected event, so that its consequences show and count."""
FRAME_SECONDS = 0.2
_END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STEPS = ("embedded broker", "topics", "worker takes its partitions")


class DemoError(Exception):
    """The demo cannot continue; the message is the reason."""


def run_demo(options: DemoOptions) -> int:
    """Run the demo and return its exit code.

    0 is success, 1 a failure or a missing result, 130 an interruption, 2 an invalid seed. Without
    ``once`` an interruption is the normal end: 0.
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
        """Write a line to stderr, outside the live screen."""
        self._console.out(text, highlight=False)

    def run(self) -> int:
        """Set up, run, and tear down."""
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
                # Close the screen first, so that these lines are visible.
                self._show.close()
                self.say("stopping the fleet, the worker, the actuator and the broker")

    def report(self) -> None:
        """Write the summary to stderr, and the result to stdout."""
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
            raise DemoError(f"the topics could not be created:\n{topics.log_tail()}")
        self._step(2)
        worker = self._start("worker", "run")
        self._await("the worker", lambda: worker.is_ready)
        # The embedded broker needs seconds for a join, and longer for two at a time. The demo does
        # not wait for the actuator: it has joined its group long before the first action.
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
            # Reports list every host, so that the shares of a zone are complete.
            "DETECTOR_ALARMS__TOP_N": str(min(500, len(self._fleet.hosts))),
            "DETECTOR_TELEMETRY__METRICS_PORT": "0",
        }
        env = child_environment(os.environ, own, self._folder)
        return Child(name, list(arguments), env=env, folder=self._folder)

    def _step(self, done: int) -> None:
        self._done = done
        self._show_steps()

    def _show_steps(self) -> None:
        states = [DONE] * self._done + ["..."] + [""] * len(_STEPS)
        self._show.set_up(list(zip(_STEPS, states, strict=False)), self._now() - self._began)

    def _await(self, what: str, is_done: Callable[[], bool]) -> None:
        until = self._now() + SET_UP_SECONDS
        while not is_done():
            self._check()
            if self._now() > until:
                logs = "\n".join(child.log_tail() for child in self._children.running)
                raise DemoError(f"{what} took more than {SET_UP_SECONDS:.0f} s:\n{logs}")
            self._show_steps()
            time.sleep(FRAME_SECONDS)

    def _check(self) -> None:
        if self._broker.pid is None:
            raise DemoError("the embedded broker exited")
        if trouble := self._children.trouble():
            raise DemoError(trouble)

    def _watch(self, stack: ExitStack) -> int:
        topics, address = self._topics, self._broker.bootstrap
        # Also the order of output: decisions before actions and outcomes.
        followed = (
            *(topics.reports, topics.alarms, topics.decisions),
            *(topics.actions, topics.outcomes, topics.dead_letters),
        )
        follower = stack.enter_context(TopicReader(address, followed, self._now))
        script = Script.default(self._fleet, int(self._now() * 1000))
        state = self._state = DemoState(script, topics)
        feed = LogFeed(address, topics.logs)
        fleet = stack.enter_context(FleetWriter(self._fleet, script, feed, self._now))
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
                if (record := state.apply(read.topic, read.value, read.at)) is not None:
                    self._show.print(state, record, now)
            self._show.frame(state, now)
            if (code := self._exit_code(state, now)) is not None:
                return code
            time.sleep(FRAME_SECONDS)

    def _exit_code(self, state: DemoState, now: float) -> int | None:
        """Return the exit code; ``None`` while the demo goes on. Only ``once`` ends by itself."""
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
    """Call ``react`` for each termination signal; no effect outside the main thread."""
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
    """Turn the first termination signal into Ctrl-C and ignore the rest: teardown must finish."""
    return _signals_to(_interrupt)


@contextlib.contextmanager
def _interruptions_later() -> Iterator[None]:
    """Delay signals while a process starts, until it is registered to be ended."""
    received: list[int] = []
    try:
        with _signals_to(lambda number, _: received.append(number)):
            yield
    finally:
        for number in received[:1]:
            signal.raise_signal(number)


def _interrupt(*_: object) -> None:
    for number in _END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
