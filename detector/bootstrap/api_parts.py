"""The parts of the API's handlers, and which handler answers which operation.

Add a new handler in ``operations``; an operation without a handler is answered with 501.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from detector.bootstrap.common import new_change_id
from detector.cloudwatch.alarms.service import MetricAlarms
from detector.cloudwatch.history import ReportStore, StoreConfig
from detector.cloudwatch.history.batch import HOUR_MS
from detector.cloudwatch.history.ranges import read_range
from detector.cloudwatch.metrics.fleets import FLEET_NAMESPACE, SERVICE_DIMENSION, FleetColumn
from detector.cloudwatch.metrics.ranges import RangeReport, RangeRequest
from detector.cloudwatch.operations.alarm_tags import AlarmTags
from detector.cloudwatch.operations.alarms import handlers as alarm_operations
from detector.cloudwatch.operations.contract import Handler, Members, WholeMetricSource
from detector.cloudwatch.operations.insight_rules import handlers as rule_operations
from detector.cloudwatch.operations.metric_data import MetricData
from detector.cloudwatch.operations.metric_listing import (
    ListedMetric,
    MetricListing,
    MetricStatistics,
)
from detector.cloudwatch.operations.rule_reports import KnownRule, ReportLimits, RuleReports
from detector.core.ports import RecordPublisher
from detector.rules.admin import RuleAdmin
from detector.rules.errors import RuleBounds
from detector.rules.live_rules import LiveRules
from detector.settings import Settings
from detector.telemetry.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """The parts that handlers are built from; ``now`` gives epoch seconds."""

    settings: Settings
    store: ReportStore
    metrics: WholeMetricSource
    rules: LiveRules
    admin: RuleAdmin
    alarms: MetricAlarms
    now: Callable[[], float]


class StoredReports:
    """The history, read on a thread so that the event loop does not wait for the database."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store

    async def report(self, request: RangeRequest) -> RangeReport | None:
        """Return the report for ``request``; ``None`` for an unknown subject."""
        return await asyncio.to_thread(read_range, self._store, request)


def store_config(settings: Settings) -> StoreConfig:
    """Return the configuration of the history of reports."""
    section, times = settings.history, settings.windows.times()
    return StoreConfig(
        path=section.path,
        topic=settings.topic_names().reports,
        pane_ms=times.pane_ms,
        window_ms=times.window_ms,
        retention_ms=section.retention_days * 24 * HOUR_MS,
        max_reports=section.most_reports,
        max_subjects=section.most_subjects,
        contributors=section.contributors,
        memory_mebibytes=section.memory_mebibytes,
        threads=section.threads,
        read_seconds=section.read_seconds,
    )


def operations(parts: ApiParts) -> dict[str, Handler]:
    """Return the handlers by operation."""
    of_alarms = alarm_operations(parts.alarms, parts.now)
    alarm_tags = AlarmTagOwner(AlarmTags(parts.alarms).owns, of_alarms)
    return {
        **of_alarms,
        **rule_operations(parts.admin, tag_owners=[alarm_tags]),
        **_of_reports(parts),
        **_of_metrics(parts),
    }


class AlarmTagOwner:
    """Answers the tag operations for the ARNs accepted by ``owns``, with the alarms' handlers."""

    def __init__(self, owns: Callable[[str], bool], by_operation: Mapping[str, Handler]) -> None:
        self._owns = owns
        self._by_operation = by_operation

    def owns(self, arn: str) -> bool:
        """Return whether an ARN is that of an alarm or a mute rule."""
        return self._owns(arn)

    async def tag_resource(self, members: Members) -> Members:
        """Add tags or replace their values."""
        return await self._by_operation["TagResource"](members)

    async def untag_resource(self, members: Members) -> Members:
        """Remove tags."""
        return await self._by_operation["UntagResource"](members)

    async def list_tags_for_resource(self, members: Members) -> Members:
        """Return the tags."""
        return await self._by_operation["ListTagsForResource"](members)


def rule_admin(settings: Settings, publisher: RecordPublisher, rules: LiveRules) -> RuleAdmin:
    """Return the administration of rules, with CloudWatch's limits."""
    section = settings.rules
    return RuleAdmin(
        settings.topic_names().control,
        publisher=publisher,
        rules=rules,
        now=Clock().now,
        bounds=RuleBounds(
            max_rules=section.most,
            max_records=section.most_records,
            history_ms=round(section.history_hours * 3_600_000),
        ),
        fields=settings.fields.mapping(),
        new_id=new_change_id,
    )


def _of_reports(parts: ApiParts) -> dict[str, Handler]:
    limits = ReportLimits(
        pane_ms=parts.store.config.pane_ms, retention_days=parts.settings.history.retention_days
    )
    reports = RuleReports(
        StoredReports(parts.store), lambda name: _known(parts.rules, name), limits, parts.now
    )
    return {"GetInsightRuleReport": reports}


def _of_metrics(parts: ApiParts) -> dict[str, Handler]:
    pane_seconds = max(1, round(parts.store.config.pane_ms / 1000))
    data = MetricData(parts.metrics, now=parts.now, pane_seconds=pane_seconds)
    statistics = MetricStatistics(parts.metrics, now=parts.now, pane_seconds=pane_seconds)
    return {
        "GetMetricData": on_a_thread(data.get_metric_data),
        "GetMetricStatistics": on_a_thread(statistics.get_metric_statistics),
        "ListMetrics": MetricListing(StoredFleets(parts.store)).list_metrics,
    }


def on_a_thread(reads: Handler) -> Handler:
    """Return a handler that runs on a thread, so that the event loop does not wait for reads."""

    async def answer(members: Members) -> Members:
        return await asyncio.to_thread(lambda: asyncio.run(_awaited(reads(members))))

    return answer


async def _awaited(answer: Awaitable[Members]) -> Members:
    return await answer


class StoredFleets:
    """The metrics of the fleets that the history knows."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store

    def listed(self) -> list[ListedMetric]:
        """Return every column of every fleet."""
        services = [name for name in self._store.subjects if name.startswith(_FLEET)]
        return [
            ListedMetric(
                FLEET_NAMESPACE, column.value, ((SERVICE_DIMENSION, name.removeprefix(_FLEET)),)
            )
            for name in services
            for column in FleetColumn
        ]


_FLEET = "fleet:"


def _known(rules: LiveRules, name: str) -> KnownRule | None:
    entry = rules.timeline.entry(name)
    return None if entry is None else KnownRule(entry.rule.key_labels, entry.rule.aggregate_on)
