"""The peers, each a program of its own: ``peers.py WHICH BOOTSTRAP TOPIC PARTITIONS EVENTS``.

``bare``: a tuned confluent-kafka loop, msgspec and one dictionary count. ``stock``: a Faust agent
as its guide shows it, with one table write per event. Each prints one JSON line with its rate.
"""

import json
import os
import sys
import tempfile
import time
from typing import Any

import msgspec


class Metadata(msgspec.Struct, gc=False):
    """``_aws``."""

    Timestamp: int


class Record(msgspec.Struct, gc=False, rename={"aws": "_aws", "zone": "AZ-ID"}):
    """The members that both peers and the product read."""

    aws: Metadata
    InstanceId: str
    zone: str
    Service: str
    Caller: str
    Status: int
    Latency: float
    Faults: int


def bare(bootstrap: str, topic: str, partitions: int, events: int) -> float:
    """Read everything as fast as librdkafka gives it; return events per second."""
    from confluent_kafka import Consumer, TopicPartition

    decode = msgspec.json.Decoder(Record).decode
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bare",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 5,
            "queued.min.messages": 1_000_000,
            "queued.max.messages.kbytes": 1_000_000,
        }
    )
    counts: dict[str, int] = {}
    read = 0
    begun = time.perf_counter()
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    while read < events:
        for message in consumer.consume(10_000, 1.0):
            value = message.value()
            if value is not None:
                host = decode(value).InstanceId
                counts[host] = counts.get(host, 0) + 1
                read += 1
    return read / (time.perf_counter() - begun)


def stock(bootstrap: str, topic: str, partitions: int, events: int) -> float:
    """Count ``events`` in a Faust table, one write per event; return events per second."""
    import faust

    app = faust.App(
        f"stock-{os.getpid()}",
        broker=f"kafka://{bootstrap}",
        value_serializer="raw",
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="stock-"),
        topic_partitions=partitions,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    source = app.topic(topic, value_type=bytes, value_serializer="raw", partitions=partitions)
    table: Any = app.Table("counts", default=int, partitions=partitions)
    decode = msgspec.json.Decoder(Record).decode
    state = {"read": 0, "begun": 0.0}

    @app.agent(source)
    async def count(stream: Any) -> None:
        async for value in stream:
            if not state["read"]:
                state["begun"] = time.perf_counter()
            table[decode(value).InstanceId] += 1
            state["read"] += 1
            if state["read"] == events:
                rate = events / (time.perf_counter() - state["begun"])
                sys.stdout.write(json.dumps({"events_per_second": rate}) + "\n")
                sys.stdout.flush()
                os._exit(0)

    app.Worker(quiet=True, loglevel="error", stdout=sys.stderr).execute_from_commandline()
    return 0.0


if __name__ == "__main__":
    which, bootstrap_, topic_, partitions_, events_ = sys.argv[1:]
    peer = {"bare": bare, "stock": stock}[which]
    rate_ = peer(bootstrap_, topic_, int(partitions_), int(events_))
    sys.stdout.write(json.dumps({"events_per_second": rate_}) + "\n")
