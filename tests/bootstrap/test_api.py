"""How the API's process is put together: which operations it has, and how it waits."""

import asyncio
import contextlib
import dataclasses
import threading

import pytest

from detector.bootstrap.alarm_engine import metric_alarms
from detector.bootstrap.api import unless
from detector.bootstrap.api_parts import (
    AlarmTagOwner,
    ApiParts,
    on_a_thread,
    operations,
    rule_admin,
    store_config,
)
from detector.bootstrap.common import steady
from detector.bootstrap.live_rules import followed_rules
from detector.cloudwatch.alarms.recent_datapoints import RecentMetrics
from detector.cloudwatch.api.model import operation_names
from detector.cloudwatch.history import ReportMetrics, ReportStore
from detector.cloudwatch.operations.contract import Members
from detector.kafka.publisher import KafkaPublisher
from detector.settings import Settings, load
from detector.telemetry.clock import Clock

WANTED = """
PutInsightRule DescribeInsightRules EnableInsightRules DisableInsightRules DeleteInsightRules
GetInsightRuleReport PutManagedInsightRules ListManagedInsightRules PutMetricAlarm PutCompositeAlarm
DescribeAlarms DescribeAlarmsForMetric DescribeAlarmHistory DescribeAlarmContributors SetAlarmState
EnableAlarmActions DisableAlarmActions DeleteAlarms PutAlarmMuteRule GetAlarmMuteRule
ListAlarmMuteRules DeleteAlarmMuteRule GetMetricData GetMetricStatistics ListMetrics TagResource
UntagResource ListTagsForResource
"""


def parts_of(settings: Settings, store: ReportStore) -> ApiParts:
    """The parts of a process that is not started; nothing is connected."""
    clock = Clock()
    client: dict[str, object] = {"bootstrap_servers": ["127.0.0.1:1"]}
    rules = followed_rules(settings, lambda: steady(clock), lambda _: None)
    metrics = ReportMetrics(store, lambda _: 0)
    recent = RecentMetrics(metrics, pane_ms=10_000, window_ms=60_000)
    return ApiParts(
        settings=settings,
        store=store,
        metrics=metrics,
        rules=rules,
        admin=rule_admin(settings, KafkaPublisher(client, client_id="test"), rules),
        alarms=metric_alarms(settings, client, recent, store),
        now=clock.now,
    )


def test_the_api_has_every_operation_that_was_promised_and_no_other() -> None:
    settings = load(None, {"DETECTOR_API__AWS_REGION": "eu-west-1"})
    memory = dataclasses.replace(store_config(settings), path=None)
    with contextlib.closing(ReportStore(memory)) as store:
        parts = parts_of(settings, store)
        found = set(operations(parts))
    assert set(WANTED.split()) == found
    assert found <= operation_names()
    prefix = "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:"
    assert prefix == parts.alarms.settings.evaluation.arn_prefix


def test_the_history_is_what_the_settings_say() -> None:
    settings = load(None, {"DETECTOR_HISTORY__RETENTION_DAYS": "3"})
    config = store_config(settings)
    assert ("detector.reports", 10_000, 60_000, 3 * 86_400_000) == (
        config.topic,
        config.pane_ms,
        config.window_ms,
        config.retention_ms,
    )


async def test_a_handler_that_reads_the_history_holds_nobody_up() -> None:
    at: list[int] = []

    async def reads(members: Members) -> Members:
        at.append(threading.get_ident())
        return {"read": members["asked"]}

    assert {"read": 1} == await on_a_thread(reads)({"asked": 1})
    assert threading.get_ident() not in at


async def test_tags_of_alarms_are_answered_by_alarms() -> None:
    async def answer(members: Members) -> Members:
        return {"by": "alarms", **members}

    given = dict.fromkeys(("TagResource", "UntagResource", "ListTagsForResource"), answer)
    owner = AlarmTagOwner(lambda arn: arn.startswith("arn:alarm"), given)
    assert (True, False) == (owner.owns("arn:alarm:a"), owner.owns("arn:rule:a"))
    for call in (owner.tag_resource, owner.untag_resource, owner.list_tags_for_resource):
        assert {"by": "alarms", "x": 1} == await call({"x": 1})


async def test_waiting_ends_by_itself_or_by_the_order_to_stop() -> None:
    stop = asyncio.Event()

    async def soon() -> None:
        await asyncio.sleep(0)

    async def never() -> None:
        await asyncio.Event().wait()

    async def fails() -> None:
        raise OSError("the port is taken")

    assert await unless(stop, soon())
    with pytest.raises(OSError, match="taken"):
        await unless(stop, fails())
    stop.set()
    assert not await unless(stop, never())
