"""Bounded, ordered queue of batches from the reader thread to the event loop.

Law: a batch of an older generation is never returned after ``restart`` returned. The reader waits
here when the agent is slow; this back-pressure bounds memory. The loop is woken only when it
sleeps, so under load a batch costs no round trip.
"""

import asyncio
import threading
from collections import deque

from detector.kafka.bulk_transport.batch import FetchedBatch


class HandOff:
    """One thread puts, one coroutine gets.

    Full at ``depth`` batches, or when the next one would raise the queued bytes above ``max_bytes``
    (a single larger batch passes when the queue is empty).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, depth: int, max_bytes: int) -> None:
        self._loop = loop
        self._depth = depth
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._waiting: deque[tuple[FetchedBatch, int]] = deque()
        self._bytes = 0
        self._generation = 0
        self._sleeping = False
        self._ready = asyncio.Event()

    def put(self, batch: FetchedBatch, size: int) -> bool:
        """Queue ``batch`` of ``size`` bytes, waiting while full; ``False`` if it is outdated."""
        with self._changed:
            while batch.generation == self._generation and self._is_full(size):
                self._changed.wait()
            if batch.generation != self._generation:
                return False
            self._waiting.append((batch, size))
            self._bytes += size
            wake, self._sleeping = self._sleeping, False
        if wake:
            self._loop.call_soon_threadsafe(self._ready.set)
        return True

    def _is_full(self, size: int) -> bool:
        waiting = len(self._waiting)
        return waiting >= self._depth or (waiting > 0 and self._bytes + size > self._max_bytes)

    def restart(self, generation: int) -> None:
        """Drop queued batches and accept only ``generation`` from now on; any thread."""
        with self._changed:
            self._generation = generation
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()

    async def get(self) -> FetchedBatch:
        """Wait for the next batch and return it."""
        while True:
            with self._changed:
                if self._waiting:
                    batch, size = self._waiting.popleft()
                    self._bytes -= size
                    self._changed.notify_all()
                    return batch
                self._sleeping = True
                self._ready.clear()
            await self._ready.wait()
