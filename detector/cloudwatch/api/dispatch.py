"""Dispatch of one request: access, protocol, operation, handler, answer or error.

Law: every request gets an answer, in its own protocol and with a request id. An ``ApiError`` of a
handler is answered with the model's code. Any unexpected exception is logged with its traceback and
answered with ``InternalServiceFault``, because it is a defect of this server.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog

from detector.cloudwatch.api.access import Access
from detector.cloudwatch.api.errors import fault_of_ours, modelled
from detector.cloudwatch.api.messages import (
    ApiOutcome,
    HttpAnswer,
    HttpRequest,
    RequestAnswered,
    RequestError,
    WrongAnswerError,
)
from detector.cloudwatch.api.model import Operation, operation_names, service_model
from detector.cloudwatch.api.protocols import WireProtocol, protocol_of
from detector.cloudwatch.api.shapes import shown
from detector.cloudwatch.operations.contract import ApiError, Handler
from detector.core.errors import PublishError

log = structlog.get_logger("detector.api")


class Api:
    """Answers requests with ``handlers`` by operation; ``clock`` returns aware times.

    ``request_seconds`` bounds one handler, ``requests_at_once`` how many run concurrently; further
    requests are throttled. ``new_id`` returns request ids and ``monotonic`` seconds.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        access: Access,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        new_id: Callable[[], str],
        notify: Callable[[RequestAnswered], None],
        request_seconds: float = 30.0,
        requests_at_once: int = 64,
    ) -> None:
        if unknown := set(handlers) - operation_names():
            raise ValueError(f"no operations of CloudWatch: {', '.join(sorted(unknown))}")
        self._handlers = dict(handlers)
        self._access = access
        self._clock = clock
        self._monotonic = monotonic
        self._new_id = new_id
        self._notify = notify
        self._request_seconds = request_seconds
        self._requests_at_once = requests_at_once
        self._running = 0

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Return the answer to ``request``; never raises."""
        begun = self._monotonic()
        protocol, request_id = protocol_of(request), self._new_id()
        asked = ""
        try:
            self._access.check(request, self._clock())
            asked = protocol.operation_name(request)
            operation, handler = self._find(protocol, asked)
            members = _members(protocol, operation, request)
            found = await self._run(handler, operation, members)
            answer = protocol.write(operation, found, request_id)
            outcome = ApiOutcome.OK
        except RequestError as error:
            answer, outcome = protocol.refuse(error, request_id), _outcome(error)
        except Exception as error:  # the law: every request is answered
            fields = {"operation": asked or None, "request_id": request_id}
            log.exception("api_request_failed", error=type(error).__name__, **fields)
            answer = protocol.refuse(fault_of_ours(_INTERNAL.format(request_id)), request_id)
            outcome = ApiOutcome.FAILED
        operation_label = asked if asked in self._handlers else ""
        seconds = self._monotonic() - begun
        self._notify(RequestAnswered(operation_label, protocol.name, outcome, seconds))
        return answer

    def refuse(self, request: HttpRequest, error: RequestError) -> HttpAnswer:
        """Return the answer to a request whose body could not be read completely."""
        protocol = protocol_of(request)
        self._notify(RequestAnswered("", protocol.name, _outcome(error), 0.0))
        return protocol.refuse(error, self._new_id())

    def _find(self, protocol: WireProtocol, name: str) -> tuple[Operation, Handler]:
        if name not in operation_names():
            raise protocol.unknown_operation(name)
        handler = self._handlers.get(name)
        if handler is None:
            offered = ", ".join(sorted(self._handlers)) or "none"
            why = f"{name} is an operation of CloudWatch that this detector does not have"
            raise RequestError("UnknownOperation", f"{why}; it has {offered}", status=501)
        return service_model().operation_model(name), handler

    async def _run(
        self, handler: Handler, operation: Operation, members: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        if self._running >= self._requests_at_once:
            why = f"{self._running} requests are in progress: try again later"
            raise RequestError("Throttling", why)
        self._running += 1
        try:
            async with asyncio.timeout(self._request_seconds):
                return await handler(members)
        except ApiError as error:
            refused = modelled(operation, error)
            if refused is None:
                raise WrongAnswerError(f"no code of CloudWatch: {shown(error.code)}") from error
            raise refused from error
        except TimeoutError:
            why = f"no answer within {self._request_seconds:g} s; it may still take effect"
            raise RequestError("ServiceUnavailable", why, status=503, sender=False) from None
        except PublishError as error:
            why = "the broker did not confirm the change; it may still take effect"
            raise RequestError("ServiceUnavailable", why, status=503, sender=False) from error
        finally:
            self._running -= 1


_INTERNAL = "internal error of the detector, not of the request: see request id {} in its log"


def _members(
    protocol: WireProtocol, operation: Operation, request: HttpRequest
) -> Mapping[str, Any]:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        why = f"content-encoding: found {shown(encoding)}, expected identity"
        raise RequestError("UnsupportedMediaType", why, status=415)
    return protocol.read(operation, request)


def _outcome(error: RequestError) -> ApiOutcome:
    if error.code in _ACCESS_CODES:
        return ApiOutcome.DENIED
    return ApiOutcome.REFUSED if error.sender else ApiOutcome.FAILED


_ACCESS_CODES = frozenset(
    {
        "AccessDenied",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "XAmzContentSHA256Mismatch",
    }
)
