"""Work that must run to its end, such as closing a connection."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def finish(work: Coroutine[Any, Any, None]) -> None:
    """Wait until ``work`` has ended, even if the caller is cancelled while it waits.

    The cancellation is raised afterwards. Exceptions of ``work`` are dropped: a caller that closes
    something continues either way.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
    finally:
        if task.done() and not task.cancelled():
            # Reading the exception keeps asyncio from logging it as never retrieved.
            task.exception()
