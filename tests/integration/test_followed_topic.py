"""Followed topics on a broker: what is heard is what is durable, in one order for everybody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from detector.adapters.followed_topic import FollowedTopic
from detector.adapters.topic_admin import TopicAdmin
from detector.domain.errors import PublishError
from detector.domain.topics import TopicSpec
from detector.services.cloudwatch.alarms import handlers
from detector.services.metric_alarms import LogRecord, MetricAlarms, MetricAlarmSettings
from tests.support.alarm_world import Datapoints, Windows, fleet_metric, metric_alarm
from tests.support.tansu import EmbeddedBroker

pytestmark = pytest.mark.embedded

Heard = list[tuple[str, bytes | None]]


@asynccontextmanager
async def following(
    broker: EmbeddedBroker, topic: str
) -> AsyncIterator[tuple[FollowedTopic, Heard]]:
    """Follow a topic, which is made when it is not there."""
    admin = TopicAdmin({"bootstrap.servers": broker.bootstrap})
    await asyncio.to_thread(admin.create, [TopicSpec(topic, 1, {"cleanup.policy": "compact"})])
    heard: Heard = []
    log = FollowedTopic(topic, {"bootstrap_servers": broker.bootstrap}, client_id="test")
    await log.start(lambda key, value: heard.append((key, value)))
    try:
        yield log, heard
    finally:
        await log.stop()


async def test_a_write_returns_when_it_was_heard_and_the_next_life_hears_it_all(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    topic = f"{unique_prefix}followed"
    records = [LogRecord("a", b"1"), LogRecord("b", b"2", [("h", b"x")]), LogRecord("a", None)]
    async with following(broker_tansu, topic) as (log, heard):
        await log.write([])
        await log.write(records)
        assert heard == [("a", b"1"), ("b", b"2"), ("a", None)]
    async with following(broker_tansu, topic) as (_, heard):
        assert heard == [("a", b"1"), ("b", b"2"), ("a", None)]


async def test_writers_that_cross_hear_one_order(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    topic = f"{unique_prefix}followed"
    async with (
        following(broker_tansu, topic) as (first, one),
        following(broker_tansu, topic) as (second, two),
    ):
        await asyncio.gather(
            *(first.write([LogRecord("k", b"1-%d" % n)]) for n in range(20)),
            *(second.write([LogRecord("k", b"2-%d" % n)]) for n in range(20)),
        )
        for log in (first, second):
            await log.write([LogRecord("end", b"")])
        length = min(len(one), len(two))
        assert one[:length] == two[:length]
        assert length >= 41


async def test_without_a_broker_nothing_is_followed_or_written() -> None:
    log = FollowedTopic("t", {"bootstrap_servers": "127.0.0.1:1"}, client_id="test")
    with pytest.raises(PublishError, match="cannot follow 't'"):
        await log.start(lambda *_: None)
    with pytest.raises(PublishError, match="cannot write to 't': it is not followed"):
        await log.write([LogRecord("a", b"1")])


async def test_what_a_listener_cannot_bear_ends_every_write(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    def refusing(key: str, value: bytes | None) -> None:
        raise RuntimeError(f"{key} {value!r}")

    topic = f"{unique_prefix}followed"
    async with following(broker_tansu, topic):
        log = FollowedTopic(topic, {"bootstrap_servers": broker_tansu.bootstrap}, client_id="test")
        await log.start(refusing)
        with pytest.raises(PublishError, match=r"cannot follow .*RuntimeError"):
            await log.write([LogRecord("a", b"1")])
        await log.stop()


async def test_alarms_on_a_broker_are_there_in_the_next_life(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    points, start = Datapoints(), 60_000_000

    async def life() -> MetricAlarms:
        service = MetricAlarms(
            *(
                FollowedTopic(
                    f"{unique_prefix}{name}",
                    {"bootstrap_servers": broker_tansu.bootstrap},
                    client_id="test",
                )
                for name in ("metric-alarms", "metric-alarm-history")
            ),
            points,
            Windows(),
            MetricAlarmSettings(),
        )
        await service.start(start / 1000)
        return service

    async with (
        following(broker_tansu, f"{unique_prefix}metric-alarms"),
        following(broker_tansu, f"{unique_prefix}metric-alarm-history"),
    ):
        service = await life()
        await handlers(service, lambda: start / 1000)["PutMetricAlarm"](metric_alarm())
        points.put(fleet_metric(), start, 9.0)
        await service.on_window(start + 60_000, start / 1000 + 60)
        told = [item.summary for item in service.history.items()]
        await service.stop()
        again = await life()
        assert again.book.entries["many-faults"].standing.state.value == "ALARM"
        assert told == [item.summary for item in again.history.items()]
        assert len(told) == 3
        await again.stop()
