"""Access: with keys, requests with a valid and current signature; without, this machine only."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from multidict import CIMultiDict

from detector.cloudwatch.api.access import Access, KeyRing, is_loopback
from detector.cloudwatch.api.messages import HttpRequest, RequestError
from tests.support.aws import HOST, PROTOCOLS, serialized

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEYS = KeyRing({"AKIDONE": "secret-one", "AKIDTWO": "secret-two"})
ACCESS = Access(KEYS, region="eu-west-1")
OPEN = Access(KeyRing(), region="eu-west-1")


@pytest.fixture(autouse=True)
def _clock_of_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "get_current_datetime", lambda: NOW)


def signed(
    protocol: str = "json",
    key_id: str = "AKIDONE",
    secret: str = KEYS.secrets["AKIDONE"],
    *,
    service: str = "monitoring",
    region: str = "eu-west-1",
) -> HttpRequest:
    bare = serialized(protocol, "DescribeAlarms", {"AlarmNames": ["a b&c"]})
    kept = {name: value for name, value in bare.headers.items() if name != "Host"}
    aws = AWSRequest("POST", f"http://{HOST}{bare.target}", headers=kept, data=bare.body)
    auth.SigV4Auth(Credentials(key_id, secret), service, region).add_auth(aws)
    return replace(bare, headers=CIMultiDict({"Host": HOST, **aws.prepare().headers}))


def presigned(seconds: int = 60) -> HttpRequest:
    arguments = urlencode({"Action": "DescribeAlarms", "Version": "2010-08-01"})
    aws = AWSRequest("GET", f"http://{HOST}/?{arguments}")
    keys = Credentials("AKIDTWO", "secret-two")
    auth.SigV4QueryAuth(keys, "monitoring", "eu-west-1", expires=seconds).add_auth(aws)
    target = aws.prepare().url.removeprefix(f"http://{HOST}")
    return HttpRequest("GET", target, CIMultiDict({"Host": HOST}), b"", "192.0.2.1")


def refusal(access: Access, request: HttpRequest, now: datetime = NOW) -> tuple[str, int, str]:
    with pytest.raises(RequestError) as refused:
        access.check(request, now)
    return refused.value.code, refused.value.status, refused.value.message


def changed(request: HttpRequest, headers: Iterable[tuple[str, str | None]]) -> HttpRequest:
    merged = CIMultiDict(request.headers)
    for name, value in headers:
        merged.pop(name, None)
        if value is not None:
            merged[name] = value
    return replace(request, headers=merged)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_known_key_is_let_in_from_anywhere(protocol: str) -> None:
    ACCESS.check(replace(signed(protocol), peer="192.0.2.1"), NOW)
    ACCESS.check(signed(protocol, "AKIDTWO", "secret-two"), NOW)
    ACCESS.check(presigned(), NOW)


def test_without_a_signature_nobody_is_let_in() -> None:
    bare = serialized("json", "DescribeAlarms", {})
    code, status, message = refusal(ACCESS, bare)
    assert ("MissingAuthenticationToken", 403) == (code, status)
    assert message == ("the request is not signed: expected Signature Version 4 with a known key")


def test_another_key_is_not_known() -> None:
    code, status, message = refusal(ACCESS, signed(key_id="AKIDNOBODY"))
    assert ("InvalidClientTokenId", 403) == (code, status)
    assert message == "access key id: found 'AKIDNOBODY', expected one that is configured"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"secret": "secret-two"}, "the signature does not match"),
        ({"region": "us-east-1"}, "credential's region: found 'us-east-1', expected 'eu-west-1'"),
        ({"service": "logs"}, "credential's service: found 'logs', expected 'monitoring'"),
    ],
)
def test_a_signature_for_something_else_does_not_match(wrong: dict[str, Any], message: str) -> None:
    code, status, text = refusal(ACCESS, signed(**wrong))
    assert ("SignatureDoesNotMatch", 403) == (code, status)
    assert text.startswith(message)


@pytest.mark.parametrize(
    ("off", "message"),
    [
        (timedelta(minutes=5, seconds=1), "signature expired: signed 301 s ago"),
        (-timedelta(minutes=5, seconds=1), "signature not yet current: signed 301 s in"),
    ],
)
def test_a_clock_may_be_five_minutes_off_and_no_more(off: timedelta, message: str) -> None:
    ACCESS.check(signed(), NOW + timedelta(minutes=5))
    ACCESS.check(signed(), NOW - timedelta(minutes=5))
    code, _, text = refusal(ACCESS, signed(), NOW + off)
    assert "SignatureDoesNotMatch" == code
    assert text.startswith(message)


def test_a_presigned_request_lasts_as_long_as_it_says() -> None:
    ACCESS.check(presigned(3600), NOW + timedelta(hours=1))
    _, _, text = refusal(ACCESS, presigned(60), NOW + timedelta(seconds=61))
    assert "signature expired: signed 61 s ago, expected at most 60 s" == text


def test_a_credential_of_another_day_does_not_match() -> None:
    request = signed()
    other = request.headers["Authorization"].replace("/20260501/", "/20260430/")
    _, _, text = refusal(ACCESS, changed(request, [("Authorization", other)]))
    assert "credential's date: found '20260430', expected '20260501'" == text


def test_a_changed_body_does_not_match() -> None:
    code, _, _ = refusal(ACCESS, replace(signed(), body=b'{"AlarmNames":["other"]}'))
    assert "SignatureDoesNotMatch" == code


@pytest.mark.parametrize("declared", ["UNSIGNED-PAYLOAD", "0" * 64])
def test_a_hash_of_another_body_is_refused(declared: str) -> None:
    code, status, message = refusal(ACCESS, changed(signed(), [("X-Amz-Content-SHA256", declared)]))
    assert "IncompleteSignature" == code
    assert "no x-amz-content-sha256" in message
    bare = serialized("json", "DescribeAlarms", {})
    headers = {**bare.headers, "X-Amz-Content-SHA256": declared}
    headers.pop("Host")
    aws = AWSRequest("POST", f"http://{HOST}/", headers=headers, data=bare.body)
    auth.SigV4Auth(Credentials("AKIDONE", "secret-one"), "monitoring", "eu-west-1").add_auth(aws)
    request = replace(bare, headers=CIMultiDict({"Host": HOST, **aws.prepare().headers}))
    code, status, message = refusal(ACCESS, request)
    assert ("XAmzContentSHA256Mismatch", 400) == (code, status)
    assert message.startswith(f"x-amz-content-sha256: found {declared[:50]!r}"[:70])
    assert message.endswith("expected the hash of the body")


def test_what_could_change_the_meaning_must_be_signed() -> None:
    """A header added on the way would name another operation."""
    code, _, message = refusal(
        ACCESS, changed(signed("query"), [("X-Amz-Target", "x.DeleteAlarms")])
    )
    assert "IncompleteSignature" == code
    assert "signed headers: found no x-amz-target, expected them to be signed" == message


def test_secrets_are_not_shown() -> None:
    assert "secret-one" not in repr(KEYS)


@pytest.mark.parametrize("host", ["127.0.0.1:9470", "localhost", "LOCALHOST:1", "[::1]:9470"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_without_keys_this_machine_is_let_in(host: str, peer: str) -> None:
    bare = serialized("json", "DescribeAlarms", {})
    OPEN.check(replace(changed(bare, [("Host", host)]), peer=peer), NOW)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_keys_a_signature_is_not_looked_at(protocol: str) -> None:
    OPEN.check(signed(protocol, "AKIDNOBODY", "whatever"), NOW + timedelta(days=1))


REMEDY = ": only clients of this machine are answered while no keys are configured"


@pytest.mark.parametrize(
    ("peer", "method", "headers", "message"),
    [
        ("192.0.2.7", "POST", [], "peer: found '192.0.2.7', expected loopback"),
        ("", "POST", [], "peer: found '', expected loopback"),
        ("::ffff:192.0.2.7", "POST", [], "peer: found '::ffff:192.0.2.7', expected loopback"),
        (
            *("127.0.0.1", "POST", [("Host", "rebind.example:9470")]),
            "host: found 'rebind.example:9470', expected localhost or 127.0.0.1",
        ),
        (
            *("127.0.0.1", "POST", [("Host", None)]),
            "host: found '', expected localhost or 127.0.0.1",
        ),
        (
            *("127.0.0.1", "POST", [("Host", "127.0.0.1.evil.example")]),
            "host: found '127.0.0.1.evil.example', expected localhost or 127.0.0.1",
        ),
        (
            *("127.0.0.1", "POST", [("Host", "localhost@evil.example")]),
            "host: found 'localhost@evil.example', expected localhost or 127.0.0.1",
        ),
        (
            *("127.0.0.1", "POST", [("Host", "[::1")]),
            "host: found '[::1', expected localhost or 127.0.0.1",
        ),
        (
            *("127.0.0.1", "POST", [("Origin", "http://evil.example")]),
            "header origin: found a request from a browser, expected an AWS client",
        ),
        (
            *("127.0.0.1", "POST", [("Sec-Fetch-Site", "cross-site")]),
            "header sec-fetch-site: found a request from a browser, expected an AWS client",
        ),
        ("127.0.0.1", "GET", [], "method: found 'GET', expected POST"),
    ],
)
def test_without_keys_everybody_else_is_refused(
    peer: str, method: str, headers: list[tuple[str, str | None]], message: str
) -> None:
    bare = changed(serialized("query", "DescribeAlarms", {}), headers)
    found = refusal(OPEN, replace(bare, peer=peer, method=method))
    assert ("AccessDenied", 403, message + REMEDY) == found


def test_two_hosts_are_none() -> None:
    bare = serialized("json", "DescribeAlarms", {})
    headers = CIMultiDict([*bare.headers.items(), ("Host", "localhost")])
    assert "AccessDenied" == refusal(OPEN, replace(bare, headers=headers))[0]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104 - the very address that must not count
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback_is_this_machine_and_nothing_else(host: str, loopback: bool) -> None:
    assert loopback is is_loopback(host)
