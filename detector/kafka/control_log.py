"""Follows the control topic from its beginning, and writes the kill switch.

Law: the switch is known only while a recent proof says that the topic was read to its end.
Everything else (no record, unreadable record, no broker, reader stopped) counts as engaged.

Theory of operation: a consumer without a group reads partition 0 to its end, about every second and
at once when a record arrives; each complete pass is a proof. (The topic has one partition, because
its records need one order.) A pass starts with the last known record, which must be unchanged: an
offset alone does not identify a log, because a recreated topic, or a broker that lost its data, may
hold other records at the same offsets. If that record differs or is missing, reading starts again
from the beginning. Compaction never removes the last record of a log.

The optional listener gets every record and every proof.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, ConsumerRecord

from detector.core.steady_time import SteadyTime
from detector.decisions.kill_switch import (
    KILL_SWITCH_KEY,
    ControlView,
    KillSwitch,
    decode_kill_switch,
    encode_kill_switch,
)
from detector.kafka.partition_reader import PartitionReader, follow

MAX_AGE_SECONDS = 5.0
_PROOF_MS = 1_000
_REQUEST_MS = 5_000
_RETRY_SECONDS = 0.5
_NO_RECORD = "no kill switch record"


class ControlListener(Protocol):
    """Another consumer of the control topic's records."""

    def began(self) -> None:
        """Forget what was read: the log is read from its beginning again."""
        ...

    def read(self, key: bytes | None, value: bytes | None, stamp_ms: int) -> None:
        """Apply the next record."""
        ...

    def proven(self, at: SteadyTime) -> None:
        """Confirm that all records are read that the log held at ``at``."""
        ...


class ControlLog:
    """Follows the control topic in a task of its own between ``start`` and ``stop``."""

    def __init__(
        self,
        topic: str,
        *,
        client: Mapping[str, Any],
        clock: Callable[[], SteadyTime],
        max_age_seconds: float = MAX_AGE_SECONDS,
        listener: ControlListener | None = None,
    ) -> None:
        self._topic = topic
        self._client = {"request_timeout_ms": _REQUEST_MS, **client}
        self._clock = clock
        self._max_age = max_age_seconds
        self._listener = listener
        self._last: ConsumerRecord | None = None
        self._newest: KillSwitch | None = None
        self._newest_trouble = _NO_RECORD
        self._record: KillSwitch | None = None
        self._trouble = "the control topic was not read yet"
        self._proven: SteadyTime | None = None
        self._task: asyncio.Task[None] | None = None
        self._proof = asyncio.Event()

    async def start(self) -> None:
        """Start following and return at once; the switch is unknown until the first proof."""
        # Whatever ends the reading, the law holds: the switch is unknown.
        following = follow(
            self._topic,
            client=self._client,
            read=self._read,
            on_error=self._on_error,
            errors=Exception,
            retry_seconds=_RETRY_SECONDS,
        )
        self._task = asyncio.create_task(following, name="control-log")

    async def stop(self) -> None:
        """Stop following; the switch is unknown afterwards."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._forget("the control topic is not followed")

    async def wait_known(self, timeout_seconds: float) -> bool:
        """Wait until the switch is known; return whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while not self.view(self._clock()).known:
                    self._proof.clear()
                    await self._proof.wait()
        return self.view(self._clock()).known

    def view(self, now: SteadyTime) -> ControlView:
        """Return what is known at ``now``; age is measured on the monotonic clock."""
        if self._proven is None:
            return ControlView.unknown(self._trouble)
        read_at = self._proven.wall
        age = now.monotonic - self._proven.monotonic
        if age > self._max_age:
            return ControlView.unknown(f"control topic last read {age:.1f} s ago", read_at)
        if self._record is None:
            return ControlView.unknown(self._trouble, read_at)
        return ControlView(
            known=True, engaged=self._record.engaged, reason=self._record.reason, read_at=read_at
        )

    def _on_error(self, error: Exception) -> None:
        self._forget(f"control topic cannot be read: {type(error).__name__}")

    async def _read(self, reader: PartitionReader) -> None:
        self._begin()
        while True:
            # The proof holds for the time of the request, not of the answer.
            asked = self._clock()
            while not await self._read_on(reader):
                self._begin()
            self._record, self._trouble = self._newest, self._newest_trouble
            self._proven = asked
            if self._listener is not None:
                self._listener.proven(asked)
            self._proof.set()
            # A record that arrives now is read in the next pass, which starts at once.
            await reader.fetch(_PROOF_MS)

    def _begin(self) -> None:
        self._last, self._newest, self._newest_trouble = None, None, _NO_RECORD
        if self._listener is not None:
            self._listener.began()

    async def _read_on(self, reader: PartitionReader) -> bool:
        """Read from the last known record to the end; ``False`` if this is another log."""
        end = await reader.end()
        known = self._last
        await reader.seek(None if known is None else known.offset)
        while (records := await reader.fetch_before(end)) is not None:
            for found in records:
                if known is None:
                    self._apply(found)
                elif _same(known, found):
                    known = None
                else:
                    return False
        return known is None

    def _apply(self, found: ConsumerRecord) -> None:
        self._last = found
        if found.key == KILL_SWITCH_KEY:
            self._newest = decode_kill_switch(found.value)
            self._newest_trouble = "the kill switch record is unreadable"
        elif self._listener is not None:
            self._listener.read(found.key, found.value, found.timestamp)

    def _forget(self, trouble: str) -> None:
        self._proven, self._record, self._trouble = None, None, trouble


def _same(one: ConsumerRecord, other: ConsumerRecord) -> bool:
    return (one.offset, one.timestamp, one.key, one.value) == (
        other.offset, other.timestamp, other.key, other.value
    )  # fmt: skip


async def write_kill_switch(
    topic: str, *, client: Mapping[str, Any], engaged: bool, reason: str, by: str, at: float
) -> None:
    """Engage or release the kill switch; return when it is durable. ``KafkaError`` otherwise."""
    value = encode_kill_switch(engaged=engaged, reason=reason, by=by, at=at)
    producer = AIOKafkaProducer(acks="all", **client)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value=value, key=KILL_SWITCH_KEY)
    finally:
        await producer.stop()
