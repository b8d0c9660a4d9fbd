"""The API on a port: driven by boto3 in every protocol, bounded in size, and ending in time."""

import asyncio
import socket
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from detector.cloudwatch.api import Access, Api, ApiServer, KeyRing
from detector.cloudwatch.operations.contract import ApiError, Members
from detector.core.errors import SettingsError
from tests.support.aws import PROTOCOLS, SECRET, client

PAGE = 2
NAMES = [f"rule-{at}" for at in range(5)]
KEYS = {"without keys": KeyRing(), "with keys": KeyRing({"AKIDEXAMPLE": SECRET})}


async def describe(members: Members) -> Members:
    begin = int(members.get("NextToken", 0))
    shown = NAMES[begin : begin + PAGE]
    rules = [{"Name": n, "State": "ENABLED", "Schema": "s", "Definition": "{}"} for n in shown]
    more = begin + PAGE < len(NAMES)
    return {"InsightRules": rules, **({"NextToken": str(begin + PAGE)} if more else {})}


async def delete(members: Members) -> Members:
    failed = [
        {
            "FailureResource": name,
            "ExceptionType": "ResourceNotFound",
            "FailureCode": "404",
            "FailureDescription": "no such rule",
        }
        for name in members["RuleNames"]
        if name not in NAMES
    ]
    return {"Failures": failed}


async def report(_: Members) -> Members:
    raise ApiError("ResourceNotFoundException", "no such rule")


def api(access: Access) -> Api:
    return Api(
        {
            "DescribeInsightRules": describe,
            "DeleteInsightRules": delete,
            "GetInsightRuleReport": report,
        },
        access=access,
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        new_id=lambda: str(uuid.uuid4()),
        notify=lambda _: None,
    )


@pytest.fixture(params=KEYS)
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Address of a server, with keys or without."""
    access = Access(KEYS[request.param], region="us-east-1")
    server = ApiServer(api(access), access, host="127.0.0.1", port=0, request_bytes=100_000)
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()


@pytest.mark.parametrize("protocol", ["", *PROTOCOLS])
async def test_boto3_reads_pages_failures_and_errors(url: str, protocol: str) -> None:
    def drive() -> None:
        cloudwatch = client(url, protocol)
        found: list[str] = []
        token: dict[str, Any] = {}
        while True:
            page = cloudwatch.describe_insight_rules(**token)
            found += [rule["Name"] for rule in page["InsightRules"]]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert NAMES == found
        failures = cloudwatch.delete_insight_rules(RuleNames=["rule-1", "other"])["Failures"]
        assert [("other", "404")] == [
            (each["FailureResource"], each["FailureCode"]) for each in failures
        ]
        with pytest.raises(cloudwatch.exceptions.ResourceNotFoundException) as refused:
            cloudwatch.get_insight_rule_report(
                RuleName="x", StartTime=datetime.now(UTC), EndTime=datetime.now(UTC), Period=60
            )
        assert "no such rule" == refused.value.response["Error"]["Message"]

    await asyncio.to_thread(drive)


async def test_a_wrong_secret_is_refused() -> None:
    access = Access(KeyRing({"AKIDEXAMPLE": "another"}), region="us-east-1")
    server = ApiServer(api(access), access, host="127.0.0.1", port=0, request_bytes=1_000)
    await server.start()
    cloudwatch = client(f"http://127.0.0.1:{server.port}")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        await asyncio.to_thread(cloudwatch.describe_insight_rules)
    await server.stop()


async def test_a_presigned_address_is_answered(url: str, request: pytest.FixtureRequest) -> None:
    """``curl`` can be handed one; without keys a GET is nothing that is answered."""
    signed = client(url, "query").generate_presigned_url("describe_insight_rules", HttpMethod="GET")
    keys = "with keys" in request.node.callspec.id

    def fetch() -> bytes:
        with urllib.request.urlopen(signed, timeout=10) as answer:  # noqa: S310 - loopback
            found: bytes = answer.read()
            return found

    if keys:
        assert b"<Name>rule-0</Name>" in await asyncio.to_thread(fetch)
    else:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            await asyncio.to_thread(fetch)


async def test_a_body_that_is_too_long_is_refused_in_the_client_s_protocol(url: str) -> None:
    cloudwatch = client(url)
    names = ["x" * 120] * 1000
    with pytest.raises(ClientError, match=r"RequestEntityTooLarge.*more than 100000 bytes"):
        await asyncio.to_thread(cloudwatch.delete_insight_rules, RuleNames=names)


async def test_one_connection_serves_many_requests(url: str) -> None:
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        assert b"HTTP/1.1 40" in await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"</ErrorResponse>")
    writer.close()
    await writer.wait_closed()


async def test_what_is_no_http_is_refused_and_the_server_goes_on(url: str) -> None:
    port = int(url.rpartition(":")[2])
    for raw in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\x00" * 99):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    rules = await asyncio.to_thread(client(url).describe_insight_rules)
    assert PAGE == len(rules["InsightRules"])


async def test_it_stops_with_a_connection_open_and_a_request_under_way() -> None:
    entered = asyncio.Event()

    async def slow(_: Members) -> Members:
        entered.set()
        await asyncio.Event().wait()
        return {}

    access = Access(KeyRing(), region="us-east-1")
    stuck = Api(
        {"DescribeInsightRules": slow},
        access=access,
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        new_id=lambda: "id",
        notify=lambda _: None,
    )
    server = ApiServer(stuck, access, host="127.0.0.1", port=0, request_bytes=1_000)
    await server.start()
    cloudwatch = client(f"http://127.0.0.1:{server.port}")
    asked = asyncio.create_task(asyncio.to_thread(cloudwatch.describe_insight_rules))
    await entered.wait()
    begun = time.monotonic()
    await server.stop()
    assert time.monotonic() - begun < 5
    await server.stop()
    with pytest.raises(Exception, match=r"Connection|closed"):
        await asked


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104
def test_without_keys_no_other_address_is_bound(host: str) -> None:
    access = Access(KeyRing(), region="us-east-1")
    with pytest.raises(SettingsError, match="expected a loopback address, because no keys"):
        ApiServer(api(access), access, host=host, port=0, request_bytes=1_000)


async def test_a_port_in_use_is_reported() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        access = Access(KeyRing(), region="us-east-1")
        port = taken.getsockname()[1]
        server = ApiServer(api(access), access, host="127.0.0.1", port=port, request_bytes=1_000)
        with pytest.raises(OSError, match="in use"):
            await server.start()
