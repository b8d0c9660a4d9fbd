"""botocore's own serializers and parsers are the other side: both must read the same members."""

from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from hypothesis import given
from hypothesis import strategies as st

from detector.cloudwatch.api.errors import modelled
from detector.cloudwatch.api.model import operation_names, service_model
from detector.cloudwatch.api.protocols import PROTOCOLS as OURS
from detector.cloudwatch.api.protocols import protocol_of
from detector.cloudwatch.api.shapes import every_shape
from detector.cloudwatch.operations.contract import ApiError
from tests.support.aws import PROTOCOLS, input_of, output_of, parsed, serialized, without_empty

OPERATIONS = sorted(operation_names())
BY_NAME = {each.name: each for each in OURS}


def model(operation: str) -> Any:
    return service_model().operation_model(operation)


def test_the_protocols_are_those_that_botocore_offers_for_the_service() -> None:
    assert service_model().metadata["protocols"] == [each.name for each in OURS]
    assert tuple(BY_NAME) == PROTOCOLS


def test_the_model_has_nothing_that_the_protocols_here_leave_out() -> None:
    """No renamed members, no flattened lists, one address for every operation."""
    for name in OPERATIONS:
        operation = model(name)
        assert {"method": "POST", "requestUri": "/"} == dict(operation.http)
        for shape in (operation.input_shape, operation.output_shape):
            below = every_shape(shape) if shape is not None else ()
            said = {word for each in below for word in each.serialization}
            assert {"resultWrapper"} >= said
    kinds = {
        each.type_name
        for name in OPERATIONS
        for shape in (model(name).input_shape, model(name).output_shape)
        if shape is not None
        for each in every_shape(shape)
    }
    assert {"structure", "list", "map", "string", "integer", "long", "double"} <= kinds
    assert {"boolean", "timestamp", "blob"} <= kinds


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data(), name=st.sampled_from(OPERATIONS))
def test_what_botocore_sends_is_read_as_it_was_meant(
    protocol: str, name: str, data: st.DataObject
) -> None:
    members = data.draw(input_of(name, protocol))
    if protocol == "query":
        members = without_empty(members)
    try:
        request = serialized(protocol, name, members)
    except ParamValidationError:
        assert "query" == protocol  # What is required was empty: no client can send this.
        return
    ours = protocol_of(request)
    assert (protocol, name) == (ours.name, ours.operation_name(request))
    assert members == ours.read(model(name), request)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data(), name=st.sampled_from(OPERATIONS))
def test_what_is_answered_is_read_by_botocore_as_it_was_meant(
    protocol: str, name: str, data: st.DataObject
) -> None:
    members = data.draw(output_of(name, protocol))
    answer = BY_NAME[protocol].write(model(name), members, "id-1")
    read = parsed(protocol, answer, model(name).output_shape)
    details = read.pop("ResponseMetadata")
    assert 200 == details["HTTPStatusCode"]
    assert "id-1" == details["HTTPHeaders"]["x-amzn-requestid"]
    assert members == read


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_botocore_reads_every_modelled_error(protocol: str, name: str) -> None:
    operation = model(name)
    for shape in operation.error_shapes:
        refused = modelled(operation, ApiError(shape.name, "why <&> \u00e9"))
        assert refused is not None
        answer = BY_NAME[protocol].refuse(refused, "id-2")
        read = parsed(protocol, answer, operation.output_shape)
        error = read["Error"]
        assert (shape.error_code, "why <&> \u00e9") == (error["Code"], error["Message"])
        details = shape.metadata.get("error", {})
        assert details.get("httpStatusCode", 400) == answer.status
        sender = details.get("senderFault", details.get("httpStatusCode", 400) < 500)
        assert ("Sender" if sender else "Receiver") == error["Type"]
        if protocol != "query":
            assert shape.name == error["QueryErrorCode"]


@pytest.mark.parametrize("code", ["ResourceNotFound", "ValidationError", "ValidationException"])
def test_an_error_is_found_by_its_shape_and_by_its_code(code: str) -> None:
    found = modelled(model("DescribeAlarms"), ApiError(code, "why"))
    assert found is not None
    assert code in {found.name, found.code}


def test_a_code_that_the_service_does_not_have_is_no_error_of_it() -> None:
    assert modelled(model("DescribeAlarms"), ApiError("NoSuchCode", "why")) is None
