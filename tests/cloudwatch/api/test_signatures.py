"""Signatures against the published test suite of AWS, and against botocore's own signer.

The suite ("AWS Signature Version 4 test suite") signs for us-east-1 and ``service`` at
2015-08-30T12:36:00Z; requests and signatures below are its own.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from detector.cloudwatch.api.messages import HttpRequest, RequestError
from detector.cloudwatch.api.signatures import Claim, claim_of, signature_of

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AT = "20150830T123600Z"
SUITE_HOST = "example.amazonaws.com"
CREDENTIAL = f"{KEY_ID}/20150830/us-east-1/service/aws4_request"

SUITE = {
    "get-vanilla": (
        *("GET", "/", [], b""),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-vanilla-query-order-key-case": (
        *("GET", "/?Param2=value2&Param1=value1", [], b""),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-unreserved": (
        "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        [],
        b"",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "get-vanilla-utf8-query": (
        *("GET", "/?%E1%88%B4=bar", [], b""),
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    "get-relative-relative": (
        *("GET", "/example1/example2/../..", [], b""),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-slash-dot-slash": (
        *("GET", "/./", [], b""),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-header-value-trim": (
        *("GET", "/", [("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')], b""),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "post-vanilla": (
        *("POST", "/", [], b""),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "post-header-key-sort": (
        *("POST", "/", [("My-Header1", "value1")], b""),
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    "post-x-www-form-urlencoded": (
        "POST",
        "/",
        [("Content-Type", "application/x-www-form-urlencoded")],
        b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}


def suite_request(
    method: str, target: str, headers: list[tuple[str, str]], body: bytes, signature: str
) -> HttpRequest:
    headers_sent = [("Host", SUITE_HOST), *headers, ("X-Amz-Date", AT)]
    names = ";".join(sorted(name.lower() for name, _ in headers_sent))
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders={names}, Signature={signature}"
    )
    return HttpRequest(
        method,
        target,
        CIMultiDict([*headers_sent, ("Authorization", authorization)]),
        body,
        "127.0.0.1",
    )


def with_header(request: HttpRequest, name: str, value: str) -> CIMultiDict[str]:
    headers = CIMultiDict(request.headers)
    headers[name] = value
    return headers


def claim(request: HttpRequest) -> Claim:
    found = claim_of(request)
    assert found is not None
    return found


@pytest.mark.parametrize("case", SUITE)
def test_the_published_suite_is_signed_as_published(case: str) -> None:
    request = suite_request(*SUITE[case])
    assert SUITE[case][-1] == signature_of(request, claim(request), SECRET)


def test_the_published_example_of_a_presigned_looking_get_is_signed_as_published() -> None:
    """AWS's general reference, "Task 3": ListUsers of IAM with a content type."""
    signed = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    scope, names = (
        CREDENTIAL.replace("service", "iam"),
        "SignedHeaders=content-type;host;x-amz-date",
    )
    headers = [
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("Host", "iam.amazonaws.com"),
        ("X-Amz-Date", AT),
        ("Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, {names}, Signature={signed}"),
    ]
    target = "/?Action=ListUsers&Version=2010-05-08"
    request = HttpRequest("GET", target, CIMultiDict(headers), b"", "127.0.0.1")
    assert signed == signature_of(request, claim(request), SECRET)


def of_aws(request: AWSRequest) -> HttpRequest:
    """Return a signed request of botocore's as it would arrive."""
    prepared = request.prepare()
    target = prepared.url.removeprefix(f"http://{SUITE_HOST}")
    headers = CIMultiDict({"Host": SUITE_HOST, **prepared.headers})
    return HttpRequest(prepared.method, target, headers, prepared.body or b"", "127.0.0.1")


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)


@given(
    body=st.binary(max_size=60),
    value=st.text(st.sampled_from("abc XYZ 0-9;,="), max_size=20),
    arguments=st.dictionaries(words.filter(bool), words, max_size=4),
    steps=st.lists(st.sampled_from(["a", "b%20c", "service", ".", "..", ""]), max_size=4),
)
def test_botocore_signs_the_same(
    body: bytes, value: str, arguments: dict[str, str], steps: list[str]
) -> None:
    aws = AWSRequest(
        "POST",
        f"http://{SUITE_HOST}/{'/'.join(steps)}",
        headers={"X-Amz-Target": value, "Content-Type": "text/plain"},
        data=body,
        params=arguments,
    )
    SigV4Auth(Credentials(KEY_ID, SECRET), "service", "us-east-1").add_auth(aws)
    request = of_aws(aws)
    found = claim(request)
    assert (KEY_ID, "us-east-1", "service") == (found.key_id, found.region, found.service)
    assert found.signature == signature_of(request, found, SECRET)


@given(arguments=st.dictionaries(words.filter(bool), words, max_size=4), token=st.booleans())
def test_botocore_presigns_the_same(arguments: dict[str, str], token: bool) -> None:
    aws = AWSRequest("GET", f"http://{SUITE_HOST}/", params=arguments)
    credentials = Credentials(KEY_ID, SECRET, "session/token+=" if token else None)
    SigV4QueryAuth(credentials, "service", "us-east-1", expires=60).add_auth(aws)
    request = of_aws(aws)
    found = claim(request)
    assert 60 == found.expires_seconds
    assert found.signature == signature_of(request, found, SECRET)


