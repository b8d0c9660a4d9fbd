"""The passage of batches from the reader thread to the event loop: ordered and bounded.

Law: a batch of an older generation is never given out after ``restart`` returned. The reader waits
here when the agent is slow; that wait is the back-pressure that bounds memory. The loop is woken
only when it sleeps, so that under load a batch costs no round trip.
"""

import asyncio
import threading
from collections import deque

from detector.kafka.bulk_transport.batch import FetchedBatch


class HandOff:
    """One reader puts, one coroutine gets.

    Full at ``depth`` batches, or when the next one would lift the bytes that wait over
    ``max_bytes`` (a single batch larger than that passes alone).
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
        """Pass on ``batch`` of ``size`` bytes, waiting while full; ``False`` if it is outdated."""
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
        """Drop what waits and let only batches of ``generation`` pass; callable from any thread."""
        with self._changed:
            self._generation = generation
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()

    async def get(self) -> FetchedBatch:
        """Return the next batch, waiting for it."""
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
