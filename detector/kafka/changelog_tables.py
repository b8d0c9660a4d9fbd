"""Small durable state in Faust tables: writes await the changelog, reads return what was recovered.

Law: nothing is set locally. Recovery alone fills the tables, with this process's own writes too, so
a partition that was revoked and assigned again is never read from stale memory.
"""

from typing import Any

import faust

KEPT_EPOCHS = 8
"""Records kept per key: those of the current owner and the seven before it."""


def raw_table(app: faust.App, name: str, topic: str, partitions: int) -> Any:
    """Declare a table of raw bytes whose changelog is ``topic``."""
    return app.Table(
        name,
        partitions=partitions,
        key_type=bytes,
        value_type=bytes,
        changelog_topic=app.topic(
            topic,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            partitions=partitions,
            # No stream reads a changelog, so nothing acknowledges its records. Faust would report
            # that as an error every second, starting five minutes after the start.
            acks=False,
        ),
    )


class TableStore:
    """``StateStore`` over a Faust table: writes await the changelog, reads are as recovered."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def load(self, partition: int, key: str) -> bytes | None:
        """Return the record recovered for ``key``."""
        del partition
        value: bytes | None = self._table.data.get(key.encode())
        return value

    def names(self) -> list[str]:
        """Return the recovered keys."""
        return [key.decode() for key, value in self._table.data.items() if value]

    async def save(self, partition: int, key: str, record: bytes) -> None:
        """Append ``record`` to the changelog and wait until it is durable."""
        await self._append(partition, key, record)

    async def remove(self, partition: int, key: str) -> None:
        """Append a tombstone for ``key`` and wait until it is durable."""
        await self._append(partition, key, None)

    async def _append(self, partition: int, key: str, record: bytes | None) -> None:
        await self._table.send_changelog(
            partition, key.encode(), record, key_serializer="raw", value_serializer="raw"
        )


class EpochStore:
    """Records of one owner at a time, stored under the owner's epoch.

    ``load`` takes over: it returns the record of the highest epoch, and later saves go to the next
    epoch. So an owner that does not know that it lost its partition writes under its own, older
    epoch and never overwrites a newer owner's record. The records of the last ``KEPT_EPOCHS``
    epochs are kept; older ones are removed after the first save.

    Known limit: two owners that load before either saves share an epoch; save right after loading.
    """

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._epochs: dict[tuple[int, str], int] = {}
        self._outdated: dict[tuple[int, str], list[str]] = {}

    def load(self, partition: int, key: str) -> bytes | None:
        """Return the newest owner's record of ``key``, and take over."""
        mine = sorted(name for name in self._store.names() if name.startswith(f"{key}/"))
        newest = int(mine[-1].rpartition("/")[2]) if mine else 0
        self._epochs[partition, key] = newest + 1
        self._outdated[partition, key] = mine[: 1 - KEPT_EPOCHS]
        return self._store.load(partition, mine[-1]) if mine else None

    async def save(self, partition: int, key: str, record: bytes) -> None:
        """Write the record of this epoch and return when it is durable."""
        await self._store.save(partition, f"{key}/{self._epochs[partition, key]:020d}", record)
        for outdated in self._outdated.pop((partition, key), []):
            await self._store.remove(partition, outdated)
