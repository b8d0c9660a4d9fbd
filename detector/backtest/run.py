"""Backtest: runs recorded records through the code of a worker, in virtual time.

Law: the result is a function of the recording and the configurations. No clock is read: ``now`` is
the newest record time so far, and advances in steps of a second while there are no records.

Theory of operation: records are grouped into seconds by the newest record time so far. Every
configuration gets the same batches and is ticked at the end of each second. A partition without a
record in a second has none in the topic either, so it closes its panes like an idle one. After the
last record, time advances until every window is closed.

Every decision is made as in ``enforce``. A grant there is exactly what ``observe`` records as
observed, because both charge the same budgets, so one run gives the result of both modes. The kill
switch counts as off.

Known limits: a host that would have been replaced remains in the recording, and its replacement may
be requested again after ``repeat_after_seconds``. Lists are cut at ``MAX_LISTED``; counts are not.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from detector.backtest.recording import RecordedMessage, Recording
from detector.backtest.results import Result, Scorer
from detector.core.steady_time import SteadyTime
from detector.decisions.config import DecideConfig
from detector.decisions.kill_switch import ControlView
from detector.detection.evaluate import EvaluateConfig
from detector.ingest.tallying import SLICE_RECORDS, TallySettings
from detector.pipeline import Detection

STEP_MS = 1_000
"""Length of a step of virtual time, and so the resolution of the times of decisions."""


class Configuration(NamedTuple):
    """Everything that a worker is built from, under a name."""

    name: str
    settings: TallySettings
    evaluate: EvaluateConfig
    decide: DecideConfig


class _ConfigurationRun:
    """The run of one configuration."""

    def __init__(self, configuration: Configuration, recording: Recording) -> None:
        self.scorer = Scorer(configuration.name)
        self._detection = Detection(
            configuration.settings,
            configuration.evaluate,
            configuration.decide,
            topic=recording.topic,
            partitions=recording.partitions,
        )

    def step(self, batches: Sequence[Sequence[RecordedMessage]], end_ms: int) -> None:
        """Feed the records of one step, a batch per partition, and tick at its end."""
        now = end_ms / 1000
        for partition, batch in enumerate(batches):
            if not batch:
                self._detection.close_idle(partition, now)
            for at in range(0, len(batch), SLICE_RECORDS):
                part = batch[at : at + SLICE_RECORDS]
                self.scorer.add_intake(self._detection.feed(partition, part, now))
        control = ControlView(known=True, engaged=False, reason="backtest", read_at=now)
        results = self._detection.tick(SteadyTime(now, now), control)
        self.scorer.add(self._detection.changes, self._detection.reports, results)
        self._detection.changes.clear()
        self._detection.reports.clear()


class _VirtualTime:
    """Groups records into steps, and advances time where there are none."""

    def __init__(self, runs: Sequence[_ConfigurationRun], partitions: int, quiet_ms: int) -> None:
        self._runs = runs
        self._quiet_ms = quiet_ms
        self._batches: list[list[RecordedMessage]] = [[] for _ in range(partitions)]
        self._end_ms = 0
        self.first_ms: int | None = None
        self.last_ms = -1
        self.records = 0

    def feed(self, chunk: Sequence[RecordedMessage]) -> None:
        """Add records in order; an older one belongs to the open step."""
        newest = self.last_ms
        for message in chunk:
            time_ms = message.time_ms
            if time_ms > newest:
                newest = time_ms
                if time_ms >= self._end_ms:
                    self._reach(time_ms)
            self._batches[message.partition].append(message)
        self.last_ms = newest
        self.records += len(chunk)

    def finish(self) -> None:
        """Advance time until every window is closed."""
        if self.first_ms is not None:
            self._close_step()
            self._pass(self._quiet_ms)

    def _reach(self, time_ms: int) -> None:
        """Close the open step and advance to the step of ``time_ms`` without records."""
        begin = time_ms - time_ms % STEP_MS
        if self.first_ms is None:
            self.first_ms = time_ms
        else:
            self._close_step()
            # Once all panes are closed nothing changes, however long no records arrive.
            self._pass(min(begin - self._end_ms, self._quiet_ms))
        self._end_ms = begin + STEP_MS

    def _close_step(self) -> None:
        for run in self._runs:
            run.step(self._batches, self._end_ms)
        self._batches = [[] for _ in self._batches]

    def _pass(self, silence_ms: int) -> None:
        for _ in range(0, silence_ms, STEP_MS):
            self._end_ms += STEP_MS
            for run in self._runs:
                run.step(self._batches, self._end_ms)


def backtest(
    recording: Recording,
    configurations: Sequence[Configuration],
    on_progress: Callable[[float], None] = lambda _: None,
) -> list[Result]:
    """Run a recording through every configuration and return a result for each, in order.

    ``on_progress`` is called with the share of the recording that was read, 0 to 1.
    """
    runs = [_ConfigurationRun(each, recording) for each in configurations]
    quiet = max(_quiet_ms(each) for each in configurations)
    time = _VirtualTime(runs, recording.partitions, quiet)
    for chunk in recording.chunks(on_progress):
        time.feed(chunk)
    time.finish()
    span = (time.first_ms, time.last_ms, time.records)
    return [run.scorer.result(*span) for run in runs]


def _quiet_ms(configuration: Configuration) -> int:
    """Return for how many milliseconds after the last record results may still change."""
    times = configuration.settings.times
    windows = times.window_ms * (configuration.evaluate.windows_seen + 1)
    reconsider_ms = round(1000 * configuration.decide.reconsider_seconds)
    return windows + times.lateness_ms + times.idle_ms + times.max_wait_ms + reconsider_ms
