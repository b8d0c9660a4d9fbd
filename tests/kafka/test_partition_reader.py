"""The end of a log needs an empty fetch, and a position at the end that the broker reported."""

from typing import Any

from aiokafka import TopicPartition

from detector.kafka.partition_reader import PartitionReader

ONLY = TopicPartition("log", 0)


class FakeConsumer:
    """Returns the given fetches in order; the position follows the records."""

    def __init__(self, *fetches: list[str]) -> None:
        self._fetches = list(fetches)
        self._position = 0

    async def getmany(
        self, *_: TopicPartition, timeout_ms: int, max_records: int | None
    ) -> dict[TopicPartition, list[str]]:
        assert timeout_ms == 250
        assert max_records is None
        records = self._fetches.pop(0)
        self._position += len(records)
        return {ONLY: records} if records else {}

    async def position(self, _: TopicPartition) -> int:
        return self._position


async def read_before(end: int, *fetches: list[str]) -> list[str]:
    consumer: Any = FakeConsumer(*fetches)
    reader = PartitionReader("log", consumer)
    read: list[str] = []
    while (records := await reader.fetch_before(end)) is not None:
        read += [str(each) for each in records]
    assert not consumer._fetches
    return read


async def test_an_empty_log_is_at_its_end_after_one_empty_fetch() -> None:
    assert [] == await read_before(0, [])


async def test_a_slow_fetch_is_not_the_end() -> None:
    assert ["a", "b"] == await read_before(2, [], ["a"], [], ["b"], [])


async def test_an_end_that_is_reported_too_low_is_not_the_end() -> None:
    assert ["a", "b", "c"] == await read_before(1, ["a"], ["b", "c"], [])
