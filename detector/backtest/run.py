"""Backtest: recorded records through the same code as in a worker, in virtual time.

Law: the result is a function of the recording and the configurations. No clock is read: ``now`` is
the newest record time so far, and it goes on in steps of a second while nothing comes.

Theory of operation: records are taken second by second, by the newest record time so far, and every
configuration is fed the same batches and ticked at the end of each. A partition that has no record
in a second has none in the topic either, so it closes its panes as an idle one does. Behind the
last record time goes on until every window is closed.

Every ruling is made as in ``enforce``. What is granted there is what ``observe`` records as
observed, because both charge the same budgets; so one run answers for both. The kill switch counts
as off.

Known limits: a host that would have been replaced goes on in the recording, and may be asked for
again after ``repeat_after_seconds``. Lists are cut at ``MAX_LISTED``; the counts are not.
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
"""Length of a step of virtual time, which is also how exactly rulings are timed."""


class Configuration(NamedTuple):
    """One way to detect: everything that a worker is built from."""

    name: str
    settings: TallySettings
    evaluate: EvaluateConfig
    decide: DecideConfig


class _Contestant:
    """One configuration at work."""

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
        """Take the records of one step, a batch for each partition, and rule at its end."""
        now = end_ms / 1000
        for partition, batch in enumerate(batches):
            if not batch:
                self._detection.close_idle(partition, now)
            for at in range(0, len(batch), SLICE_RECORDS):
                part = batch[at : at + SLICE_RECORDS]
                self.scorer.hear_intake(self._detection.feed(partition, part, now))
        control = ControlView(known=True, engaged=False, reason="backtest", read_at=now)
        rulings = self._detection.tick(SteadyTime(now, now), control)
        self.scorer.add(self._detection.changes, self._detection.reports, rulings)
        self._detection.changes.clear()
        self._detection.reports.clear()


class _VirtualTime:
    """Gathers records into steps, and makes time pass where there are none."""

    def __init__(self, contestants: Sequence[_Contestant], partitions: int, quiet_ms: int) -> None:
        self._contestants = contestants
        self._quiet_ms = quiet_ms
        self._batches: list[list[RecordedMessage]] = [[] for _ in range(partitions)]
        self._end_ms = 0
        self.first_ms: int | None = None
        self.last_ms = -1
        self.records = 0

    def feed(self, chunk: Sequence[RecordedMessage]) -> None:
        """Take records in their order; an older one belongs to the step that is open."""
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
        """Let time pass until every window is closed."""
        if self.first_ms is not None:
            self._close_step()
            self._pass(self._quiet_ms)

    def _reach(self, time_ms: int) -> None:
        """Close the step that is open; what is between it and ``time_ms`` passes in silence."""
        begin = time_ms - time_ms % STEP_MS
        if self.first_ms is None:
            self.first_ms = time_ms
        else:
            self._close_step()
            # Once all panes are closed nothing changes any more, however long the silence lasts.
            self._pass(min(begin - self._end_ms, self._quiet_ms))
        self._end_ms = begin + STEP_MS

    def _close_step(self) -> None:
        for contestant in self._contestants:
            contestant.step(self._batches, self._end_ms)
        self._batches = [[] for _ in self._batches]

    def _pass(self, silence_ms: int) -> None:
        for _ in range(0, silence_ms, STEP_MS):
            self._end_ms += STEP_MS
            for contestant in self._contestants:
                contestant.step(self._batches, self._end_ms)


def backtest(
    recording: Recording,
    configurations: Sequence[Configuration],
    told: Callable[[float], None] = lambda _: None,
) -> list[Result]:
    """Run a recording through every configuration; a result for each, in order.

    ``told`` hears the share of the recording that was read, 0 to 1.
    """
    contestants = [_Contestant(each, recording) for each in configurations]
    quiet = max(_quiet_ms(each) for each in configurations)
    time = _VirtualTime(contestants, recording.partitions, quiet)
    for chunk in recording.chunks(told):
        time.feed(chunk)
    time.finish()
    span = (time.first_ms, time.last_ms, time.records)
    return [contestant.scorer.result(*span) for contestant in contestants]


def _quiet_ms(configuration: Configuration) -> int:
    """Return how long after the last record something may still change."""
    times = configuration.settings.times
    windows = times.window_ms * (configuration.evaluate.windows_seen + 1)
    judged = round(1000 * configuration.decide.reconsider_seconds)
    return windows + times.lateness_ms + times.idle_ms + times.max_wait_ms + judged
