"""One request in, one answer out: handlers see members, clients see the model."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry

from detector.cloudwatch.api import Access, Api, ApiMetrics, HttpAnswer, KeyRing
from detector.cloudwatch.api.messages import ApiOutcome, HttpRequest, RequestAnswered
from detector.cloudwatch.api.model import service_model
from detector.cloudwatch.operations.contract import ApiError, Handler, Members
from detector.core.errors import PublishError
from tests.support.aws import PROTOCOLS, parsed, serialized


class Handlers:
    """Handlers of two operations that keep what they were asked and answer what they were given."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self.asked: list[Members] = []
        self.notices: list[RequestAnswered] = []
        self._answer = answer

    async def handler(self, members: Members) -> Members:
        self.asked.append(members)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def api(self, handler: Handler | None = None, keys: KeyRing | None = None, **more: Any) -> Api:
        chosen = handler or self.handler
        return Api(
            {"DescribeInsightRules": chosen, "DeleteAlarms": chosen},
            access=Access(keys or KeyRing(), region="us-east-1"),
            clock=lambda: datetime(2026, 5, 1, tzinfo=UTC),
            monotonic=lambda: 5.0,
            new_id=lambda: "id-1",
            notify=self.notices.append,
            **more,
        )


def rules(protocol: str = "json") -> HttpRequest:
    return serialized(protocol, "DescribeInsightRules", {"MaxResults": 3})


def read(protocol: str, answer: HttpAnswer, operation: str = "DescribeInsightRules") -> Any:
    return parsed(protocol, answer, service_model().operation_model(operation).output_shape)


