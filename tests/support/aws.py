"""AWS clients as tests use them: boto3, botocore's parts, and members drawn from the model."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.config import Config
from botocore.loaders import Loader
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import Session
from hypothesis import strategies as st
from multidict import CIMultiDict

from detector.cloudwatch.api import HttpAnswer, HttpRequest, service_model
from detector.cloudwatch.api.limits import compiled
from detector.cloudwatch.api.model import Shape

PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")
PREFERRED = "json"
"""What botocore chooses by itself for this service."""
SECRET = "made-up-secret"
HOST = "127.0.0.1:9470"


class _OneProtocol(Loader):  # type: ignore[misc]
    """Loads the same models, of which CloudWatch's offers one protocol only."""

    def __init__(self, protocol: str) -> None:
        super().__init__([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
        self._protocol = protocol

    def load_service_model(self, *args: Any, **kwargs: Any) -> Any:
        """Load a model and leave one protocol in it."""
        loaded = super().load_service_model(*args, **kwargs)
        if "metadata" in loaded and loaded["metadata"].get("serviceId") == "CloudWatch":
            metadata = {**loaded["metadata"], "protocol": self._protocol}
            return {**loaded, "metadata": metadata | {"protocols": [self._protocol]}}
        return loaded


def client(
    url: str,
    protocol: str = "",
    *,
    key_id: str = "AKIDEXAMPLE",
    secret: str = SECRET,
    region: str = "us-east-1",
) -> Any:
    """Return boto3's client of CloudWatch; ``protocol`` empty leaves the choice to it."""
    session = Session()
    if protocol:
        session.register_component("data_loader", _OneProtocol(protocol))
    return boto3.Session(
        botocore_session=session,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        region_name=region,
    ).client(
        "cloudwatch",
        endpoint_url=url,
        config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=30),
    )


def serialized(protocol: str, operation: str, members: Mapping[str, Any]) -> HttpRequest:
    """Return the request that botocore would send."""
    model = service_model().operation_model(operation)
    parts = create_serializer(protocol).serialize_to_request(dict(members), model)
    url = f"http://{HOST}{parts['url_path']}"
    prepared = AWSRequest("POST", url, parts["headers"], parts["body"]).prepare()
    body = prepared.body or b""
    return HttpRequest(
        method="POST",
        target=parts["url_path"],
        headers=CIMultiDict({"Host": HOST, **prepared.headers}),
        body=body if isinstance(body, bytes) else body.encode(),
        peer="127.0.0.1",
    )


def parsed(protocol: str, answer: HttpAnswer, shape: Shape) -> Any:
    """Return what botocore reads in an answer."""
    parts = {
        "status_code": answer.status,
        "headers": HeadersDict(answer.headers),
        "body": answer.body,
    }
    return create_parser(protocol).parse(parts, shape)


@cache
def input_of(operation: str, protocol: str) -> st.SearchStrategy[Any]:
    """Draw the members of a request."""
    shape = service_model().operation_model(operation).input_shape
    return st.just({}) if shape is None else members_of(shape, protocol)


@cache
def output_of(operation: str, protocol: str) -> st.SearchStrategy[Any]:
    """Draw the members of an answer."""
    shape = service_model().operation_model(operation).output_shape
    return st.just({}) if shape is None else members_of(shape, protocol, answer=True)


def members_of(shape: Shape, protocol: str, *, answer: bool = False) -> st.SearchStrategy[Any]:
    """Draw a value of ``shape`` within its limits, as far as ``protocol`` can carry it.

    A form cannot say that a structure is empty; ``botocore`` leaves it out. Its JSON parser keeps
    the names of numbers that are not finite as text.
    """
    kind = shape.type_name
    if kind == "structure":
        return _structures(shape, protocol, answer=answer)
    least = shape.metadata.get("min", 0)
    if kind == "list":
        of = members_of(shape.member, protocol, answer=answer)
        most = min(least + 2, shape.metadata.get("max", least + 2))
        return st.lists(of, min_size=least, max_size=most)
    if kind == "map":
        keys = members_of(shape.key, protocol, answer=answer)
        values = members_of(shape.value, protocol, answer=answer)
        return st.dictionaries(keys, values, min_size=least, max_size=least + 2)
    if kind == "string":
        return _texts(shape, protocol)
    finite = answer and protocol == "json"
    return {
        "integer": st.integers(max(-(2**31), least), shape.metadata.get("max", 2**31 - 1)),
        "long": st.integers(max(-(2**63), least), shape.metadata.get("max", 2**63 - 1)),
        "double": st.floats(allow_nan=False, allow_infinity=not finite),
        "boolean": st.booleans(),
        "timestamp": st.datetimes(
            datetime(1970, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
            datetime(2100, 1, 1),  # noqa: DTZ001
            timezones=st.just(UTC),
        ),
        "blob": st.binary(max_size=20),
    }[kind]


def _structures(shape: Shape, protocol: str, *, answer: bool) -> st.SearchStrategy[Any]:
    drawn = {
        name: members_of(member, protocol, answer=answer) for name, member in shape.members.items()
    }
    if shape.is_tagged_union:
        return st.one_of(*[st.fixed_dictionaries({name: drawn[name]}) for name in drawn])
    required = {name: drawn[name] for name in shape.required_members}
    optional = {name: drawn[name] for name in drawn if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


def _texts(shape: Shape, protocol: str) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 1_000_000)
    pattern = shape.metadata.get("pattern")
    carried = st.characters(codec="utf-8", exclude_characters=_UNCARRIED[protocol])
    texts = st.text(carried, min_size=least, max_size=min(most, least + 12))
    if pattern is None or "\\p{" in pattern or pattern in _OPEN:
        found = texts
    else:
        found = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
    return found.filter(
        lambda text: (
            least <= len(text) <= most
            and not set(text) & set(_UNCARRIED[protocol])
            and (pattern is None or compiled(pattern).fullmatch(text) is not None)
        )
    )


_OPEN = {".*", "[^:].*"}
_CONTROLS = "".join(chr(code) for code in range(32) if chr(code) not in "\t\n\r") + "\ufffe\uffff"
_UNCARRIED = {"smithy-rpc-v2-cbor": "", "json": "", "query": _CONTROLS}


def without_empty(value: Any) -> Any:
    """Return members without empty structures, which a form cannot say."""
    if isinstance(value, dict):
        kept = {name: without_empty(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each != {}}
    if isinstance(value, list):
        left = [each for each in map(without_empty, value) if each != {}]
        return left if left or not value else {}
    return value
