"""The wire protocols of CloudWatch's clients, detected from the request.

Smithy RPC v2 CBOR names the operation in the path, AWS JSON in the header ``X-Amz-Target``, and the
query protocol in the member ``Action`` of a form. All three are supported.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from detector.cloudwatch.api.cbor_protocol import CborProtocol
from detector.cloudwatch.api.form_protocol import FormProtocol
from detector.cloudwatch.api.json_protocol import JsonProtocol
from detector.cloudwatch.api.messages import HttpAnswer, HttpRequest, RequestError
from detector.cloudwatch.api.model import Operation


class WireProtocol(Protocol):
    """Reads requests and writes answers."""

    name: str
    """Botocore's name of the protocol."""

    def operation_name(self, request: HttpRequest) -> str:
        """Return the requested operation, known or not; raises ``RequestError``."""
        ...

    def unknown_operation(self, name: str) -> RequestError:
        """Return the error for an operation that CloudWatch does not have."""
        ...

    def read(self, operation: Operation, request: HttpRequest) -> dict[str, Any]:
        """Return the members of a request; raises ``RequestError``."""
        ...

    def write(
        self, operation: Operation, members: Mapping[str, Any], request_id: str
    ) -> HttpAnswer:
        """Return an answer; raises ``WrongAnswerError`` when it does not fit the model."""
        ...

    def refuse(self, error: RequestError, request_id: str) -> HttpAnswer:
        """Return an error."""
        ...


_CBOR, _JSON, _FORM = CborProtocol(), JsonProtocol(), FormProtocol()
PROTOCOLS: tuple[WireProtocol, ...] = (_CBOR, _JSON, _FORM)


def protocol_of(request: HttpRequest) -> WireProtocol:
    """Return the protocol of a request; the default is the query protocol."""
    if "smithy-protocol" in request.headers or request.path.startswith("/service/"):
        return _CBOR
    return _JSON if "x-amz-target" in request.headers else _FORM
