"""The API's operations on contributor rules, under CloudWatch's names, limits and errors.

A batch never fails as a whole: failed items are listed in ``Failures``, and the others are applied.

Known limits: ``ApplyOnTransformedLogs`` has no effect and is not returned, since there are no log
transformers. AWS does not document the contents of ``ExceptionType`` and ``FailureCode``; here they
hold the name and the code of the error that the operation would return for a single rule.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from detector.cloudwatch.operations.contract import ApiError, Handler, Members
from detector.cloudwatch.operations.tags import NOT_FOUND, TagOwner, tag_handlers
from detector.core.errors import RuleError
from detector.core.vocabulary import RuleState
from detector.rules.admin import Author, RuleAdmin
from detector.rules.errors import RuleChangeError, RuleTrouble
from detector.rules.log_reducer import RuleEntry
from detector.rules.managed import TEMPLATES, managed_name, service_of

INVALID = "InvalidParameterValue"
LIMIT = "LimitExceededException"
MAX_RULES_PER_PAGE = 500
MANAGED_PER_PAGE = 100
CONCURRENT_CHANGES = 50
"""Maximum number of concurrent changes of one batch."""

_CODES = {
    RuleTrouble.UNKNOWN_RULE: NOT_FOUND,
    RuleTrouble.TOO_MANY_RULES: LIMIT,
    RuleTrouble.TOO_MANY_CHANGES: LIMIT,
    RuleTrouble.CONFLICT: "ConcurrentModificationException",
    RuleTrouble.PASSED_OVER: "InternalServiceFault",
    RuleTrouble.NOT_READ_BACK: "InternalServiceFault",
}
_SCHEMA = '{"Name": "CloudWatchLogRule", "Version": 1}'
_MANAGED_SCHEMA = '{"Name": "ServiceLogRule", "Version": 1}'
_RULE_ARN = re.compile(r"arn:[^:]*:cloudwatch:[^:]*:[^:]*:insight-rule/(.*)", re.DOTALL)

Item = TypeVar("Item")


def handlers(
    admin: RuleAdmin, *, by: str = "api", tag_owners: Sequence[TagOwner] = ()
) -> Mapping[str, Handler]:
    """Return the handlers by operation; ``tag_owners`` keep the tags of other resources."""
    rules = InsightRules(admin, Author(by))
    return {
        "PutInsightRule": rules.put,
        "DescribeInsightRules": rules.describe,
        "EnableInsightRules": rules.enable,
        "DisableInsightRules": rules.disable,
        "DeleteInsightRules": rules.delete,
        "PutManagedInsightRules": rules.put_managed,
        "ListManagedInsightRules": rules.list_managed,
        **tag_handlers((RuleTags(admin, Author(by)), *tag_owners)),
    }


class InsightRules:
    """Operations on rules; changes are recorded as made by ``author``."""

    def __init__(self, admin: RuleAdmin, author: Author) -> None:
        self._admin = admin
        self._author = author

    async def put(self, members: Members) -> Members:
        """Create or replace a rule. As on AWS, tags for an existing rule are ignored."""
        state = members.get("RuleState")
        if state is not None and state not in set(RuleState):
            raise ApiError(INVALID, f"found RuleState {state!r}, expected ENABLED or DISABLED")
        try:
            await self._admin.put(
                members["RuleName"],
                members["RuleDefinition"],
                self._author,
                state=None if state is None else RuleState(state),
                tags=_tags_of(members),
            )
        except RuleError as error:
            raise ApiError(
                INVALID, f"the definition is not a valid rule: {_joined(error)}"
            ) from error
        except RuleChangeError as error:
            raise _api_error(error) from error
        return {}

    async def describe(self, members: Members) -> Members:
        """List all rules by name, 500 to a page."""
        entries, token = _page(
            self._admin.rules(), lambda entry: entry.name, members, MAX_RULES_PER_PAGE
        )
        return {"InsightRules": [_described(entry) for entry in entries], **token}

    async def enable(self, members: Members) -> Members:
        """Enable rules."""
        return await self._switch(members, RuleState.ENABLED)

    async def disable(self, members: Members) -> Members:
        """Disable rules."""
        return await self._switch(members, RuleState.DISABLED)

    async def _switch(self, members: Members, state: RuleState) -> Members:
        names: list[str] = list(members["RuleNames"])
        return await _batch(names, names, lambda n: self._admin.switch(n, state, self._author))

    async def delete(self, members: Members) -> Members:
        """Delete rules."""
        names: list[str] = list(members["RuleNames"])
        return await _batch(names, names, lambda name: self._admin.delete(name, self._author))

    async def put_managed(self, members: Members) -> Members:
        """Create rules from templates, or enable the existing ones."""
        wanted: list[Mapping[str, Any]] = list(members["ManagedRules"])

        async def put(rule: Mapping[str, Any]) -> None:
            template = TEMPLATES.get(rule["TemplateName"])
            if template is None:
                raise ApiError(
                    INVALID,
                    f"found template {rule['TemplateName']!r}, expected one of "
                    f"{', '.join(TEMPLATES)}",
                )
            await self._admin.put_managed(
                template, rule["ResourceARN"], self._author, _tags_of(rule)
            )

        return await _batch(wanted, [rule["ResourceARN"] for rule in wanted], put)

    async def list_managed(self, members: Members) -> Members:
        """List the templates for a resource, with the rules created from them."""
        resource = members["ResourceARN"]
        service = service_of(resource)
        if service is None:
            raise ApiError(
                INVALID,
                f"found resource {resource!r}, expected arn:detector:fleet:::service/<name>",
            )
        existing = {entry.name: entry for entry in self._admin.rules()}
        templates, token = _page(
            list(TEMPLATES.values()), lambda template: template.name, members, MANAGED_PER_PAGE
        )
        described = []
        for template in templates:
            entry = existing.get(managed_name(template, service))
            row: dict[str, Any] = {"TemplateName": template.name, "ResourceARN": resource}
            if entry is not None and entry.managed is not None:
                row["RuleState"] = {"RuleName": entry.name, "State": entry.state}
            described.append(row)
        return {"ManagedRules": described, **token}


class RuleTags:
    """Tags of contributor rules, by ARN; region and account are ignored."""

    def __init__(self, admin: RuleAdmin, author: Author) -> None:
        self._admin = admin
        self._author = author

    def owns(self, arn: str) -> bool:
        """Return whether an ARN is that of a contributor rule."""
        return _RULE_ARN.fullmatch(arn) is not None

    async def tag_resource(self, members: Members) -> Members:
        """Add tags or replace their values."""
        return await self._change(members, _tags_of(members), ())

    async def untag_resource(self, members: Members) -> Members:
        """Remove tags; unknown keys are no error."""
        return await self._change(members, {}, tuple(members["TagKeys"]))

    async def list_tags_for_resource(self, members: Members) -> Members:
        """Return the tags of a rule."""
        try:
            entry = self._admin.rule(_name_of(members))
        except RuleChangeError as error:
            raise _api_error(error) from error
        return {"Tags": [{"Key": key, "Value": value} for key, value in entry.tags]}

    async def _change(
        self, members: Members, added: Mapping[str, str], removed: tuple[str, ...]
    ) -> Members:
        try:
            await self._admin.tag(_name_of(members), added, self._author, without=removed)
        except RuleChangeError as error:
            raise _api_error(error) from error
        return {}


async def _batch(
    items: Sequence[Item], resources: Sequence[str], work: Callable[[Item], Awaitable[object]]
) -> Members:
    slots = asyncio.Semaphore(CONCURRENT_CHANGES)

    async def attempt(item: Item, resource: str) -> dict[str, str] | None:
        async with slots:
            try:
                await work(item)
            except RuleChangeError as error:
                return _failure(resource, _api_error(error))
            except RuleError as error:
                return _failure(resource, ApiError(INVALID, _joined(error)))
            except ApiError as error:
                return _failure(resource, error)
        return None

    done = await asyncio.gather(*map(attempt, items, resources))
    return {"Failures": [failure for failure in done if failure is not None]}


def _failure(resource: str, error: ApiError) -> dict[str, str]:
    code = error.code.removesuffix("Exception")
    return {
        "FailureResource": resource,
        "ExceptionType": f"{code.removesuffix('Fault')}Exception",
        "FailureCode": code,
        "FailureDescription": str(error),
    }


def _page(
    items: Sequence[Item], name_of: Callable[[Item], str], members: Members, max_items: int
) -> tuple[Sequence[Item], Mapping[str, str]]:
    """Return the page after the name in ``NextToken``; rules added or removed shift no other."""
    rest = sorted(items, key=name_of)
    if token := members.get("NextToken"):
        try:
            after = base64.urlsafe_b64decode(str(token).encode()).decode()
        except (binascii.Error, ValueError):
            after = ""
        if not after.startswith("after:"):
            raise ApiError(
                "InvalidNextToken", f"found NextToken {str(token)[:60]!r}, not one of ours"
            )
        rest = [item for item in rest if name_of(item) > after.removeprefix("after:")]
    wanted = members.get("MaxResults", max_items)
    shown = rest[:wanted]
    if len(rest) <= wanted:
        return shown, {}
    after = f"after:{name_of(shown[-1])}"
    return shown, {"NextToken": base64.urlsafe_b64encode(after.encode()).decode()}


def _described(entry: RuleEntry) -> Mapping[str, Any]:
    return {
        "Name": entry.name,
        "State": entry.state,
        "Schema": _SCHEMA if entry.managed is None else _MANAGED_SCHEMA,
        "Definition": entry.definition,
        "ManagedRule": entry.managed is not None,
    }


def _tags_of(members: Mapping[str, Any]) -> Mapping[str, str]:
    return {tag["Key"]: tag["Value"] for tag in members.get("Tags", ())}


def _name_of(members: Members) -> str:
    found = _RULE_ARN.fullmatch(str(members["ResourceARN"]))
    return found[1] if found else ""


def _joined(error: RuleError) -> str:
    return "; ".join(map(str, error.faults))


def _api_error(error: RuleChangeError) -> ApiError:
    return ApiError(_CODES.get(error.trouble, INVALID), str(error))
