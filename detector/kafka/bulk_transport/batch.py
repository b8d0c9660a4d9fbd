"""Batches: the records of one partition in a fetch, split without a Python step per record.

Law: the records of a partition keep the order of the log, and none is skipped or visited twice.
Splitting costs about 0.1 microseconds per record (``map`` and ``groupby`` over C methods); a Python
loop over the same list costs 0.5.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from confluent_kafka import Message

Partition = tuple[str, int]
"""Topic and partition; equal to, and hashed like, Faust's ``TP``."""


class FetchedBatch:
    """Records of one partition in offset order: the value of one Faust event.

    ``first_offset`` and ``last_offset`` are inclusive; offsets between them may be missing
    (compaction, transaction markers). After tallying, the agent sets ``messages = []``, because the
    event stays in memory until its ack. ``at_end``: the newest fetch knew of no record after
    ``last_offset``; that is a hint, the proof is ``on_end_of_log``. ``generation`` counts the
    assignments of this process and belongs to the transport.
    """

    __slots__ = (
        "at_end",
        "first_offset",
        "generation",
        "last_offset",
        "messages",
        "partition",
        "topic",
    )

    def __init__(
        self, topic: str, partition: int, messages: list[Message], generation: int
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.messages = messages
        self.generation = generation
        self.first_offset = offset_of(messages[0])
        self.last_offset = offset_of(messages[-1])
        self.at_end = False

    def __repr__(self) -> str:
        where = f"{self.topic}/{self.partition}"
        return f"<Batch {where} {self.first_offset}..{self.last_offset} of {self.generation}>"


def offset_of(message: Message) -> int:
    """Return the offset of a fetched message, which always has one."""
    offset = message.offset()
    assert offset is not None, "a fetched message has an offset"  # noqa: S101
    return offset


class Cutter:
    """Groups what ``consume`` returns by partition, over several calls, until ``drain`` empties it.

    ``only_topic`` is the topic of all records if only one topic is read, which saves looking up the
    topic of each record.
    """

    def __init__(self, only_topic: str | None, generation: int) -> None:
        self._only_topic = only_topic
        self._generation = generation
        self._runs: dict[Any, list[Message]] = {}
        self.records = 0

    def add(self, fetched: list[Message]) -> list[Message]:
        """Add records; return librdkafka's own events among them: messages with ``error()``."""
        events: list[Message] = []
        if any(map(Message.error, fetched)):
            events = [message for message in fetched if message.error() is not None]
            fetched = [message for message in fetched if message.error() is None]
        self.records += len(fetched)
        keys: Iterable[Any] = map(Message.partition, fetched)
        if self._only_topic is None:
            keys = zip(map(Message.topic, fetched), keys, strict=True)
        start = 0
        for key, run in groupby(keys):
            stop = start + len(list(run))
            self._runs.setdefault(key, []).extend(fetched[start:stop])
            start = stop
        return events

    def drain(self) -> list[FetchedBatch]:
        """Return what was added, one batch per partition."""
        runs, self._runs, self.records = self._runs, {}, 0
        batches = []
        for key, messages in runs.items():
            topic, partition = key if self._only_topic is None else (self._only_topic, key)
            batches.append(FetchedBatch(topic, partition, messages, self._generation))
        return batches
