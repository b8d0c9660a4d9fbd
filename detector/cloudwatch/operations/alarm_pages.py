"""Pages of lists: a token says after which item a page begins, and of which request it is."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from detector.cloudwatch.operations.contract import ApiError, Members

Item = TypeVar("Item")
INVALID_TOKEN = "InvalidNextToken"  # noqa: S105 - the code of an error
_NOT_OF_THE_REQUEST = {"NextToken", "MaxRecords"}


def page(
    members: Members,
    items: Sequence[Item],
    key: Callable[[Item], Any],
    *,
    length: int,
) -> tuple[list[Item], dict[str, str]]:
    """Return one page of ``items`` and its ``NextToken``, if more follow.

    ``items`` are sorted by ``key``, plain data in one order, so that what comes and goes between
    two pages moves nothing from one page to another. ``ApiError`` for a token of another request.
    """
    mark = _mark(members)
    token = members.get("NextToken")
    rest = list(items)
    if token:
        after = _after(str(token), mark)
        keys = [key(item) for item in rest]
        try:
            start = sum(1 for each in keys if each <= after)
        except TypeError:
            raise ApiError(INVALID_TOKEN, "NextToken is of another request") from None
        rest = rest[start:]
    wanted = int(members.get("MaxRecords") or length)
    if not 1 <= wanted <= 100:  # noqa: PLR2004 - the model's bounds
        raise ApiError("ValidationError", f"MaxRecords is {wanted}, expected 1 to 100")
    shown = rest[:wanted]
    if len(rest) <= wanted:
        return shown, {}
    text = msgspec.json.encode([mark, key(shown[-1])])
    return shown, {"NextToken": base64.urlsafe_b64encode(text).decode()}


def _mark(members: Members) -> str:
    asked = {name: str(value) for name, value in members.items()}
    asked = {name: asked[name] for name in sorted(asked) if name not in _NOT_OF_THE_REQUEST}
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16]


def _after(token: str, mark: str) -> Any:
    try:
        found, after = msgspec.json.decode(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError):
        raise ApiError(INVALID_TOKEN, "NextToken is none that was given out") from None
    if found != mark:
        raise ApiError(INVALID_TOKEN, "NextToken is of another request")
    return after
