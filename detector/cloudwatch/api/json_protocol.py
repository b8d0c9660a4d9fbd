"""AWS JSON 1.0 and 1.1: the operation in a header, members in a JSON object.

Errors carry ``__type`` in the body and the code of the older query protocol in
``x-amzn-query-error``.
"""

import json
from collections.abc import Mapping
from typing import Any

from detector.cloudwatch.api.messages import HttpAnswer, HttpRequest, RequestError
from detector.cloudwatch.api.model import Operation, service_model
from detector.cloudwatch.api.reading import malformed, read_members, written_members
from detector.cloudwatch.api.scalars import JSON_IN
from detector.cloudwatch.api.shapes import shown
from detector.cloudwatch.api.written_scalars import JSON_OUT
from detector.logs.events import Unreadable
from detector.logs.json_text import parse_values

NESTING = 32
"""Maximum nesting of a body; no request of the model comes near it."""
_NAMESPACE = "com.amazonaws.cloudwatch#"


class JsonProtocol:
    """Reads and writes AWS JSON."""

    name = "json"

    def __init__(self) -> None:
        metadata = service_model().metadata
        self._prefix = f"{metadata['targetPrefix']}."
        self._version = metadata["jsonVersion"]

    def operation_name(self, request: HttpRequest) -> str:
        """Return the target without the service's prefix; ``RequestError`` for another."""
        target = request.headers["x-amz-target"]
        if not target.startswith(self._prefix):
            why = f"x-amz-target: found {shown(target)}, expected {self._prefix} and an operation"
            raise RequestError("UnknownOperationException", why, status=404)
        return target.removeprefix(self._prefix)

    def unknown_operation(self, name: str) -> RequestError:
        """Return the error for an operation that CloudWatch does not have."""
        return unknown_operation(name)

    def read(self, operation: Operation, request: HttpRequest) -> dict[str, Any]:
        """Return the members; an empty body has none."""
        found = parse_values(request.body, nesting=NESTING, max_values=1)
        if isinstance(found, Unreadable):
            raise malformed(found.message)
        return read_members(operation, found[0] if found else {}, JSON_IN)

    def write(
        self, operation: Operation, members: Mapping[str, Any], request_id: str
    ) -> HttpAnswer:
        """Return an answer."""
        return self._answer(200, written_members(operation, members, JSON_OUT), request_id)

    def refuse(self, error: RequestError, request_id: str) -> HttpAnswer:
        """Return an error."""
        return self._answer(error.status, error_body(error), request_id, error_headers(error))

    def _answer(
        self,
        status: int,
        body: Mapping[str, Any],
        request_id: str,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        content_type = f"application/x-amz-json-{self._version}"
        all_headers = {
            "Content-Type": content_type,
            "x-amzn-RequestId": request_id,
            **(headers or {}),
        }
        return HttpAnswer(status, all_headers, json.dumps(body, allow_nan=False).encode())


def unknown_operation(name: str) -> RequestError:
    """Return the error for an operation that CloudWatch does not have."""
    why = f"operation: found {shown(name)}, expected one of CloudWatch's"
    return RequestError("UnknownOperationException", why, status=404)


def error_body(error: RequestError) -> dict[str, str]:
    """Return the members of an error, for JSON and CBOR alike."""
    return {"__type": _NAMESPACE + error.name, error.member: error.message}


def error_headers(error: RequestError) -> dict[str, str]:
    """Return the header with the code of the query protocol and whose fault it is."""
    return {"x-amzn-query-error": f"{error.code};{'Sender' if error.sender else 'Receiver'}"}
