"""A receiver of webhooks, and the executor that posts to it, with a clock that only pauses move."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractResolver

from detector.actuation.executors import (
    WebhookConfig,
    WebhookExecutor,
)
from detector.core.steady_time import SteadyTime
from tests.support.deciding import at

SECRET = b"a secret of enough bytes"
Answer = Callable[[web.Request], web.StreamResponse]


class Receiver:
    """Answers in turn with ``statuses`` (the last one for ever) and keeps what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses) or [200]
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.hold: asyncio.Event | None = None
        self.url = ""

    async def receive(self, call: web.Request) -> web.Response:
        self.calls.append((dict(call.headers), await call.read()))
        if self.hold is not None:
            await self.hold.wait()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers={"Location": self.url})


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(*statuses)
    app = web.Application()
    app.router.add_post("/act", receiver.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/act"
    try:
        yield receiver
    finally:
        await runner.cleanup()


class Patience:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = at()
        self.pauses: list[float] = []

    def clock(self) -> SteadyTime:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now = SteadyTime(self.now.wall + seconds, self.now.monotonic + seconds)


@asynccontextmanager
async def webhook(
    url: str,
    patience: Patience | None = None,
    resolver: AbstractResolver | None = None,
    **config: Any,
) -> AsyncIterator[WebhookExecutor]:
    patience = patience or Patience()
    made = WebhookExecutor(
        WebhookConfig(url=url, secret=SECRET, **config),
        clock=patience.clock,
        pause=patience.pause,
        resolver=resolver,
    )
    async with made:
        yield made
