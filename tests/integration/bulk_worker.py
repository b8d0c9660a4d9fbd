"""A worker process for tests of the bulk transport: says what it sees, one JSON line each.

Run with one argument, a JSON object: ``broker``, ``group``, ``topics`` and what is in ``DEFAULTS``.
"""

import asyncio
import json
import os
import sys
import time
from collections import deque
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import faust
from faust.types import TP

from detector.kafka.bulk_transport import BulkConfig, FetchedBatch, bulk_topic, install

DEFAULTS: dict[str, Any] = {
    "instance": None,
    "start": "earliest",
    "start_ms": 0,
    "hold_acks": 0,
    "seconds_per_batch": 0.0,
    "values": False,
    "table": False,
    "small_topic": None,
    "count_only": False,
    "client": {},
    "bulk": {},
    "session_seconds": 10.0,
}


def say(**what: Any) -> None:
    """Print one line at once; a killed worker leaves whole lines behind."""
    sys.__stdout__.write(json.dumps(what) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


class Worker:
    """The app under test with an agent that tells of every batch."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.app = faust.App(
            settings["group"],
            broker=f"kafka://{settings['broker']}",
            datadir=mkdtemp(prefix="bulk-worker-"),
            store="memory://",
            value_serializer="raw",
            key_serializer="raw",
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=True,
            topic_partitions=1,
            table_standby_replicas=0,
            stream_wait_empty=False,
            consumer_group_instance_id=settings["instance"],
            broker_session_timeout=settings["session_seconds"],
            broker_heartbeat_interval=2.0,
            broker_commit_interval=0.5,
            worker_redirect_stdouts=False,
        )
        self.unacked: dict[tuple[str, int], deque[Any]] = {}
        self.records = 0
        self.first_at = 0.0
        self.transport = install(
            self.app,
            BulkConfig(
                client={"bootstrap.servers": settings["broker"], **settings["client"]},
                bulk_topics=frozenset(settings["topics"]),
                start=settings["start"],
                start_ms=lambda: int(settings["start_ms"]),
                on_end_of_log=self.on_end_of_log,
                on_started=self.on_started,
                on_revoked=self.on_revoked,
                monotonic=time.monotonic,
                **settings["bulk"],
            ),
        )
        self.app.agent(bulk_topic(self.app, settings["topics"]), name="bulk")(self.tally)
        self.app.timer(0.2)(self.tick)
        self.add_neighbours()

    def add_neighbours(self) -> None:
        """Add a table and a small topic of Faust's own, where wanted."""
        if self.settings["table"]:
            self.table = self.app.Table("counts", partitions=2, key_type=bytes, value_type=bytes)
            self.app.task(self.write_table)
        if self.settings["small_topic"]:
            self.app.agent(self.app.topic(self.settings["small_topic"]), name="small")(self.small)

    async def write_table(self) -> None:
        """Write to the table's changelog, so that a restart has something to recover."""
        await self.table.send_changelog(0, b"key", b"value")
        say(kind="table", value=str(self.table.get(b"key")))

    async def small(self, stream: Any) -> None:
        """Take a small topic as any Faust app does."""
        async for event in stream.events():
            offset = event.message.offset
            say(kind="small", partition=event.message.partition, offset=offset)

    async def tally(self, stream: Any) -> None:
        """Tell of each batch and acknowledge it ``hold_acks`` batches later."""
        stream = stream.noack()
        async for event in stream.events():
            batch: FetchedBatch = event.value
            self.tell(batch)
            batch.messages = []
            await asyncio.sleep(self.settings["seconds_per_batch"])
            waiting = self.unacked.setdefault((batch.topic, batch.partition), deque())
            waiting.append(event)
            while len(waiting) > self.settings["hold_acks"]:
                await stream.ack(waiting.popleft())

    def tell(self, batch: FetchedBatch) -> None:
        """Say what is in the batch."""
        self.first_at = self.first_at or time.monotonic()
        self.records += len(batch.messages)
        if self.settings["count_only"]:
            return
        values = self.settings["values"]
        say(
            kind="batch",
            topic=batch.topic,
            partition=batch.partition,
            offsets=[message.offset() for message in batch.messages],
            first=batch.first_offset,
            last=batch.last_offset,
            at_end=batch.at_end,
            generation=batch.generation,
            values=[(m.value() or b"").decode() for m in batch.messages] if values else None,
            keys=[(m.key() or b"").decode() for m in batch.messages] if values else None,
            headers=[_text(m.headers() or []) for m in batch.messages] if values else None,
            times=[m.timestamp()[1] for m in batch.messages] if values else None,
        )

    def on_started(self, topic: str, partition: int, offset: int, had_commit: bool) -> None:
        """Say where a partition begins."""
        say(kind="started", topic=topic, partition=partition, offset=offset, had_commit=had_commit)

    def on_revoked(self, partitions: set[TP]) -> None:
        """Forget the batches whose acks were held back."""
        for tp in partitions:
            self.unacked.pop((tp.topic, tp.partition), None)
        say(kind="revoked", partitions=sorted(map(list, partitions)))

    def on_end_of_log(self, topic: str, partition: int, next_offset: int, seen_at: float) -> None:
        """Say that an end was proven."""
        age = time.monotonic() - seen_at
        say(kind="end", topic=topic, partition=partition, next_offset=next_offset, age=age)

    async def tick(self) -> None:
        """Say how far reading and commits are."""
        say(
            kind="tick",
            records=self.records,
            seconds=time.monotonic() - self.first_at if self.first_at else 0.0,
            cpu_seconds=time.process_time(),
            rss_mib=_rss_mib(),
            lag=[[*tp, lag] for tp, lag in self.transport.lag().items()],
            committed=[[*tp, offset] for tp, offset in self.transport.committed().items()],
            lost=sum(reading.lost for reading in self.transport.readings().values()),
            paused=sorted([tp.topic, tp.partition] for tp in self.paused()),
            pid=os.getpid(),
        )

    def paused(self) -> set[Any]:
        """Return what is paused in aiokafka."""
        client = self.app.consumer._thread._consumer  # type: ignore[attr-defined]
        return client.paused() if client is not None and client.assignment() else set()


def _text(headers: Any) -> list[list[str]]:
    return [[name, value.decode()] for name, value in headers]


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    worker = Worker({**DEFAULTS, **json.loads(sys.argv[1])})
    sys.argv = [sys.argv[0], "worker", "--loglevel", "warn", "--without-web"]
    worker.app.main()
