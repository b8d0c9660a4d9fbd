"""Start of each bulk partition: its committed offset, or the configured start without one."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from detector.kafka.bulk_transport.client import BulkReadError
from detector.kafka.bulk_transport.config import BulkConfig


class Start(NamedTuple):
    """Start offset of a partition, and whether it is the group's committed offset."""

    offset: int
    had_commit: bool


async def ask_starts(
    client: AIOKafkaConsumer, tps: Sequence[TP], config: BulkConfig
) -> dict[TP, Start]:
    """Ask the broker where ``tps`` begin; call on the thread of ``client``.

    Raises ``BulkReadError`` when a bulk topic does not exist, ``KafkaError`` without an answer.
    """
    await _refuse_missing_topics(client, config.bulk_topics)
    asked = [TopicPartition(*tp) for tp in tps]
    committed = dict(zip(asked, await asyncio.gather(*map(client.committed, asked)), strict=True))
    fresh = await _ask_fresh(client, [tp for tp in asked if committed[tp] is None], config)
    return {
        TP(*tp): Start(fresh[tp], False) if offset is None else Start(offset, True)
        for tp, offset in committed.items()
    }


async def _refuse_missing_topics(client: AIOKafkaConsumer, topics: frozenset[str]) -> None:
    """Raise for a bulk topic that does not exist; the group would wait for it silently."""
    if all(map(client.partitions_for_topic, topics)):
        return
    if missing := topics - await client.topics():
        raise BulkReadError(
            f"kafka has no topic {', '.join(map(repr, sorted(missing)))}, or this user may not "
            "see it: create it, or name another one to read"
        )


async def _ask_fresh(
    client: AIOKafkaConsumer, tps: list[TopicPartition], config: BulkConfig
) -> dict[TopicPartition, int]:
    if not tps:
        return {}
    if config.start == "earliest":
        return cast("dict[TopicPartition, int]", await client.beginning_offsets(tps))
    # Requested first: records that arrive between the two answers must be read, not skipped.
    ends = cast("dict[TopicPartition, int]", await client.end_offsets(tps))
    if config.start == "latest" or config.start_ms is None:
        return ends
    since_ms = max(0, config.start_ms())
    found = await client.offsets_for_times(dict.fromkeys(tps, since_ms))
    return {tp: ends[tp] if found[tp] is None else found[tp].offset for tp in tps}