def test_every_part_of_a_request_changes_its_signature() -> None:
    request = suite_request(*SUITE["post-x-www-form-urlencoded"])
    found = claim(request)
    right = signature_of(request, found, SECRET)
    others = [
        replace(request, method="PUT"),
        replace(request, target="/x"),
        replace(request, target="/?a=b"),
        replace(request, body=b"Param1=value2"),
        replace(request, headers=with_header(request, "Host", "other")),
    ]
    assert right not in {signature_of(each, found, SECRET) for each in others}
    assert right != signature_of(request, found, SECRET + "x")
    assert right != signature_of(request, replace(found, region="eu-west-1"), SECRET)


def test_a_request_without_a_signature_claims_nothing() -> None:
    headers = CIMultiDict({"Host": SUITE_HOST})
    assert claim_of(HttpRequest("POST", "/?a=b", headers, b"", "127.0.0.1")) is None


def test_a_date_header_serves_where_there_is_no_x_amz_date() -> None:
    request = suite_request(*SUITE["get-vanilla"])
    headers = CIMultiDict(request.headers)
    del headers["X-Amz-Date"]
    headers["Date"] = "Sun, 30 Aug 2015 12:36:00 GMT"
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    assert at == claim(replace(request, headers=headers)).instant


GOOD = f"Credential={CREDENTIAL}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
BAD_HEADERS = {
    "AWS3 x": "authorization: found 'AWS3', expected AWS4-HMAC-SHA256",
    "AWS4-ECDSA-P256-SHA256 " + GOOD: (
        "authorization: found 'AWS4-ECDSA-P256-SHA256', expected AWS4-HMAC-SHA256"
    ),
    "AWS4-HMAC-SHA256 Credential=x": (
        "authorization: found no SignedHeaders and no Signature, expected all three parts"
    ),
    "AWS4-HMAC-SHA256 " + GOOD.replace("/service/aws4_request", ""): (
        "credential: found 'AKIDEXAMPLE/20150830/us-east-1', "
        "expected KEY/DATE/REGION/SERVICE/aws4_request"
    ),
    "AWS4-HMAC-SHA256 " + GOOD.replace("aws4_request", "aws5_request"): (
        f"credential: found '{CREDENTIAL.replace('aws4', 'aws5')}', "
        "expected KEY/DATE/REGION/SERVICE/aws4_request"
    ),
    "AWS4-HMAC-SHA256 " + GOOD.replace("0" * 64, "0x"): (
        "signature: found '0x', expected 64 hexadecimal digits"
    ),
    "AWS4-HMAC-SHA256 " + GOOD.replace("host;x-amz-date", "x-amz-date;Host"): (
        "signed headers: found 'x-amz-date;Host', expected lower-case names, sorted, each once"
    ),
    "AWS4-HMAC-SHA256 " + GOOD.replace("host;x-amz-date", ""): (
        "signed headers: found '', expected lower-case names, sorted, each once"
    ),
}


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_a_claim_that_cannot_be_read_says_what_is_wrong(header: str) -> None:
    headers = CIMultiDict({"Host": SUITE_HOST, "X-Amz-Date": AT, "Authorization": header})
    with pytest.raises(RequestError) as refused:
        claim_of(HttpRequest("POST", "/", headers, b"", "127.0.0.1"))
    assert ("IncompleteSignature", BAD_HEADERS[header]) == (
        refused.value.code,
        refused.value.message,
    )


@pytest.mark.parametrize("date", ["", "yesterday", "20151330T123600Z", "2015-08-30T12:36:00Z"])
def test_a_date_that_is_none_is_refused(date: str) -> None:
    request = suite_request(*SUITE["get-vanilla"])
    headers = with_header(request, "X-Amz-Date", date)
    with pytest.raises(RequestError, match=r"date: found .* expected a time"):
        claim_of(replace(request, headers=headers))


ADDRESS = (
    f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={CREDENTIAL}&X-Amz-Date={AT}"
    f"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("X-Amz-Date=x", "found no X-Amz-Algorithm, no X-Amz-Credential, no X-Amz-Expires"),
        (ADDRESS + "&X-Amz-Date=x", "found 'X-Amz-Date' twice, expected once"),
        (ADDRESS.replace("=60", "=0"), "X-Amz-Expires: found '0', expected 1 to 604800 seconds"),
        (ADDRESS.replace("=60", "=604801"), "X-Amz-Expires: found '604801', expected 1 to"),
        (ADDRESS.replace("=60", "=6x"), "X-Amz-Expires: found '6x', expected 1 to"),
        (ADDRESS.replace("HMAC", "ECDSA"), "X-Amz-Algorithm: found 'AWS4-ECDSA-SHA256'"),
    ],
)
def test_an_address_that_cannot_be_checked_says_what_is_wrong(address: str, message: str) -> None:
    headers = CIMultiDict({"Host": SUITE_HOST})
    with pytest.raises(RequestError) as refused:
        claim_of(HttpRequest("GET", f"/?{address}", headers, b"", "127.0.0.1"))
    assert message in refused.value.message


def test_two_signatures_are_one_too_many() -> None:
    request = suite_request(*SUITE["get-vanilla"])
    twice = CIMultiDict([*request.headers.items(), ("Authorization", "AWS4-HMAC-SHA256 x")])
    for doubtful in (replace(request, headers=twice), replace(request, target=f"/?{ADDRESS}")):
        with pytest.raises(RequestError, match="found several, expected one"):
            claim_of(doubtful)
