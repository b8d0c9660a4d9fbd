"""The engine of metric alarms: its topics, its input, and when it evaluates.

Each window that becomes complete triggers evaluation up to the instant through which all partitions
are complete; without windows, the clock triggers it. A failed cycle is logged and repeated: the
log of alarms decides what was already published, so that nothing is published twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from detector.cloudwatch.alarms.contributor_states import ContributorValue, ContributorWindow
from detector.cloudwatch.alarms.evaluation import EvaluatorSettings
from detector.cloudwatch.alarms.recent_datapoints import RecentMetrics
from detector.cloudwatch.alarms.service import MetricAlarms, MetricAlarmSettings
from detector.cloudwatch.history import ReportMetrics, ReportStore
from detector.cloudwatch.history.ranges import read_range
from detector.cloudwatch.metrics.closed_windows import ClosedWindow
from detector.cloudwatch.metrics.ranges import RangeRequest
from detector.kafka.record_log import KafkaRecordLog
from detector.settings import Settings
from detector.tables.ranking import MAX_LISTED

log = structlog.get_logger("detector.metric_alarms")

TICK_SECONDS = 10.0
_RETRY_SECONDS = 1.0


class StoredContributors:
    """The contributors of a rule in one window, read from the history."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store

    def contributors(self, rule: str, end_ms: int) -> ContributorWindow | None:
        """Return the rule's window that ends at ``end_ms``; ``None`` unless it is complete."""
        pane_ms, window_ms = self._store.config.pane_ms, self._store.config.window_ms
        found = read_range(
            self._store,
            RangeRequest(f"rule:{rule}", end_ms - window_ms, end_ms, pane_ms, MAX_LISTED),
        )
        if found is None or found.incomplete_panes or found.panes < window_ms // pane_ms:
            return None
        rows = tuple(ContributorValue(each.keys, each.value) for each in found.contributors)
        return ContributorWindow(found.key_labels, found.value, rows)


def recent_metrics(history: ReportMetrics, store: ReportStore) -> RecentMetrics:
    """Return the source of datapoints for the alarms: memory, backed by the history."""
    config = store.config
    return RecentMetrics(history, pane_ms=config.pane_ms, window_ms=config.window_ms)


def metric_alarms(
    settings: Settings, client: Mapping[str, Any], metrics: RecentMetrics, store: ReportStore
) -> MetricAlarms:
    """Return the alarms of this deployment, not started."""
    topics, section = settings.topic_names(), settings.api
    prefix = f"arn:aws:cloudwatch:{section.aws_region}:{section.account_id}:alarm:"
    name = f"{settings.worker_id}-alarms"
    return MetricAlarms(
        KafkaRecordLog(topics.metric_alarms, client=client, client_id=name),
        KafkaRecordLog(topics.metric_alarm_history, client=client, client_id=name),
        metrics,
        StoredContributors(store),
        _limits(settings, EvaluatorSettings(prefix, settings.metric_alarms.contributors_in_alarm)),
    )


def _limits(settings: Settings, evaluation: EvaluatorSettings) -> MetricAlarmSettings:
    section = settings.metric_alarms
    return MetricAlarmSettings(
        evaluation=evaluation,
        alarms=section.most_alarms,
        mute_rules=section.most_mute_rules,
        history_items=section.most_history_items,
        max_wait_ms=round(section.patience_seconds * 1000),
        catch_up_ms=section.catch_up_minutes * 60_000,
    )


class AlarmEngine:
    """Evaluates ``alarms`` from ``start`` to ``stop``.

    ``through_ms`` gives the time until which a partition of the reports is complete, 0 without any
    report. ``on_round`` is called after each cycle with whether it succeeded.
    """

    def __init__(
        self,
        alarms: MetricAlarms,
        recent: RecentMetrics,
        *,
        partitions: Iterable[int],
        through_ms: Callable[[int], int],
        now: Callable[[], float],
        on_round: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._alarms = alarms
        self._recent = recent
        self._partitions = tuple(partitions)
        self._through_ms = through_ms
        self._now = now
        self._on_round = on_round
        self._has_window = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the alarms and start to evaluate them; ``PublishError`` if that fails."""
        await self._alarms.start(self._now())
        self._task = asyncio.create_task(self._run(), name="metric-alarms")

    async def stop(self) -> None:
        """Cancel the evaluation and stop the alarms."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._alarms.stop()

    def on_window(self, window: ClosedWindow) -> None:
        """Store the datapoints of a complete window, and trigger an evaluation."""
        self._recent.add(window)
        self._has_window.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._evaluate()
                self._on_round(True)
            except Exception as error:  # evaluation must continue after any failure
                log.exception("metric_alarms_failed", error=type(error).__name__)
                self._on_round(False)
                self._has_window.set()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _evaluate(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await self._has_window.wait()
        except TimeoutError:
            await self._alarms.tick(self._now())
            return
        self._has_window.clear()
        complete = [through for part in self._partitions if (through := self._through_ms(part))]
        if complete:
            await self._alarms.on_window(min(complete), self._now())
