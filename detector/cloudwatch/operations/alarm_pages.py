"""Pages of lists: a token names the last item of a page and the request it belongs to."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from detector.cloudwatch.operations.contract import ApiError, Members

Item = TypeVar("Item")
INVALID_TOKEN = "InvalidNextToken"  # noqa: S105 - the code of an error
_PAGING_MEMBERS = {"NextToken", "MaxRecords"}


def page(
    members: Members,
    items: Sequence[Item],
    key: Callable[[Item], Any],
    *,
    length: int,
) -> tuple[list[Item], dict[str, str]]:
    """Return one page of ``items`` and its ``NextToken``, if more follow.

    ``items`` must be sorted by ``key``, which returns JSON data. Items added or removed between two
    pages shift no other item. Raises ``ApiError`` for a token of another request.
    """
    digest = _digest(members)
    token = members.get("NextToken")
    rest = list(items)
    if token:
        after = _after(str(token), digest)
        keys = [key(item) for item in rest]
        try:
            start = sum(1 for each in keys if each <= after)
        except TypeError:
            raise ApiError(INVALID_TOKEN, "NextToken belongs to another request") from None
        rest = rest[start:]
    limit = int(members.get("MaxRecords") or length)
    if not 1 <= limit <= 100:  # noqa: PLR2004 - the model's bounds
        raise ApiError("ValidationError", f"MaxRecords is {limit}, expected 1 to 100")
    shown = rest[:limit]
    if len(rest) <= limit:
        return shown, {}
    text = msgspec.json.encode([digest, key(shown[-1])])
    return shown, {"NextToken": base64.urlsafe_b64encode(text).decode()}


def _digest(members: Members) -> str:
    given = {name: str(value) for name, value in members.items()}
    given = {name: given[name] for name in sorted(given) if name not in _PAGING_MEMBERS}
    return hashlib.sha256(msgspec.json.encode(given)).hexdigest()[:16]


def _after(token: str, digest: str) -> Any:
    try:
        found, after = msgspec.json.decode(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError):
        raise ApiError(INVALID_TOKEN, "NextToken is not one that this API gave") from None
    if found != digest:
        raise ApiError(INVALID_TOKEN, "NextToken belongs to another request")
    return after
