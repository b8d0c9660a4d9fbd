"""Work that was begun comes to its end."""

import asyncio

import pytest

from detector.core.finishing import finish


async def test_a_cancellation_waits_for_the_end_and_is_raised_then() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), False

    async def close() -> None:
        nonlocal ended
        begun.set()
        await may_end.wait()
        ended = True

    waiting = asyncio.ensure_future(finish(close()))
    await begun.wait()
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=0.05)
    assert not waiting.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended


async def test_what_the_work_raises_is_not_raised() -> None:
    async def close() -> None:
        raise OSError("gone")

    await finish(close())
