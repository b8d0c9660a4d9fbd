"""Smithy RPC v2 CBOR: the operation in the path, members in one CBOR map.

Law: tag 1, a time, is the only CBOR tag that is accepted. All others (big numbers, decimals, shared
references, regular expressions) are refused before they are decoded: the protocol does not have
them, and some let a small body cost much.
"""

import io
import re
from collections.abc import Mapping
from typing import Any

import cbor2

from detector.cloudwatch.api.json_protocol import (
    NESTING,
    error_body,
    error_headers,
    unknown_operation,
)
from detector.cloudwatch.api.messages import HttpAnswer, HttpRequest, RequestError
from detector.cloudwatch.api.model import Operation, service_model
from detector.cloudwatch.api.reading import malformed, read_members, written_members
from detector.cloudwatch.api.scalars import CBOR_IN
from detector.cloudwatch.api.shapes import shown
from detector.cloudwatch.api.written_scalars import CBOR_OUT

_LIBRARY_TAGS = (
    *(0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004),
    *(43000, 55799),
)
_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)/?")


def _no_such_tag(_value: Any, _immutable: bool) -> Any:
    raise cbor2.CBORDecodeError("a tag other than 1")


def _as_tag(value: Any, _immutable: bool) -> Any:
    return cbor2.CBORTag(1, value)


_TAGS = {**dict.fromkeys(_LIBRARY_TAGS, _no_such_tag), 1: _as_tag}


class CborProtocol:
    """Reads and writes CBOR."""

    name = "smithy-rpc-v2-cbor"

    def operation_name(self, request: HttpRequest) -> str:
        """Return the last part of the path; raises ``RequestError`` for another service."""
        found = _PATH.fullmatch(request.path)
        service = service_model().metadata["targetPrefix"]
        if found is None or found[1] != service:
            expected = f"/service/{service}/operation/ and an operation"
            why = f"path: found {shown(request.path)}, expected {expected}"
            raise RequestError("UnknownOperationException", why, status=404)
        return found[2]

    def unknown_operation(self, name: str) -> RequestError:
        """Return the error for an operation that CloudWatch does not have."""
        return unknown_operation(name)

    def read(self, operation: Operation, request: HttpRequest) -> dict[str, Any]:
        """Return the members; an empty body has none."""
        return read_members(operation, decoded(request.body) if request.body else {}, CBOR_IN)

    def write(
        self, operation: Operation, members: Mapping[str, Any], request_id: str
    ) -> HttpAnswer:
        """Return an answer."""
        return _answer(200, written_members(operation, members, CBOR_OUT), request_id)

    def refuse(self, error: RequestError, request_id: str) -> HttpAnswer:
        """Return an error."""
        return _answer(error.status, error_body(error), request_id, error_headers(error))


def decoded(body: bytes) -> Any:
    """Return the one CBOR item of a body; raises ``RequestError``."""
    source = io.BytesIO(body)
    try:
        value = cbor2.load(
            source,
            semantic_decoders=_TAGS,
            max_depth=NESTING,
            read_size=1,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except (cbor2.CBORDecodeError, ValueError, OverflowError) as error:
        raise malformed(f"no valid CBOR item: {shown(str(error))}") from None
    if source.tell() != len(body):
        raise malformed(f"{len(body) - source.tell()} bytes follow the CBOR item")
    return value


def _answer(
    status: int,
    body: Mapping[str, Any],
    request_id: str,
    headers: Mapping[str, str] | None = None,
) -> HttpAnswer:
    all_headers = {
        "Content-Type": "application/cbor",
        "smithy-protocol": "rpc-v2-cbor",
        "x-amzn-RequestId": request_id,
        **(headers or {}),
    }
    return HttpAnswer(status, all_headers, cbor2.dumps(body))
