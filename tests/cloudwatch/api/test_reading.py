"""Requests that are not as the model has them: refused, with what was found and expected."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from detector.cloudwatch.api.limits import compiled
from detector.cloudwatch.api.messages import HttpRequest, RequestError
from detector.cloudwatch.api.model import operation_names, service_model
from detector.cloudwatch.api.protocols import PROTOCOLS, WireProtocol, protocol_of
from tests.support.aws import HOST

TARGET = "GraniteServiceVersion20100801"
FORM = "application/x-www-form-urlencoded"


def json_request(operation: str, body: bytes) -> HttpRequest:
    headers = {"Host": HOST, "X-Amz-Target": f"{TARGET}.{operation}"}
    return HttpRequest("POST", "/", CIMultiDict(headers), body, "127.0.0.1")


def cbor_request(operation: str, body: bytes) -> HttpRequest:
    headers = CIMultiDict({"Host": HOST, "smithy-protocol": "rpc-v2-cbor"})
    path = f"/service/{TARGET}/operation/{operation}"
    return HttpRequest("POST", path, headers, body, "127.0.0.1")


def form_request(operation: str, body: bytes) -> HttpRequest:
    headers = CIMultiDict({"Host": HOST, "Content-Type": FORM})
    body = b"Action=" + operation.encode() + (b"&" + body if body else b"")
    return HttpRequest("POST", "/", headers, body, "127.0.0.1")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


REQUESTS = {"json": json_request, "smithy-rpc-v2-cbor": cbor_request, "query": form_request}
ENCODERS: dict[str, Callable[[Any], bytes]] = {"json": _json, "smithy-rpc-v2-cbor": cbor2.dumps}


def read(request: HttpRequest) -> dict[str, Any]:
    protocol: WireProtocol = protocol_of(request)
    name = protocol.operation_name(request)
    return protocol.read(service_model().operation_model(name), request)


def refusal(request: HttpRequest) -> tuple[str, str]:
    with pytest.raises(RequestError) as refused:
        read(request)
    return refused.value.code, refused.value.message


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
@pytest.mark.parametrize(
    ("operation", "members", "code", "message"),
    [
        (
            *("PutInsightRule", {"RuleName": "a"}),
            *("MissingParameter", "RuleDefinition: found nothing, expected a string"),
        ),
        (
            *("SetAlarmState", {"AlarmName": "a", "StateReason": "b"}),
            *("ValidationError", "StateValue: found nothing, expected a string"),
        ),
        (
            *("DescribeAlarms", {"AlarmName": "a"}),
            "ValidationError",
            "AlarmName: found an unknown member, expected one of AlarmNames, AlarmNamePrefix, ",
        ),
        (
            *("DescribeAlarms", {"AlarmNames": "a"}),
            *("ValidationError", "AlarmNames: found 'a', expected a list"),
        ),
        (
            *("DescribeAlarms", {"AlarmNames": ["a", 5]}),
            *("ValidationError", "AlarmNames[1]: found 5, expected text"),
        ),
        (
            *("DescribeAlarms", {"AlarmNames": ["a", None]}),
            *("ValidationError", "AlarmNames[1]: found None, expected text"),
        ),
        (
            *("DescribeAlarms", {"MaxRecords": "5"}),
            *("ValidationError", "MaxRecords: found '5', expected a whole number"),
        ),
        (
            *("DescribeAlarms", {"MaxRecords": True}),
            *("ValidationError", "MaxRecords: found True, expected a whole number"),
        ),
        (
            *("DescribeAlarms", {"MaxRecords": 0}),
            *("ValidationError", "MaxRecords: found 0, expected at least 1"),
        ),
        (
            *("DescribeAlarms", {"MaxRecords": 101}),
            *("ValidationError", "MaxRecords: found 101, expected at most 100"),
        ),
        (
            *("DescribeAlarms", {"MaxRecords": 2**31}),
            *("ValidationError", "MaxRecords: found 2147483648, expected a whole number of 32"),
        ),
        (
            *("DescribeAlarms", {"AlarmNamePrefix": "x" * 256}),
            "ValidationError",
            f"AlarmNamePrefix: found '{'x' * 59}..., expected at most 255 characters",
        ),
        (
            *("DescribeAlarms", {"StateValue": "RED"}),
            "ValidationError",
            "StateValue: found 'RED', expected one of OK, ALARM, INSUFFICIENT_DATA",
        ),
        (
            *("PutInsightRule", {"RuleName": "a\tb", "RuleDefinition": "{}"}),
            *("InvalidParameterValue", "RuleName: found 'a\\tb', expected text that matches"),
        ),
        (
            *("SetAlarmState", {"AlarmName": "\x1b[2J", "StateReason": "b", "StateValue": 1}),
            *("ValidationError", "StateValue: found 1, expected text"),
        ),
        (
            *("PutMetricAlarm", {"AlarmName": "a", "Threshold": "high"}),
            *("ValidationError", "Threshold: found 'high', expected a number"),
        ),
        (
            *("PutMetricAlarm", {"AlarmName": "a", "Metrics": [{"Expression": "1"}]}),
            *("ValidationError", "Metrics[0].Id: found nothing, expected a string"),
        ),
        (
            *("PutMetricAlarm", {"AlarmName": "a", "ActionsEnabled": "true"}),
            *("ValidationError", "ActionsEnabled: found 'true', expected true or false"),
        ),
        (
            *("PutMetricAlarm", {"AlarmName": "a", "EvaluationWindow": {}}),
            "ValidationError",
            "EvaluationWindow: found 0 members, expected exactly one of ",
        ),
        (
            *("PutMetricAlarm", {"AlarmName": "a", "Dimensions": [5]}),
            *("ValidationError", "Dimensions[0]: found 5, expected a structure"),
        ),
        ("DescribeAlarms", [], "ValidationError", "the request: found a list of 0, expected a"),
    ],
)
def test_a_member_that_is_not_as_the_model_has_it_is_refused(
    protocol: str, operation: str, members: Any, code: str, message: str
) -> None:
    found = refusal(REQUESTS[protocol](operation, ENCODERS[protocol](members)))
    assert code == found[0]
    assert found[1].startswith(message)


def test_all_faults_are_reported_at_once_but_no_more_than_ten() -> None:
    _, message = refusal(json_request("DescribeAlarms", _json({f"No{at}": 1 for at in range(30)})))
    assert 10 == message.count("found an unknown member")


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
def test_a_member_that_is_null_is_a_member_left_out(protocol: str) -> None:
    body = ENCODERS[protocol]({"MaxRecords": None})
    assert {} == read(REQUESTS[protocol]("DescribeAlarms", body))


@pytest.mark.parametrize("protocol", REQUESTS)
def test_no_body_has_no_members(protocol: str) -> None:
    assert {} == read(REQUESTS[protocol]("DescribeAlarms", b""))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body cannot be read: the text is not json: input data was truncated"),
        (b'{"a":"\xff"}', "the body cannot be read: the text is not valid utf-8 at byte 6"),
        (b"[" * 100_000, "the body cannot be read: the json nests deeper than 32 objects"),
        (b"{}{}", "the body cannot be read: the record holds more than 1 events"),
        (b'{"MaxRecords": NaN}', "the body cannot be read: the text is not json"),
    ],
)
def test_a_body_that_is_no_json_is_refused(body: bytes, message: str) -> None:
    code, text = refusal(json_request("DescribeAlarms", body))
    assert "SerializationException" == code
    assert text.startswith(message)


@pytest.mark.parametrize(
    "body",
    [
        b"\xa1\x61a",  # cut short
        b"\x81" * 100_000,  # nested without end
        b"\x9b\x00\x00\x00\x00\xff\xff\xff\xff",  # a list of four thousand million
        b"\xc4\x82\x1a\x7f\xff\xff\xff\x01",  # a decimal with an exponent of two thousand million
        b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that holds itself
        b"\xd8\x23\x62[(",  # a regular expression
        b"\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00",  # a big number
        b"\xa2\x61a\x01\x61a\x02",  # a member twice
        b"\xa1\x81\x01\x02",  # a list for a name
        b"\xa0\x01",  # something after the map
        b"\xff",
    ],
)
def test_a_body_that_is_no_cbor_of_the_protocol_is_refused(body: bytes) -> None:
    code, text = refusal(cbor_request("DescribeAlarms", body))
    assert "SerializationException" == code
    assert text.startswith("the body cannot be read: ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_700_000_000, "a time in epoch seconds under tag 1"),
        (cbor2.CBORTag(1, "now"), "a time of the years 1 to 9999"),
        (cbor2.CBORTag(1, 1e300), "a time of the years 1 to 9999"),
        (cbor2.CBORTag(99, 5), "a time in epoch seconds under tag 1"),
    ],
)
def test_a_time_that_is_none_is_refused_in_cbor(value: Any, expected: str) -> None:
    body = cbor2.dumps({"StartDate": value})
    _, text = refusal(cbor_request("DescribeAlarmHistory", body))
    assert text.startswith("StartDate: found ")
    assert text.endswith(f"expected {expected}")


@pytest.mark.parametrize("value", ['"2024-01-01T00:00:00Z"', "true", "1e300", "[]"])
def test_a_time_that_is_none_is_refused_in_json(value: str) -> None:
    _, text = refusal(json_request("DescribeAlarmHistory", b'{"StartDate":%s}' % value.encode()))
    assert text.startswith("StartDate: found ")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-05-01T12:00:00Z", datetime(2024, 5, 1, 12, tzinfo=UTC)),
        ("2024-05-01T12:00:00", datetime(2024, 5, 1, 12, tzinfo=UTC)),
        ("2024-05-01T14:00:00%2B02:00", datetime(2024, 5, 1, 12, tzinfo=UTC)),
        ("2024-05-01T12:00:00.250Z", datetime(2024, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
    ],
)
def test_a_form_s_time_may_have_any_zone(written: str, expected: datetime) -> None:
    found = read(form_request("DescribeAlarmHistory", f"StartDate={written}".encode()))
    assert {"StartDate": expected} == found


@pytest.mark.parametrize(
    ("form", "code", "message"),
    [
        ("StartDate=yesterday", "ValidationError", "StartDate: found 'yesterday', expected a time"),
        ("StartDate=2024-13-01", "ValidationError", "StartDate: found '2024-13-01', expected a"),
        ("MaxRecords=1e2", "ValidationError", "MaxRecords: found '1e2', expected a whole number"),
        ("MaxRecords=", "ValidationError", "MaxRecords: found '', expected a whole number"),
        ("MaxRecords.a=1", "ValidationError", "MaxRecords: found a structure, expected a whole"),
        ("Nothing=1", "ValidationError", "Nothing: found an unknown member"),
        ("AlarmName=a&AlarmName=b", "MalformedInput", "the body cannot be read: 'AlarmName' is"),
        ("AlarmName=a&AlarmName.b=c", "MalformedInput", "the body cannot be read: 'AlarmName.b'"),
        ("AlarmTypes=x", "ValidationError", "AlarmTypes: found 'x', expected a list"),
        (
            "AlarmTypes.member.x=y",
            "MalformedInput",
            "the body cannot be read: 'x' is not the number",
        ),
        ("AlarmTypes.member.1=y", "ValidationError", "AlarmTypes[0]: found 'y', expected one of"),
        ("AlarmTypes.member=y", "ValidationError", "AlarmTypes: found a structure, expected a"),
        ("AlarmTypes.member.1=y&AlarmTypes.member.01=y", "MalformedInput", "the body cannot be"),
        (".".join("a" * 40) + "=1", "MalformedInput", "the body cannot be read: 'a.a"),
        ("AlarmName=%FF", "MalformedInput", "the body cannot be read: invalid form"),
        ("AlarmName=\u00e9", "MalformedInput", "the body cannot be read: invalid form"),
    ],
)
def test_a_form_that_is_not_as_the_model_has_it_is_refused(
    form: str, code: str, message: str
) -> None:
    found = refusal(form_request("DescribeAlarmHistory", form.encode()))
    assert code == found[0]
    assert found[1].startswith(message)


def test_a_form_s_lists_are_in_the_order_of_their_numbers() -> None:
    form = "AlarmNames.member.10=c&AlarmNames.member.2=b&AlarmNames.member.1=a"
    found = read(form_request("DescribeAlarms", form.encode()))
    assert {"AlarmNames": ["a", "b", "c"]} == found


MAP = "EntityMetricData.member.1.Entity.Attributes.entry.1"


@pytest.mark.parametrize(
    "form",
    [
        f"{MAP}.key=a",
        f"{MAP}.key=a&{MAP}.value=b&{MAP}.other=c",
        f"{MAP}.key=a&{MAP}.value=b&{MAP[:-1]}2.key=a&{MAP[:-1]}2.value=c",
    ],
)
def test_a_form_s_map_has_one_value_for_a_key(form: str) -> None:
    code, text = refusal(form_request("PutMetricData", f"Namespace=n&{form}".encode()))
    assert ("MalformedInput", True) == (code, "an entry of a map is not one key" in text)


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (form_request("", b""), "MissingAction", "Action: found nothing, expected an operation"),
        (
            form_request("DescribeAlarms", b"Version=2009-01-01"),
            *("NoSuchVersion", "Version: found '2009-01-01', expected 2010-08-01"),
        ),
        (
            HttpRequest(
                *("POST", "/", CIMultiDict({"Content-Type": "text/plain"}), b"x", "127.0.0.1")
            ),
            "MalformedInput",
            f"the body cannot be read: content-type: found 'text/plain', expected {FORM}, a header",
        ),
        (
            HttpRequest(
                *("POST", "/", CIMultiDict({"X-Amz-Target": "Logs_1.X"}), b"", "127.0.0.1")
            ),
            *("UnknownOperationException", "x-amz-target: found 'Logs_1.X', expected Granite"),
        ),
        (
            HttpRequest(*("POST", "/service/Logs/operation/X", CIMultiDict(), b"", "127.0.0.1")),
            *("UnknownOperationException", "path: found '/service/Logs/operation/X', expected /"),
        ),
    ],
)
def test_a_request_for_nothing_of_cloudwatch_s_is_refused(
    request_: HttpRequest, code: str, message: str
) -> None:
    found = refusal(request_)
    assert code == found[0]
    assert found[1].startswith(message)


@pytest.mark.parametrize("protocol", REQUESTS)
@given(data=st.data(), body=st.binary(max_size=80))
def test_whatever_comes_in_is_read_or_refused(
    protocol: str, data: st.DataObject, body: bytes
) -> None:
    """Bodies drawn at random, and cut or mixed out of such as could be meant."""
    name = data.draw(st.sampled_from(sorted(operation_names())))
    pieces = [b'{"', b'":', b"[", b"]}", b"\xa1", b"\x61a", b"a.member.1=", b"&", b"%", b"1e999"]
    mixed = b"".join(data.draw(st.lists(st.sampled_from(pieces), max_size=12)))
    for each in (body, mixed, mixed + body):
        with contextlib.suppress(RequestError):
            read(REQUESTS[protocol](name, each))


def test_every_pattern_of_the_model_can_be_checked_in_linear_time() -> None:
    shapes = [service_model().shape_for(name) for name in service_model().shape_names]
    patterns = {shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata}
    assert 10 <= len([compiled(pattern) for pattern in patterns])


def test_each_protocol_is_detected_by_its_own_mark() -> None:
    found = [protocol_of(REQUESTS[each.name]("DescribeAlarms", b"")) for each in PROTOCOLS]
    assert list(PROTOCOLS) == found
