"""Late acknowledgement: a batch is released once it and all batches before it are durable."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Token = TypeVar("Token")


class AckQueue(Generic[Token]):
    """Batches of one partition that wait for acknowledgement, oldest first.

    ``touched_ms`` of a batch is the start of the newest pane that it added to, -1 if it added to
    none. A batch may be acknowledged once that pane, and so every pane before it, is published.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Token]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, touched_ms: int, token: Token) -> None:
        """Append a batch."""
        self._waiting.append((touched_ms, token))

    def release(self, oldest_open_ms: int | None) -> Iterator[Token]:
        """Yield the tokens that may be acknowledged.

        ``oldest_open_ms`` is the start of the oldest unpublished pane, ``None`` if there is none.
        """
        waiting = self._waiting
        while waiting and (oldest_open_ms is None or waiting[0][0] < oldest_open_ms):
            yield waiting.popleft()[1]
