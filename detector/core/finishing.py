"""Work that must come to its end, such as closing a connection."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def finish(work: Coroutine[Any, Any, None]) -> None:
    """Wait until ``work`` has ended, also when the waiting is cancelled meanwhile.

    A cancellation is raised afterwards; what ``work`` raises is not, because who closes something
    goes on either way.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
    finally:
        if task.done() and not task.cancelled():
            # Taken note of, or asyncio would tell it as never retrieved.
            task.exception()
