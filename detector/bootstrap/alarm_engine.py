"""The metric alarms' engine: its topics, what it reads, and what moves it on.

Every window that became whole moves it to the instant through which all partitions are whole; the
clock moves it on where nothing comes. A round that fails is logged and made again: the log of
alarms has the last word, so that nothing is said twice.
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
from detector.tables.ranking import MOST_LISTED

log = structlog.get_logger("detector.metric_alarms")

TICK_SECONDS = 10.0
_RETRY_SECONDS = 1.0


class StoredContributors:
    """The contributors of a rule in one window, out of the history."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store

    def contributors(self, rule: str, end_ms: int) -> ContributorWindow | None:
        """Return the rule's window that ends at ``end_ms``; ``None`` when it is not known whole."""
        pane_ms, window_ms = self._store.config.pane_ms, self._store.config.window_ms
        found = read_range(
            self._store,
            RangeRequest(f"rule:{rule}", end_ms - window_ms, end_ms, pane_ms, MOST_LISTED),
        )
        if found is None or found.incomplete_panes or found.panes < window_ms // pane_ms:
            return None
        rows = tuple(ContributorValue(each.keys, each.value) for each in found.contributors)
        return ContributorWindow(found.key_labels, found.value, rows)


def recent_metrics(history: ReportMetrics, store: ReportStore) -> RecentMetrics:
    """Return what the alarms read: memory, and behind it the history."""
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
    """Moves ``alarms`` on from ``start`` to ``stop``.

    ``through_ms`` gives until when a partition of the reports is whole, 0 for one without any.
    ``on_round`` is told after each round whether it went well.
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
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the alarms and begin to evaluate them; ``PublishError`` when that cannot be."""
        await self._alarms.start(self._now())
        self._task = asyncio.create_task(self._run(), name="metric-alarms")

    async def stop(self) -> None:
        """Finish what was begun and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._alarms.stop()

    def on_window(self, window: ClosedWindow) -> None:
        """Hold the datapoints of a window that became whole, and evaluate what is due by it."""
        self._recent.add(window)
        self._came.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
                self._on_round(True)
            except Exception as error:  # the alarms must go on, whatever one round met
                log.exception("metric_alarms_failed", error=type(error).__name__)
                self._on_round(False)
                self._came.set()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _round(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await self._came.wait()
        except TimeoutError:
            await self._alarms.tick(self._now())
            return
        self._came.clear()
        whole = [through for part in self._partitions if (through := self._through_ms(part))]
        if whole:
            await self._alarms.on_window(min(whole), self._now())
