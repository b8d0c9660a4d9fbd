"""Executors: the dry run, which only reports what it would do, and the signed webhook.

Law: an executor is called once per accepted action. Its retries carry the same idempotency key, so
that the receiver can recognize them. No secret is ever logged, shown or put in an error.

The webhook posts the action as a structured CloudEvent. The receiver verifies
``X-Detector-Signature: sha256=<hex>``, the HMAC-SHA256 of ``<X-Detector-Timestamp>.<body>`` under
the shared secret, and refuses old timestamps. Only timeouts, lost connections, 429 and 5xx are
retried, with back-off, within the retries of the call, within a budget shared by all calls, and not
after the action has expired. Redirects are refused, because they would send the action elsewhere.
Addresses that are not public are refused when connecting, unless listed, so that a name cannot be
pointed into a private network after it was checked.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from detector.core.cloud_events import rfc3339
from detector.core.errors import ExecutorError
from detector.core.steady_time import SteadyTime
from detector.decisions.actions import ACTION_SCHEMA, Action
from detector.decisions.budgets import BucketLimits, TokenBucket

SECRET_VARIABLE = "DETECTOR_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
MIN_SECRET_BYTES = 16
_MAX_SECRET_FILE_BYTES = 65_536
_MAX_BACKOFF_SECONDS = 30.0
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class DryRunExecutor:
    """Does nothing and succeeds; calls ``report`` with the action."""

    name = "dry-run"

    def __init__(self, report: Callable[[Action], None] = lambda _: None) -> None:
        self._report = report

    async def execute(self, action: Action) -> str:
        """Report the action and return a reference made from its id."""
        self._report(action)
        return f"dry-run:{action.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    """Where and how to post. ``ValueError`` for an address that must not be posted to.

    ``timeout_seconds`` bounds one attempt (0 to 300); ``retries`` (0 to 20) counts those after the
    first; ``backoff_seconds`` is the first pause, doubled each time up to 30 s. ``retry_budget`` is
    shared by all calls. ``allow_http`` permits plain http beyond loopback; ``allowed_networks``
    lists networks that may be posted to although they are not public.
    """

    url: str
    secret: bytes = field(repr=False)
    timeout_seconds: float = 10.0
    retries: int = 3
    backoff_seconds: float = 0.5
    retry_budget: BucketLimits = field(default_factory=lambda: BucketLimits(10.0, 1 / 60))
    allow_http: bool = False
    allowed_networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a configuration that cannot work or must not be used."""
        for network in self.allowed_networks:
            ipaddress.ip_network(network)
        if len(self.secret) < MIN_SECRET_BYTES:
            raise ValueError(
                f"webhook secret has {len(self.secret)} bytes, expected at least {MIN_SECRET_BYTES}"
            )
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
            raise ValueError("webhook url must be http or https, name a host, and hold no password")
        if parts.scheme == "http" and not (self.allow_http or is_loopback(host)):
            raise ValueError(f"webhook url uses plain http to {host!r}: use https, or allow http")
        address = as_address(host)
        if address is not None and not address.is_loopback and not self.permits(address):
            raise ValueError(
                f"webhook address {host!r} is not public: list its network to allow it"
            )

    def permits(self, address: Address) -> bool:
        """Return whether ``address`` is public or in an allowed network."""
        if address.is_global and not address.is_multicast:
            return True
        networks = (ipaddress.ip_network(network) for network in self.allowed_networks)
        return any(address in network for network in networks)


