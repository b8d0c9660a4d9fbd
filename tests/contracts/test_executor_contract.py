"""What every executor promises, real or not."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from detector.actuation.executors import DryRunExecutor, WebhookConfig, WebhookExecutor
from detector.actuation.ports import Executor
from tests.support.deciding import action, at
from tests.support.durable import CountingExecutor


@pytest.fixture(params=["dry-run", "webhook", "counting"])
async def executor(request: pytest.FixtureRequest) -> AsyncIterator[Executor]:
    if request.param == "dry-run":
        yield DryRunExecutor()
        return
    if request.param == "counting":
        yield CountingExecutor()
        return

    async def receive(call: web.Request) -> web.Response:
        await call.read()
        return web.Response(headers={"X-Request-Id": f"r-{call.headers['Idempotency-Key']}"})

    app = web.Application()
    app.router.add_post("/act", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    config = WebhookConfig(url=f"http://127.0.0.1:{port}/act", secret=b"0123456789abcdef")
    async with WebhookExecutor(config, clock=at) as made:
        yield made
    await runner.cleanup()


async def test_it_has_a_name_for_the_outcomes(executor: Executor) -> None:
    assert executor.name
    assert executor.name.isprintable()


async def test_it_returns_a_reference(executor: Executor) -> None:
    assert await executor.execute(action())


async def test_the_same_action_has_the_same_reference(executor: Executor) -> None:
    first, second = await executor.execute(action()), await executor.execute(action())
    assert first == second
    assert await executor.execute(action("another")) != first


async def test_it_leaves_the_action_as_it_was(executor: Executor) -> None:
    given = action()
    before = msgspec.json.encode(given)
    await executor.execute(given)
    assert msgspec.json.encode(given) == before


async def test_it_serves_several_at_once(executor: Executor) -> None:
    references = await asyncio.gather(*(executor.execute(action(f"a{n}")) for n in range(10)))
    assert len(set(references)) == 10
