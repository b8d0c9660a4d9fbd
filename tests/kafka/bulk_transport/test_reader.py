"""The reader thread and its parts, against constructed messages and librdkafka's mock broker."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, Producer
from hypothesis import given
from hypothesis import strategies as st

from detector.kafka.bulk_transport.batch import Cutter, FetchedBatch, offset_of
from detector.kafka.bulk_transport.client import BulkReadError, is_hopeless, properties
from detector.kafka.bulk_transport.hand_off import HandOff
from detector.kafka.bulk_transport.positions import EndOfLog, PartitionProgress
from detector.kafka.bulk_transport.reader import BulkReader


def record(topic: str, partition: int, offset: int) -> Message:
    return Message(topic=topic, partition=partition, offset=offset, value=b"v%d" % offset)


def end_event(topic: str, partition: int, offset: int) -> Message:
    end = KafkaError(KafkaError._PARTITION_EOF)
    return Message(topic=topic, partition=partition, offset=offset, error=end)


def a_batch(generation: int, first: int = 0, count: int = 1) -> FetchedBatch:
    return FetchedBatch("logs", 0, [record("logs", 0, first + n) for n in range(count)], generation)


blocks = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 300), st.integers(1, 4)), max_size=30
)


@given(blocks=blocks, chunk=st.integers(1, 7), one_topic=st.booleans())
def test_the_cut_keeps_every_record_once_and_in_order(
    blocks: list[tuple[str, int, int]], chunk: int, one_topic: bool
) -> None:
    """The expected grouping is a plain loop over the same messages."""
    offsets: dict[tuple[str, int], Iterator[int]] = {}
    fetched: list[Message] = []
    expected: dict[tuple[str, int], list[Message]] = {}
    ends = 0
    for topic, partition, count in blocks:
        where = ("a" if one_topic else topic, partition)
        numbers = offsets.setdefault(where, itertools.count(partition, 3))
        for _ in range(count):
            fetched.append(record(*where, next(numbers)))
            expected.setdefault(where, []).append(fetched[-1])
        if count == 1:
            fetched.append(end_event(*where, 0))
            ends += 1
    cutter = Cutter("a" if one_topic else None, 7)

    events = [
        event
        for start in range(0, len(fetched), chunk)
        for event in cutter.add(fetched[start : start + chunk])
    ]
    records, batches = cutter.records, cutter.drain()

    assert len(fetched) - ends == records
    assert ends == len(events)
    assert expected == {(batch.topic, batch.partition): batch.messages for batch in batches}
    for batch in batches:
        whole = [offset_of(message) for message in batch.messages]
        assert (whole[0], whole[-1], 7) == (batch.first_offset, batch.last_offset, batch.generation)
    assert [] == cutter.drain()


def test_a_batch_says_where_it_is_from() -> None:
    assert "<Batch logs/0 5..7 of 3>" == repr(a_batch(3, 5, 3))


async def test_the_hand_off_keeps_order_and_wakes_a_sleeping_loop() -> None:
    hand_off = HandOff(asyncio.get_running_loop(), depth=2, max_bytes=1000)
    hand_off.restart(1)
    batches = [a_batch(1, first) for first in range(50)]

    def put_all() -> None:
        for batch in batches:
            assert hand_off.put(batch, 10)

    thread = threading.Thread(target=put_all)
    thread.start()
    got = [await asyncio.wait_for(hand_off.get(), 5) for _ in batches]
    thread.join(5)

    assert batches == got


@pytest.mark.parametrize(
    ("depth", "max_bytes", "size", "passing"),
    [
        pytest.param(3, 1000, 10, 3, id="as many batches as its depth"),
        pytest.param(9, 1000, 400, 2, id="as many bytes as allowed"),
        pytest.param(9, 1000, 5000, 1, id="one batch that is larger than allowed"),
    ],
)
async def test_a_full_hand_off_makes_the_reader_wait(
    depth: int, max_bytes: int, size: int, passing: int
) -> None:
    hand_off = HandOff(asyncio.get_running_loop(), depth=depth, max_bytes=max_bytes)
    hand_off.restart(1)
    passed: list[int] = []

    def put_some() -> None:
        for first in range(passing + 2):
            if not hand_off.put(a_batch(1, first), size):
                return
            passed.append(first)

    thread = threading.Thread(target=put_some)
    thread.start()
    await until(lambda: len(passed) >= passing)
    thread.join(0.1)
    assert passing == len(passed)

    await hand_off.get()
    await until(lambda: len(passed) == passing + 1)
    hand_off.restart(2)
    thread.join(5)

    assert not thread.is_alive()
    assert passing + 1 == len(passed)


async def test_batches_of_an_older_generation_do_not_pass() -> None:
    hand_off = HandOff(asyncio.get_running_loop(), depth=4, max_bytes=1000)
    hand_off.restart(1)
    assert hand_off.put(a_batch(1), 1)
    hand_off.restart(2)
    new = a_batch(2, 70)

    assert not hand_off.put(a_batch(1, 1), 1)
    assert hand_off.put(new, 1)
    assert new is await hand_off.get()


@pytest.mark.parametrize(
    ("code", "of_partition", "hopeless"),
    [
        (KafkaError._TRANSPORT, False, False),
        (KafkaError._ALL_BROKERS_DOWN, False, False),
        (KafkaError._SSL, False, False),
        (KafkaError._AUTHENTICATION, False, True),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, False, True),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, False, True),
        (KafkaError._UNKNOWN_PARTITION, True, True),
        (KafkaError.LEADER_NOT_AVAILABLE, True, False),
        (KafkaError._BAD_MSG, True, True),
        (KafkaError._BAD_COMPRESSION, True, True),
        (KafkaError._BAD_MSG, False, False),
    ],
)
def test_errors_are_waited_out_or_end_the_worker(
    code: int, of_partition: bool, hopeless: bool
) -> None:
    assert hopeless == is_hopeless(KafkaError(code), of_partition=of_partition)


def test_callers_tune_the_client_but_cannot_break_exactness() -> None:
    whole = properties(
        {"bootstrap.servers": "b:1", "fetch.wait.max.ms": 9, "enable.auto.commit": True},
        group="g",
        queued_kbytes=77,
        oauth=lambda _: ("token", 1.0),
    )

    assert ("b:1", 9, "g", 77) == (
        whole["bootstrap.servers"],
        whole["fetch.wait.max.ms"],
        whole["group.id"],
        whole["queued.max.messages.kbytes"],
    )
    assert whole["enable.auto.commit"] is False
    assert ("token", 1.0) == whole["oauth_cb"]("")


def test_lag_is_zero_while_the_end_is_unknown() -> None:
    assert [0, 0, 5] == [
        PartitionProgress(position=10, high_watermark=end, records=0, bytes=0, lost=0).lag
        for end in (-1, 10, 15)
    ]


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        await asyncio.sleep(0.01)


class Read:
    """A reader on the mock broker, and what it gave."""

    def __init__(self, bootstrap: str, **changes: Any) -> None:
        loop = asyncio.get_running_loop()
        self.ends: list[EndOfLog] = []
        self.failures: list[BaseException] = []
        self.batches: list[FetchedBatch] = []
        self.hand_off = HandOff(loop, depth=3, max_bytes=1 << 20)
        self.reader = BulkReader(
            properties(
                {"bootstrap.servers": bootstrap, **changes},
                group="g",
                queued_kbytes=1024,
                oauth=None,
            ),
            hand_off=self.hand_off,
            batch_records=100,
            monotonic=time.monotonic,
            on_end=self.ends.append,
            on_failure=self.failures.append,
        )
        self.reader.start()
        self.pump = asyncio.create_task(self._pump())

    async def _pump(self) -> None:
        while True:
            self.batches.append(await self.hand_off.get())

    def offsets(self, generation: int, partition: int) -> list[int]:
        return [
            offset_of(message)
            for batch in self.batches
            if (batch.generation, batch.partition) == (generation, partition)
            for message in batch.messages
        ]

    async def stop(self) -> bool:
        self.pump.cancel()
        return await asyncio.to_thread(self.reader.stop, 10.0)


@pytest.fixture(scope="module")
def mock_broker() -> Iterator[tuple[str, Producer]]:
    """Give the mock broker of librdkafka; it lives in the producer."""
    producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
    found = producer.list_topics(timeout=10).brokers[1]
    yield f"{found.host}:{found.port}", producer
    producer.flush(10)


def produce(producer: Producer, topic: str, partition: int, count: int) -> None:
    for number in range(count):
        producer.produce(topic, value=b"%d" % number, partition=partition)
    assert 0 == producer.flush(20)


async def test_it_reads_each_partition_whole_from_where_it_is_told(
    mock_broker: tuple[str, Producer], unique_prefix: str
) -> None:
    bootstrap, producer = mock_broker
    logs, other = f"{unique_prefix}logs", f"{unique_prefix}other"
    for topic, partition, count in ((logs, 0, 1500), (logs, 1, 700), (other, 2, 40)):
        produce(producer, topic, partition, count)
    read = Read(bootstrap)
    read.reader.assign(1, {(logs, 0): 0, (logs, 1): 200, (other, 2): 39})

    await until(lambda: sum(len(batch.messages) for batch in read.batches) >= 2001)
    assert list(range(1500)) == read.offsets(1, 0)
    assert list(range(200, 700)) == read.offsets(1, 1)
    assert [39] == read.offsets(1, 2)
    await until(lambda: len(read.ends) >= 3)
    assert {(1, logs, 0, 1500), (1, logs, 1, 700), (1, other, 2, 40)} <= {
        (end.generation, end.topic, end.partition, end.next_offset) for end in read.ends
    }
    last = [batch for batch in read.batches if batch.topic == other][-1]
    assert last.at_end
    await until(lambda: read.reader.readings()[logs, 0].high_watermark == 1500)
    counted = sum(len(b"%d" % number) for number in range(1500))
    assert PartitionProgress(1500, 1500, 1500, counted, 0) == read.reader.readings()[logs, 0]
    assert await read.stop()
    assert [] == read.failures


async def test_a_new_assignment_starts_over_and_drops_what_was_under_way(
    mock_broker: tuple[str, Producer], unique_prefix: str
) -> None:
    bootstrap, producer = mock_broker
    topic = f"{unique_prefix}logs"
    produce(producer, topic, 0, 3000)
    read = Read(bootstrap)
    for generation in range(1, 8):
        read.reader.assign(generation, {(topic, 0): generation})
        await asyncio.sleep(0.02 * generation)
    await until(lambda: len(read.offsets(7, 0)) >= 2993)

    assert list(range(7, 3000)) == read.offsets(7, 0)
    generations = [batch.generation for batch in read.batches]
    assert sorted(generations) == generations
    for generation in set(generations):
        seen = read.offsets(generation, 0)
        assert list(range(generation, generation + len(seen))) == seen
    assert await read.stop()


async def test_nothing_is_read_after_an_empty_assignment(
    mock_broker: tuple[str, Producer], unique_prefix: str
) -> None:
    bootstrap, producer = mock_broker
    topic = f"{unique_prefix}logs"
    produce(producer, topic, 0, 10)
    read = Read(bootstrap)
    read.reader.assign(1, {(topic, 0): 0})
    await until(lambda: len(read.offsets(1, 0)) == 10)
    read.reader.assign(2, {})
    await until(lambda: not read.reader.readings())
    produce(producer, topic, 0, 10)
    before = len(read.ends)
    await asyncio.sleep(1.2)

    assert 10 == sum(len(batch.messages) for batch in read.batches)
    assert before == len(read.ends)
    assert await read.stop()


async def test_an_offset_that_is_gone_is_left_for_the_first_that_exists(
    mock_broker: tuple[str, Producer], unique_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    bootstrap, producer = mock_broker
    topic = f"{unique_prefix}logs"
    produce(producer, topic, 0, 20)
    read = Read(bootstrap)
    read.reader.assign(1, {(topic, 0): 5000})
    await until(lambda: len(read.offsets(1, 0)) == 20)

    assert list(range(20)) == read.offsets(1, 0)
    assert "offset 5000 of" in caplog.text
    assert await read.stop()
    assert [] == read.failures


async def test_trouble_of_one_partition_that_cannot_pass_stops_the_reader(
    mock_broker: tuple[str, Producer], unique_prefix: str
) -> None:
    bootstrap, producer = mock_broker
    topic = f"{unique_prefix}logs"
    produce(producer, topic, 0, 1)
    read = Read(bootstrap, **{"topic.metadata.propagation.max.ms": 100})
    read.reader.assign(1, {(topic, 99): 0})
    await until(lambda: read.failures)

    assert isinstance(read.failures[0], BulkReadError)
    assert topic in str(read.failures[0])
    assert await read.stop()


async def test_a_record_given_twice_stops_the_reader(
    mock_broker: tuple[str, Producer], unique_prefix: str
) -> None:
    """Should librdkafka ever repeat itself, nothing may be counted twice."""
    bootstrap, _ = mock_broker
    read = Read(bootstrap)
    read.reader.assign(1, {(f"{unique_prefix}logs", 0): 9})
    await until(read.reader.readings)

    with pytest.raises(BulkReadError, match=r"gave offset 8 .* expected 9 or later"):
        read.reader._count(FetchedBatch(f"{unique_prefix}logs", 0, [record("", 0, 8)], 1))
    assert await read.stop()


async def test_an_absent_broker_is_waited_for_and_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    read = Read("127.0.0.1:1")
    read.reader.assign(1, {("logs", 0): 0})
    await until(lambda: "waiting for kafka" in caplog.text)
    await asyncio.sleep(0.5)

    assert 1 == caplog.text.count("waiting for kafka")
    assert await read.stop()
    assert ([], []) == (read.failures, read.ends)


async def test_a_reader_that_waits_for_the_agent_can_be_stopped(
    mock_broker: tuple[str, Producer], unique_prefix: str
) -> None:
    bootstrap, producer = mock_broker
    topic = f"{unique_prefix}logs"
    produce(producer, topic, 0, 5000)
    read = Read(bootstrap)
    read.pump.cancel()
    read.reader.assign(1, {(topic, 0): 0})
    await until(lambda: read.reader.readings() and read.reader.readings()[topic, 0].records)
    await asyncio.sleep(0.2)

    assert 5000 > read.reader.readings()[topic, 0].records
    assert await read.stop()


async def test_a_wrong_property_is_refused_at_once() -> None:
    with pytest.raises(Exception, match=r"no\.such\.property"):
        Read("127.0.0.1:1", **{"no.such.property": 1})
