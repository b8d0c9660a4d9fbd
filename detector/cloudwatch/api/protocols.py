"""The protocols that clients speak with CloudWatch, told apart by what a request looks like.

Smithy RPC v2 CBOR names the operation in the path, AWS JSON in the header ``X-Amz-Target``, and the
query protocol in the member ``Action`` of a form. All are offered, whatever a client prefers.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from detector.cloudwatch.api.cbor_protocol import CborProtocol
from detector.cloudwatch.api.form_protocol import FormProtocol
from detector.cloudwatch.api.json_protocol import JsonProtocol
from detector.cloudwatch.api.messages import HttpAnswer, HttpRequest, RequestError
from detector.cloudwatch.api.model import Operation


class WireProtocol(Protocol):
    """One way to write requests and answers."""

    name: str
    """As botocore names it."""

    def operation_name(self, request: HttpRequest) -> str:
        """Return the operation that is asked for, known or not; raises ``RequestError``."""
        ...

    def unknown_operation(self, name: str) -> RequestError:
        """Refuse an operation that CloudWatch does not have."""
        ...

    def read(self, operation: Operation, request: HttpRequest) -> dict[str, Any]:
        """Return the members of a request; raises ``RequestError``."""
        ...

    def write(
        self, operation: Operation, members: Mapping[str, Any], request_id: str
    ) -> HttpAnswer:
        """Return an answer; raises ``WrongAnswerError`` when the model does not know it."""
        ...

    def refuse(self, error: RequestError, request_id: str) -> HttpAnswer:
        """Return an error."""
        ...


_CBOR, _JSON, _FORM = CborProtocol(), JsonProtocol(), FormProtocol()
PROTOCOLS: tuple[WireProtocol, ...] = (_CBOR, _JSON, _FORM)


def protocol_of(request: HttpRequest) -> WireProtocol:
    """Return the protocol that a request is written in; what is neither is taken for a form."""
    if "smithy-protocol" in request.headers or request.path.startswith("/service/"):
        return _CBOR
    return _JSON if "x-amz-target" in request.headers else _FORM
