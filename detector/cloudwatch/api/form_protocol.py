"""The query protocol: members as a form with dotted names, answers in XML.

``Metrics.member.1.Label=x`` is the label of the first metric. A form cannot express an empty
structure; clients leave it out.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from detector.cloudwatch.api.form_tree import tree_of, untangled
from detector.cloudwatch.api.messages import HttpAnswer, HttpRequest, RequestError
from detector.cloudwatch.api.model import Operation, service_model
from detector.cloudwatch.api.reading import malformed, read_members, written_members
from detector.cloudwatch.api.scalars import FORM_IN
from detector.cloudwatch.api.shapes import shown
from detector.cloudwatch.api.written_scalars import XML_OUT
from detector.cloudwatch.api.xml_text import elements, legal

MAX_MEMBERS = 50_000
"""Maximum number of pairs in one form; the limit of the body usually applies first."""
_FORM_TYPE = "application/x-www-form-urlencoded"
_ENVELOPE = {"Action", "Version"}
_SIGNATURE = "X-Amz-"


class FormProtocol:
    """Reads forms and writes XML."""

    name = "query"

    def __init__(self) -> None:
        metadata = service_model().metadata
        self._namespace = metadata["xmlNamespace"]
        self._version = metadata["apiVersion"]

    def operation_name(self, request: HttpRequest) -> str:
        """Return the action; raises ``RequestError`` for another version of the API."""
        pairs = dict(_pairs(request))
        if not pairs.get("Action"):
            why = "Action: found nothing, expected an operation of CloudWatch"
            raise RequestError("MissingAction", why)
        version = pairs.get("Version", self._version)
        if version != self._version:
            why = f"Version: found {shown(version)}, expected {self._version}"
            raise RequestError("NoSuchVersion", why)
        return pairs["Action"]

    def unknown_operation(self, name: str) -> RequestError:
        """Return the error for an operation that CloudWatch does not have."""
        why = f"Action: found {shown(name)}, expected an operation of CloudWatch"
        return RequestError("InvalidAction", why)

    def read(self, operation: Operation, request: HttpRequest) -> dict[str, Any]:
        """Return the members."""
        members = [
            (name, value)
            for name, value in _pairs(request)
            if name not in _ENVELOPE and not name.startswith(_SIGNATURE)
        ]
        shape = operation.input_shape
        tree = tree_of(members)
        return read_members(operation, tree if shape is None else untangled(shape, tree), FORM_IN)

    def write(
        self, operation: Operation, members: Mapping[str, Any], request_id: str
    ) -> HttpAnswer:
        """Return an answer."""
        written = written_members(operation, members, XML_OUT)
        shape = operation.output_shape
        inner = ""
        if shape is not None:
            wrapper = shape.serialization["resultWrapper"]
            inner = f"<{wrapper}>{''.join(elements(shape, written))}</{wrapper}>"
        metadata = f"<ResponseMetadata>{_tag('RequestId', request_id)}</ResponseMetadata>"
        return self._answer(200, f"{operation.name}Response", inner + metadata, request_id)

    def refuse(self, error: RequestError, request_id: str) -> HttpAnswer:
        """Return an error."""
        kind = "Sender" if error.sender else "Receiver"
        tags = (_tag("Type", kind), _tag("Code", error.code), _tag("Message", error.message))
        inner = f"<Error>{''.join(tags)}</Error>{_tag('RequestId', request_id)}"
        return self._answer(error.status, "ErrorResponse", inner, request_id)

    def _answer(self, status: int, root: str, inner: str, request_id: str) -> HttpAnswer:
        text = f'<{root} xmlns="{self._namespace}">{inner}</{root}>'
        headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
        return HttpAnswer(status, headers, text.encode())


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(legal(text))}</{name}>"


def _pairs(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """Yield the pairs of the query string, then those of the body."""
    for raw in (request.arguments.encode(), request.body if _is_form(request) else b""):
        try:
            pairs = parse_qsl(
                raw.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_MEMBERS,
            )
        except ValueError as error:
            # Bytes outside ASCII and percent escapes outside UTF-8 raise ValueError too.
            raise malformed(f"invalid form: {shown(str(error))}", "MalformedInput") from None
        yield from pairs


def _is_form(request: HttpRequest) -> bool:
    if not request.body:
        return False
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM_TYPE:
        expected = f"{_FORM_TYPE}, a header x-amz-target, or smithy-protocol"
        raise malformed(f"content-type: found {shown(kind)}, expected {expected}", "MalformedInput")
    return True
