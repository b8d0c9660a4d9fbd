"""A topic that is written and followed at once, on the embedded broker."""

import asyncio
from typing import NamedTuple

import pytest

from detector.core.errors import PublishError
from detector.core.topics import TopicSpec
from detector.kafka.record_log import KafkaRecordLog
from detector.kafka.topic_admin import TopicAdmin
from tests.support.tansu import EmbeddedBroker

pytestmark = pytest.mark.embedded


class Record(NamedTuple):
    """A record as its writer has it."""

    key: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def make_topic(broker: EmbeddedBroker, name: str) -> str:
    admin = TopicAdmin({"bootstrap.servers": broker.bootstrap})
    admin.create([TopicSpec(name, 1, {})], replication_factor=1)
    return name


def new_log(broker: EmbeddedBroker, topic: str, **client: int) -> KafkaRecordLog:
    return KafkaRecordLog(
        topic, client={"bootstrap_servers": broker.bootstrap, **client}, client_id="test"
    )


Read = list[tuple[str, bytes | None]]


async def test_what_is_written_was_read_back_when_the_write_returns(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    log, read = new_log(broker_tansu, make_topic(broker_tansu, f"{unique_prefix}log")), Read()
    await log.start(lambda key, value: read.append((key, value)))
    await log.write([Record("a", b"1"), Record("b", b"2", (("ce_id", b"x"),))])
    assert [("a", b"1"), ("b", b"2")] == read
    await log.write([Record("a", None)])
    await log.write([])
    assert [("a", b"1"), ("b", b"2"), ("a", None)] == read
    await log.stop()
    await log.stop()


async def test_a_later_start_has_read_everything_when_it_has_started(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    topic = make_topic(broker_tansu, f"{unique_prefix}log")
    first, second = new_log(broker_tansu, topic), new_log(broker_tansu, topic)
    await first.start(lambda _key, _value: None)
    written = [Record(str(number), b"x") for number in range(200)]
    await first.write(written)
    read = Read()
    await second.start(lambda key, value: read.append((key, value)))
    assert [(record.key, record.value) for record in written] == read
    await first.stop()
    await second.stop()


async def test_two_writers_hear_one_order(broker_tansu: EmbeddedBroker, unique_prefix: str) -> None:
    topic = make_topic(broker_tansu, f"{unique_prefix}log")
    logs = [new_log(broker_tansu, topic), new_log(broker_tansu, topic)]
    read = [Read(), Read()]
    for log, one in zip(logs, read, strict=True):
        await log.start(lambda key, value, one=one: one.append((key, value)))  # type: ignore[misc]
    writes = [log.write([Record(f"{at}", b"x")]) for at in range(20) for log in logs]
    await asyncio.gather(*writes)
    # The last word is each one's own, and both have read it.
    for log in logs:
        await log.write([Record("end", b"")])
    await logs[0].write([Record("end", b"")])
    length = min(map(len, read))
    assert read[0][:length] == read[1][:length]
    assert length >= 42
    for log in logs:
        await log.stop()


async def test_a_log_that_is_not_open_takes_nothing(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    with pytest.raises(PublishError, match="is not open for writing"):
        await new_log(broker_tansu, f"{unique_prefix}log").write([Record("a", b"1")])


async def test_a_broker_that_went_away_is_reported(unique_prefix: str) -> None:
    with EmbeddedBroker() as broker:
        topic = make_topic(broker, f"{unique_prefix}log")
        log = new_log(broker, topic, request_timeout_ms=2_000)
        await log.start(lambda _key, _value: None)
        broker.stop()
        with pytest.raises(PublishError, match=topic):
            await log.write([Record("a", b"1")])
        await log.stop()
