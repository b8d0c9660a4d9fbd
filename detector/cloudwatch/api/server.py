"""The API on a TCP port: limits on request sizes, keep-alive, and a bounded stop.

Law: a body never exceeds ``request_bytes`` in memory and is not decompressed on the way in, because
a signature covers the bytes as sent. Without keys only a loopback address is bound.
"""

from aiohttp import web
from multidict import CIMultiDict

from detector.cloudwatch.api.access import Access, is_loopback
from detector.cloudwatch.api.dispatch import Api
from detector.cloudwatch.api.messages import HttpAnswer, HttpRequest, RequestError
from detector.core.errors import Fault, SettingsError

_LINE_BYTES = 65_536
_HEADER_BYTES = 16_384
_KEEP_ALIVE_SECONDS = 75.0
# aiohttp waits up to twice as long: for answers, then for the handlers that it cancelled.
_STOP_SECONDS = 2.0


class ApiServer:
    """Serves ``api`` from ``start`` to ``stop``; port 0 binds any free one.

    Raises ``SettingsError`` for a ``host`` beyond loopback without keys.
    """

    def __init__(
        self, api: Api, access: Access, *, host: str, port: int, request_bytes: int
    ) -> None:
        if not access.asks_for_keys and not is_loopback(host):
            expected = "a loopback address, because no keys are configured"
            raise SettingsError([Fault(0, "api.host", repr(host), expected)])
        self._api = api
        self._host = host
        self._port = port
        self._request_bytes = request_bytes
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The TCP port; after ``start`` the bound one."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises ``OSError`` when the address is in use."""
        app = web.Application(client_max_size=self._request_bytes)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            max_line_size=_LINE_BYTES,
            max_field_size=_HEADER_BYTES,
            shutdown_timeout=_STOP_SECONDS,
        )
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException:
            await self.stop()
            raise
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Finish open requests for up to two seconds, then close. Idempotent."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.Request) -> web.Response:
        return _response(await self._answer(request))

    async def _answer(self, request: web.Request) -> HttpAnswer:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            why = f"the body has more than {self._request_bytes} bytes"
            error = RequestError("RequestEntityTooLarge", why, status=413)
            return self._api.refuse(_plain(request, b""), error)
        return await self._api.answer(_plain(request, body))


def _plain(request: web.Request, body: bytes) -> HttpRequest:
    return HttpRequest(
        method=request.method,
        target=request.raw_path,
        headers=CIMultiDict(request.headers),
        body=body,
        peer=request.remote or "",
    )


def _response(answer: HttpAnswer) -> web.Response:
    # Without this header aiohttp would send its name and version.
    headers = {"Server": "detector", **answer.headers}
    return web.Response(status=answer.status, headers=headers, body=answer.body)