class GuardedResolver(AbstractResolver):
    """Resolves names and drops every address that must not be posted to."""

    def __init__(self, config: WebhookConfig, inner: AbstractResolver) -> None:
        self._config = config
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the permitted addresses of ``host``; ``OSError`` if there is none."""
        found = await self._inner.resolve(host, port, family)
        permitted = [result for result in found if self._permits(host, result["host"])]
        if not permitted:
            raise OSError(f"no permitted address for {host!r}: all {len(found)} found are private")
        return permitted

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()

    def _permits(self, host: str, text: str) -> bool:
        address = as_address(text)
        if address is None:
            return False
        return self._config.permits(address) or (is_loopback(host) and address.is_loopback)


class WebhookExecutor:
    """Posts actions to one address; use it as an async context manager."""

    name = "webhook"

    def __init__(
        self,
        config: WebhookConfig,
        *,
        clock: Callable[[], SteadyTime],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._pause = pause
        self._inner = resolver
        self._resolver: GuardedResolver | None = None
        self._retry_budget = TokenBucket(config.retry_budget, at=clock().monotonic)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        self._resolver = GuardedResolver(self._config, self._inner or ThreadedResolver())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver, use_dns_cache=False),
            timeout=aiohttp.ClientTimeout(total=self._config.timeout_seconds),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        # aiohttp closes only the resolvers that it made itself.
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None

    async def execute(self, action: Action) -> str:
        """Post ``action``; return the receiver's ``X-Request-Id``, or the HTTP status without one.

        ``ExecutorError`` if no attempt was answered with 2xx.
        """
        body = structured_event(action)
        attempt = 0
        while True:
            try:
                return await self._post(action, body)
            except ExecutorError as error:
                pause = min(_MAX_BACKOFF_SECONDS, self._config.backoff_seconds * 2**attempt)
                if not error.retryable or not self._may_retry(action, attempt, pause):
                    raise
            await self._pause(pause)
            attempt += 1

    def _may_retry(self, action: Action, attempt: int, pause: float) -> bool:
        now = self._clock()
        in_time = now.wall + pause < action.expires_at
        within_call = attempt < self._config.retries
        return in_time and within_call and self._retry_budget.spend(1.0, now.monotonic)

    async def _post(self, action: Action, body: bytes) -> str:
        if self._session is None:
            raise ExecutorError("webhook is not open: enter it before executing", retryable=False)
        stamp = str(int(self._clock().wall))
        headers = {
            "Content-Type": "application/cloudevents+json",
            "Idempotency-Key": action.id,
            "X-Detector-Timestamp": stamp,
            "X-Detector-Signature": signature(self._config.secret, stamp, body),
        }
        try:
            async with self._session.post(
                self._config.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status, reference = answer.status, answer.headers.get("X-Request-Id", "")
        except TimeoutError:
            raise ExecutorError(
                f"webhook gave no answer in {self._config.timeout_seconds:g} s", retryable=True
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise ExecutorError(
                f"webhook could not be reached: {type(error).__name__}", retryable=True
            ) from None
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
            return reference[:200] or f"http {status}"
        again = status == _TOO_MANY_REQUESTS or status >= _SERVER_ERRORS
        raise ExecutorError(f"webhook answered {status}, expected 2xx", retryable=again)


def structured_event(action: Action) -> bytes:
    """Return the action as a CloudEvent in structured mode (JSON)."""
    event = {
        "specversion": "1.0",
        "id": action.id,
        "type": ACTION_SCHEMA,
        "source": "/detector/actuate",
        "subject": action.target.key,
        "time": rfc3339(action.requested_at),
        "datacontenttype": "application/json",
        "data": action,
    }
    return msgspec.json.encode(event)


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """Return the value of ``X-Detector-Signature`` for ``body`` sent at ``stamp``."""
    digest = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def load_secret(environ: Mapping[str, str], file: Path | None = None) -> bytes:
    """Return the secret from ``file``, else from ``DETECTOR_WEBHOOK_SECRET``, stripped.

    ``ValueError`` if there is none; ``OSError`` if the file cannot be read.
    """
    if file is not None:
        with file.open("rb") as source:
            secret = source.read(_MAX_SECRET_FILE_BYTES).strip()
    else:
        secret = environ.get(SECRET_VARIABLE, "").strip().encode()
    if not secret:
        where = str(file) if file is not None else SECRET_VARIABLE
        raise ValueError(
            f"no webhook secret in {where}: put at least {MIN_SECRET_BYTES} bytes there"
        )
    return secret


def as_address(text: str) -> Address | None:
    """Return ``text`` as an address; an IPv4-mapped IPv6 address becomes IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is ``localhost`` or a loopback address."""
    address = as_address(host)
    return host == "localhost" if address is None else address.is_loopback
