"""Access control: clients that sign with a known key; without keys, this machine only.

Law: a request that is not allowed reaches neither the parsing of its members nor a handler.

Without keys there are three guards, because other programs on this machine fetch addresses that
strangers choose. The peer must be on loopback. The host that the client named must be loopback too:
a foreign name that resolves to 127.0.0.1 is refused. Only POST is answered, and nothing that a
browser sent for a page: a page can post a form to 127.0.0.1, but the browser's headers show it.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from detector.cloudwatch.api.messages import HttpRequest, RequestError
from detector.cloudwatch.api.model import SIGNING_NAME
from detector.cloudwatch.api.shapes import shown
from detector.cloudwatch.api.signatures import (
    Claim,
    claim_of,
    incomplete,
    signature_of,
    unsigned_headers,
)

SKEW = timedelta(minutes=5)
"""Largest difference between the clocks of client and server."""
_BROWSER_HEADERS = ("origin", "sec-fetch-site", "sec-fetch-mode", "referer")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Secrets by access key id; empty means that requests are not signed."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class Access:
    """Checks requests; ``region`` is the one that clients must sign for."""

    def __init__(self, keys: KeyRing, *, region: str) -> None:
        self._secrets = dict(keys.secrets)
        self._region = region

    @property
    def asks_for_keys(self) -> bool:
        """Whether requests must be signed."""
        return bool(self._secrets)

    def check(self, request: HttpRequest, now: datetime) -> None:
        """Raise ``RequestError`` unless ``request`` is allowed at ``now``, an aware time."""
        if self._secrets:
            self._check_signature(request, now)
        else:
            _check_loopback(request)

    def _check_signature(self, request: HttpRequest, now: datetime) -> None:
        claim = claim_of(request)
        if claim is None:
            why = "the request is not signed: expected Signature Version 4 with a known key"
            raise RequestError("MissingAuthenticationToken", why, status=403)
        secret = self._secrets.get(claim.key_id)
        if secret is None:
            why = f"access key id: found {shown(claim.key_id)}, expected one that is configured"
            raise RequestError("InvalidClientTokenId", why, status=403)
        self._check_scope(claim)
        _check_time(claim, now)
        if missing := unsigned_headers(request, claim):
            raise incomplete("signed headers", f"no {', no '.join(missing)}", "them to be signed")
        _check_payload(request)
        expected = signature_of(request, claim, secret)
        if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
            raise _mismatch()

    def _check_scope(self, claim: Claim) -> None:
        for member, found, expected in (
            ("region", claim.region, self._region),
            ("service", claim.service, SIGNING_NAME),
            ("date", claim.date, claim.instant.strftime("%Y%m%d")),
        ):
            if found != expected:
                why = f"credential's {member}: found {shown(found)}, expected {shown(expected)}"
                raise RequestError("SignatureDoesNotMatch", why, status=403)


def is_loopback(host: str) -> bool:
    """Return whether an address, or the name ``localhost``, is loopback."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _check_loopback(request: HttpRequest) -> None:
    hosts = request.headers.getall("host", [])
    named = _host_name(hosts[0]) if len(hosts) == 1 else ""
    browser = [name for name in _BROWSER_HEADERS if name in request.headers]
    if not is_loopback(request.peer):
        raise _denied(f"peer: found {shown(request.peer)}, expected loopback")
    if not is_loopback(named):
        raise _denied(f"host: found {shown(', '.join(hosts))}, expected localhost or 127.0.0.1")
    if browser:
        why = f"header {browser[0]}: found a request from a browser, expected an AWS client"
        raise _denied(why)
    if request.method != "POST":
        raise _denied(f"method: found {shown(request.method)}, expected POST")


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _denied(why: str) -> RequestError:
    remedy = "only clients of this machine are answered while no keys are configured"
    return RequestError("AccessDenied", f"{why}: {remedy}", status=403)


def _check_time(claim: Claim, now: datetime) -> None:
    age = now - claim.instant
    lifetime = SKEW if claim.expires_seconds is None else timedelta(seconds=claim.expires_seconds)
    if age > lifetime:
        found = f"signed {age.total_seconds():.0f} s ago"
        why = f"signature expired: {found}, expected at most {lifetime.total_seconds():.0f} s"
        raise RequestError("SignatureDoesNotMatch", why, status=403)
    if -age > SKEW:
        found = f"signed {-age.total_seconds():.0f} s in the future"
        why = f"signature not yet current: {found}, expected at most {SKEW.total_seconds():.0f} s"
        raise RequestError("SignatureDoesNotMatch", why, status=403)


def _check_payload(request: HttpRequest) -> None:
    declared = request.headers.get("x-amz-content-sha256")
    if declared is None:
        return
    found = hashlib.sha256(request.body).hexdigest()
    if not hmac.compare_digest(declared.encode("utf-8", "replace"), found.encode()):
        why = f"x-amz-content-sha256: found {shown(declared)}, expected the hash of the body"
        raise RequestError("XAmzContentSHA256Mismatch", why)


def _mismatch() -> RequestError:
    remedy = "check the secret key, and that nothing changes the request on its way"
    return RequestError(
        "SignatureDoesNotMatch", f"the signature does not match: {remedy}", status=403
    )