ONE_RULE = {"Name": "r", "State": "ENABLED", "Schema": "s", "Definition": "{}"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_handler_is_given_members_and_its_own_are_answered(protocol: str) -> None:
    handlers = Handlers({"InsightRules": [ONE_RULE], "NextToken": None})
    answer = await handlers.api().answer(rules(protocol))
    assert [ONE_RULE] == read(protocol, answer)["InsightRules"]
    assert [{"MaxResults": 3}] == handlers.asked
    expected = RequestAnswered("DescribeInsightRules", protocol, ApiOutcome.OK, 0.0)
    assert [expected] == handlers.notices


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_operation_without_an_answer_is_answered(protocol: str) -> None:
    request = serialized(protocol, "DeleteAlarms", {"AlarmNames": ["a"]})
    answer = await Handlers({}).api().answer(request)
    assert 200 == answer.status
    assert {"ResponseMetadata"} == set(read(protocol, answer, "DeleteAlarms"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_what_a_handler_refuses_is_answered_as_the_model_has_it(protocol: str) -> None:
    handlers = Handlers(ApiError("InvalidNextToken", "no such token"))
    error = read(protocol, answer := await handlers.api().answer(rules(protocol)))["Error"]
    assert (400, "InvalidNextToken", "no such token", "Sender") == (
        *(answer.status, error["Code"], error["Message"], error["Type"]),
    )
    assert ApiOutcome.REFUSED is handlers.notices[0].outcome


INTERNAL = "internal error of the detector, not of the request: see request id id-1 in its log"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "wrong",
    [
        RuntimeError("our secret trouble"),
        ApiError("NoSuchCode", "why"),
        {"Rules": []},
        {"InsightRules": "r"},
        {"InsightRules": [{"Name": "r", "State": "ENABLED", "Schema": "s"}]},
        {"NextToken": 5},
    ],
    ids=str,
)
async def test_what_is_our_fault_is_said_to_be_ours(protocol: str, wrong: Any) -> None:
    handlers = Handlers(wrong)
    error = read(protocol, answer := await handlers.api().answer(rules(protocol)))["Error"]
    assert (500, "InternalServiceError", INTERNAL, "Receiver") == (
        *(answer.status, error["Code"], error["Message"], error["Type"]),
    )
    assert ApiOutcome.FAILED is handlers.notices[0].outcome


async def test_a_handler_that_answers_where_the_model_has_nothing_is_wrong() -> None:
    request = serialized("json", "DeleteAlarms", {"AlarmNames": ["a"]})
    assert 500 == (await Handlers({"Deleted": 1}).api().answer(request)).status


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_operation_that_nobody_handles_says_which_are_handled(protocol: str) -> None:
    handlers = Handlers({})
    members = {"DashboardName": "d", "DashboardBody": "{}"}
    answer = await handlers.api().answer(serialized(protocol, "PutDashboard", members))
    error = read(protocol, answer)["Error"]
    assert (501, "UnknownOperation") == (answer.status, error["Code"])
    assert error["Message"] == (
        "PutDashboard is an operation of CloudWatch that this detector does not have; "
        "it has DeleteAlarms, DescribeInsightRules"
    )
    assert RequestAnswered("", protocol, ApiOutcome.REFUSED, 0.0) == handlers.notices[0]


@pytest.mark.parametrize(
    ("protocol", "code", "status"),
    [
        ("smithy-rpc-v2-cbor", "UnknownOperationException", 404),
        ("json", "UnknownOperationException", 404),
        ("query", "InvalidAction", 400),
    ],
)
async def test_an_operation_that_does_not_exist_is_no_operation(
    protocol: str, code: str, status: int
) -> None:
    right = rules(protocol)
    target = right.target.replace("DescribeInsightRules", "Explode")
    headers = CIMultiDict(
        (name, value.replace("DescribeInsightRules", "Explode"))
        for name, value in right.headers.items()
    )
    body = right.body.replace(b"DescribeInsightRules", b"Explode")
    request = replace(right, target=target, headers=headers, body=body)
    answer = await Handlers({}).api().answer(request)
    error = read(protocol, answer)["Error"]
    assert (status, code) == (answer.status, error["Code"])
    assert "found 'Explode', expected" in error["Message"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_denied_request_reaches_no_handler(protocol: str) -> None:
    handlers = Handlers({})
    answer = await handlers.api(keys=KeyRing({"AKID": "secret"})).answer(rules(protocol))
    error = read(protocol, answer)["Error"]
    assert (403, "MissingAuthenticationToken") == (answer.status, error["Code"])
    assert ([], ApiOutcome.DENIED) == (handlers.asked, handlers.notices[0].outcome)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_broker_that_does_not_answer_is_reported(protocol: str) -> None:
    answer = await Handlers(PublishError("no broker")).api().answer(rules(protocol))
    error = read(protocol, answer)["Error"]
    assert (503, "ServiceUnavailable", "Receiver") == (answer.status, error["Code"], error["Type"])


async def test_a_handler_that_takes_too_long_is_given_up() -> None:
    async def slow(_: Members) -> Members:
        await asyncio.Event().wait()
        return {}

    answer = await Handlers({}).api(slow, request_seconds=0.01).answer(rules())
    error = read("json", answer)["Error"]
    assert (503, "no answer within 0.01 s; it may still take effect") == (
        *(answer.status, error["Message"]),
    )


async def test_one_request_too_many_is_throttled() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(_: Members) -> Members:
        entered.set()
        await leave.wait()
        return {}

    api = Handlers({}).api(slow, requests_at_once=1)
    first = asyncio.create_task(api.answer(rules()))
    await entered.wait()
    second = await api.answer(rules())
    assert "Throttling" == read("json", second)["Error"]["Code"]
    leave.set()
    assert 200 == (await first).status
    assert 200 == (await api.answer(rules())).status


async def test_a_packed_body_is_not_unpacked() -> None:
    right = rules()
    headers = CIMultiDict(right.headers)
    headers["Content-Encoding"] = "gzip"
    answer = await Handlers({}).api().answer(replace(right, headers=headers))
    assert (415, "content-encoding: found 'gzip', expected identity") == (
        *(answer.status, read("json", answer)["Error"]["Message"]),
    )


def test_a_handler_for_no_operation_of_the_service_is_a_mistake() -> None:
    handlers = Handlers({})
    with pytest.raises(ValueError, match="no operations of CloudWatch: Explode"):
        Api(
            {"Explode": handlers.handler},
            access=Access(KeyRing(), region="us-east-1"),
            clock=lambda: datetime(2026, 5, 1, tzinfo=UTC),
            monotonic=lambda: 0.0,
            new_id=lambda: "id",
            notify=handlers.notices.append,
        )


def test_requests_are_counted_by_what_became_of_them() -> None:
    registry = CollectorRegistry()
    metrics = ApiMetrics(registry, ["DescribeAlarms"])
    metrics(RequestAnswered("DescribeAlarms", "json", ApiOutcome.OK, 0.002))
    metrics(RequestAnswered("Explode", "query", ApiOutcome.REFUSED, 0.002))
    requests = "detector_api_requests_total"
    labels = {"operation": "DescribeAlarms", "outcome": "ok"}
    assert 1 == registry.get_sample_value(requests, labels)
    assert 1 == registry.get_sample_value(requests, {"operation": "other", "outcome": "refused"})
    assert 0 == registry.get_sample_value(requests, {"operation": "other", "outcome": "denied"})
    by_protocol = "detector_api_requests_by_protocol_total"
    assert 1 == registry.get_sample_value(by_protocol, {"protocol": "query"})
    assert 2 == registry.get_sample_value("detector_api_request_duration_seconds_count")
