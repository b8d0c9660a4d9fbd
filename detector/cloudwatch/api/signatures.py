"""AWS Signature Version 4 on the server's side: in the header, or presigned in the URL.

Source of the algorithm: AWS's reference "Signature Version 4 signing process". A signature covers
the method, the path, the query string, the headers that it names and the hash of the body. Every
part of a request that could change its effect must be signed: the host, the content type and every
``x-amz-*`` header.

Law: this module decides nothing; it returns the claim and the signature that it should carry.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote_to_bytes

from detector.cloudwatch.api.messages import HttpRequest, RequestError
from detector.cloudwatch.api.shapes import shown

ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"
_INSTANT = "%Y%m%dT%H%M%SZ"
_HEX = re.compile(r"[0-9a-f]{64}")
_SCOPE_STEPS = 5
WEEK_SECONDS = 604_800
"""Maximum lifetime of a presigned request."""
_PRESIGNED = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request states about its signature.

    ``instant`` is the time of signing; only presigned requests have ``expires_seconds``.
    """

    key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    instant: datetime
    expires_seconds: int | None = None


def claim_of(request: HttpRequest) -> Claim | None:
    """Return the claim of a request; ``None`` when it is not signed.

    Raises ``RequestError`` when the claim cannot be parsed.
    """
    header = request.headers.getall("authorization", [])
    presigned = any(name.startswith(b"X-Amz-") for name, _ in arguments(request))
    if (header and presigned) or len(header) > 1:
        raise incomplete("signature", "several", "one, in the header or in the URL")
    if header:
        return _from_header(request, header[0])
    return _from_address(request) if presigned else None


def signature_of(request: HttpRequest, claim: Claim, secret: str) -> str:
    """Return the signature that ``claim`` must carry, in hexadecimal."""
    scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    hashed = hashlib.sha256(canonical_request(request, claim.signed_headers)).hexdigest()
    to_sign = "\n".join((ALGORITHM, claim.instant.strftime(_INSTANT), scope, hashed))
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def canonical_request(request: HttpRequest, signed_headers: Iterable[str]) -> bytes:
    """Return the canonical form of a request, which both sides hash."""
    pairs = sorted(
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in arguments(request)
        if name != b"X-Amz-Signature"
    )
    headers = [
        f"{name}:{','.join(' '.join(each.split()) for each in request.headers.getall(name, []))}\n"
        for name in signed_headers
    ]
    lines = (
        request.method,
        quote(_normal(request.path), safe="/" + _UNRESERVED),
        "&".join(f"{name}={value}" for name, value in pairs),
        "".join(headers),
        ";".join(signed_headers),
        hashlib.sha256(request.body).hexdigest(),
    )
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def arguments(request: HttpRequest) -> list[tuple[bytes, bytes]]:
    """Return the pairs of the query string, percent-decoded; a plus is a space."""
    # Clients sign a space as %20 and some send it as a plus; a plus itself is always sent as %2B.
    text = request.arguments.replace("+", " ")
    pairs = [pair.partition("=") for pair in text.split("&") if pair]
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def unsigned_headers(request: HttpRequest, claim: Claim) -> list[str]:
    """Return the headers of a request that must be signed and are not."""
    needed = {"host"} | {
        name.lower()
        for name in request.headers
        if name.lower() == "content-type" or name.lower().startswith("x-amz-")
    }
    return sorted(needed - set(claim.signed_headers))


def _normal(path: str) -> str:
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in {"", "."}:
            steps.append(step)
    slash = "/" if steps and path.endswith("/") else ""
    return "/" + "/".join(steps) + slash


def _from_header(request: HttpRequest, header: str) -> Claim:
    algorithm, _, rest = header.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise incomplete("authorization", shown(algorithm), ALGORITHM)
    parts = dict(each.strip().partition("=")[::2] for each in rest.split(","))
    missing = [name for name in ("Credential", "SignedHeaders", "Signature") if name not in parts]
    if missing:
        raise incomplete("authorization", f"no {' and no '.join(missing)}", "all three parts")
    date: str = request.headers.get("x-amz-date") or request.headers.get("date") or ""
    return _claim(parts["Credential"], parts["SignedHeaders"], parts["Signature"], date)


def _from_address(request: HttpRequest) -> Claim:
    given: dict[str, str] = {}
    for raw_name, raw_value in arguments(request):
        name = raw_name.decode("utf-8", "replace")
        if name in given and name.startswith("X-Amz-"):
            raise incomplete("presigned URL", f"{shown(name)} twice", "once")
        given[name] = raw_value.decode("utf-8", "replace")
    missing = [f"X-Amz-{name}" for name in _PRESIGNED if f"X-Amz-{name}" not in given]
    if missing:
        raise incomplete("presigned URL", f"no {', no '.join(missing)}", "all six")
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise incomplete("X-Amz-Algorithm", shown(given["X-Amz-Algorithm"]), ALGORITHM)
    expires = given["X-Amz-Expires"]
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not 1 <= int(expires) <= WEEK_SECONDS:
        raise incomplete("X-Amz-Expires", shown(expires), f"1 to {WEEK_SECONDS} seconds")
    return _claim(
        given["X-Amz-Credential"],
        given["X-Amz-SignedHeaders"],
        given["X-Amz-Signature"],
        given["X-Amz-Date"],
        int(expires),
    )


def _claim(
    credential: str, headers: str, signature: str, date: str, expires_seconds: int | None = None
) -> Claim:
    steps = credential.rsplit("/", _SCOPE_STEPS - 1)
    if len(steps) != _SCOPE_STEPS or steps[-1] != "aws4_request":
        expected = "KEY/DATE/REGION/SERVICE/aws4_request"
        raise incomplete("credential", shown(credential), expected)
    if not _HEX.fullmatch(signature):
        raise incomplete("signature", shown(signature), "64 hexadecimal digits")
    names = tuple(headers.split(";"))
    if names != tuple(sorted({name.lower() for name in names if name})):
        raise incomplete("signed headers", shown(headers), "lower-case names, sorted, each once")
    instant = _instant(date)
    if instant is None:
        raise incomplete("date", shown(date), "a time as in 20240501T120000Z")
    key_id, scope_date, region, service, _ = steps
    return Claim(key_id, scope_date, region, service, names, signature, instant, expires_seconds)


def _instant(text: str) -> datetime | None:
    try:
        if re.fullmatch(r"\d{8}T\d{6}Z", text, re.ASCII):
            return datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def incomplete(member: str, found: str, expected: str) -> RequestError:
    """Return the error for a signature that cannot be checked."""
    why = f"{member}: found {found}, expected {expected}"
    return RequestError("IncompleteSignature", why)
