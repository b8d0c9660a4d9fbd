"""Serves /metrics, /livez and /readyz over HTTP, on a thread and event loop of their own.

Law: this server answers even while the process's own event loop is stuck, which is when it matters
most. There is no authentication: it listens on loopback by default.

``/livez``: 200 while the process's event loop runs, 503 after ``stalled_seconds`` without a turn.
``/readyz``: 200 while every check passes, else 503 with the failed ones; ``?verbose`` lists all.
``/metrics``: the registry in the format that the scraper accepts.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

Readiness = Callable[[], Mapping[str, tuple[bool, str]]]
"""Checks by name: whether each passes, and its detail; called on the server's thread."""

_BEAT_SECONDS = 0.5
_START_SECONDS = 10.0


class HealthServer:
    """Serves between ``start`` and ``stop``; both are called on the event loop that it watches."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        registry: CollectorRegistry,
        readiness: Readiness,
        monotonic: Callable[[], float],
        stalled_seconds: float = 10.0,
    ) -> None:
        self._host = host
        self._port = port
        self._registry = registry
        self._readiness = readiness
        self._monotonic = monotonic
        self._stalled_seconds = stalled_seconds
        self._last_beat = monotonic()
        self._heart: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    @property
    def port(self) -> int:
        """The TCP port; after ``start`` the bound one, also if 0 was configured."""
        return self._port

    async def start(self) -> None:
        """Start listening. Raises ``OSError`` if the address is in use."""
        started: Future[int] = Future()
        self._last_beat = self._monotonic()
        self._heart = asyncio.create_task(self._beat(), name="health-beat")
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="health-server", daemon=True
        )
        self._thread.start()
        try:
            self._port = await asyncio.wait_for(asyncio.wrap_future(started), _START_SECONDS)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close the port and end the thread; does nothing if not started."""
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.gather(self._heart, return_exceptions=True)
            self._heart = None
        if self._thread is not None:
            if self._loop is not None and self._stopping is not None and self._thread.is_alive():
                # The thread may be ending just now, and its loop with it.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._stopping.set)
            await asyncio.to_thread(self._thread.join, _START_SECONDS)
            self._thread = None

    async def _beat(self) -> None:
        while True:
            self._last_beat = self._monotonic()
            await asyncio.sleep(_BEAT_SECONDS)

    async def _serve(self, started: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        try:
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port).start()
            started.set_result(runner.addresses[0][1])
            await self._stopping.wait()
        except Exception as error:  # noqa: BLE001  (``start`` raises it)
            started.set_exception(error)
        finally:
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _livez(self, _request: web.Request) -> web.Response:
        silent = self._monotonic() - self._last_beat
        if silent > self._stalled_seconds:
            text = f"the event loop has not turned for {silent:.1f} s\n"
            return web.Response(status=503, text=text)
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        checks = self._readiness()
        ready = all(passed for passed, _ in checks.values())
        verbose = "verbose" in request.query
        lines = [
            f"[{'+' if passed else '-'}] {name}: {found}"
            for name, (passed, found) in checks.items()
            if verbose or not passed
        ]
        lines.append("ready" if ready else "not ready")
        return web.Response(status=200 if ready else 503, text="\n".join(lines) + "\n")
