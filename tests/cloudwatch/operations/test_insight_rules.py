"""CloudWatch's operations on rules: what botocore's model says of them, limits, errors, pages."""

from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from detector.cloudwatch.operations.contract import ApiError, Members
from detector.cloudwatch.operations.insight_rules import handlers
from detector.rules.errors import RuleBounds
from detector.rules.log_reducer import TimelineTerms
from detector.rules.managed import TEMPLATES
from tests.support.rule_world import LEAD, PANE, RuleWorld, definition

MODEL = ServiceModel(Loader().load_service_model("cloudwatch", "service-2"))
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:insight-rule/"
CHECKOUT = "arn:detector:fleet:::service/checkout"


class Api:
    """Calls handlers as the server does: requests and answers are held to the model."""

    def __init__(self, world: RuleWorld | None = None, **admin: Any) -> None:
        self.world = world or RuleWorld()
        self.admin = self.world.admin(**admin)
        self._handlers = handlers(self.admin)

    async def __call__(self, operation: str, **members: Any) -> Members:
        model = MODEL.operation_model(operation)
        _hold(members, model.input_shape)
        answer = await self._handlers[operation](members)
        if model.output_shape is None:
            assert {} == answer
        else:
            _hold(dict(answer), model.output_shape)
        return answer

    async def refused(self, operation: str, **members: Any) -> tuple[str, str]:
        """Return code and message of the refusal; the model must give the service that code."""
        with pytest.raises(ApiError) as caught:
            await self(operation, **members)
        errors = MODEL.error_shapes
        assert caught.value.code in {each.name for each in errors} | {
            each.error_code for each in errors
        }
        return caught.value.code, str(caught.value)

    async def names(self) -> list[str]:
        """Return the names of all rules."""
        return [rule["Name"] for rule in (await self("DescribeInsightRules"))["InsightRules"]]


def _hold(members: dict[str, Any], shape: Any) -> None:
    report = ParamValidator().validate(members, shape)
    assert not report.has_errors(), report.generate_report()


async def test_a_rule_is_put_described_switched_and_deleted() -> None:
    api = Api()
    text = definition("Host")
    assert {} == await api("PutInsightRule", RuleName="r", RuleDefinition=text)
    [rule] = (await api("DescribeInsightRules"))["InsightRules"]
    assert {
        "Name": "r",
        "State": "ENABLED",
        "Schema": '{"Name": "CloudWatchLogRule", "Version": 1}',
        "Definition": text,
        "ManagedRule": False,
    } == rule
    assert {"Failures": []} == await api("DisableInsightRules", RuleNames=["r"])
    assert "DISABLED" == api.admin.rule("r").state
    await api("PutInsightRule", RuleName="r", RuleDefinition=definition("Zone"))
    assert "DISABLED" == api.admin.rule("r").state, "a new definition does not enable"
    await api("EnableInsightRules", RuleNames=["r"])
    assert "ENABLED" == api.admin.rule("r").state
    assert {"Failures": []} == await api("DeleteInsightRules", RuleNames=["r"])
    assert [] == await api.names()


async def test_a_batch_does_what_it_can_and_says_what_it_could_not() -> None:
    api = Api()
    await api("PutInsightRule", RuleName="r", RuleDefinition=definition("Host"))
    answer = await api("DisableInsightRules", RuleNames=["missing", "r"])
    assert [
        {
            "FailureResource": "missing",
            "ExceptionType": "ResourceNotFoundException",
            "FailureCode": "ResourceNotFound",
            "FailureDescription": "no rule 'missing': see `detector rules list`",
        }
    ] == answer["Failures"]
    assert "DISABLED" == api.admin.rule("r").state
    for operation in ("EnableInsightRules", "DeleteInsightRules"):
        failures = (await api(operation, RuleNames=["missing"]))["Failures"]
        assert ["missing"] == [each["FailureResource"] for each in failures]


async def test_what_is_no_rule_never_reaches_the_log() -> None:
    api = Api()
    code, message = await api.refused("PutInsightRule", RuleName="r", RuleDefinition="{}")
    assert "InvalidParameterValue" == code
    assert message.startswith("the definition is not a valid rule: 1: Schema: found nothing")
    assert "Contribution: found nothing" in message, "all faults at once"
    assert ("InvalidParameterValue", "found RuleState 'on', expected ENABLED or DISABLED") == (
        await api.refused(
            "PutInsightRule", RuleName="r", RuleDefinition=definition("Host"), RuleState="on"
        )
    )
    many = [{"Key": f"k{n}", "Value": ""} for n in range(51)]
    assert ("InvalidParameterValue", "found 51 tags, expected at most 50") == await api.refused(
        "PutInsightRule", RuleName="r", RuleDefinition=definition("Host"), Tags=many
    )
    assert [] == api.world.log


async def test_rules_come_in_pages_that_what_comes_and_goes_does_not_move() -> None:
    api = Api()
    for number in range(7):
        await api("PutInsightRule", RuleName=f"r{number}", RuleDefinition=definition("Host"))
    first = await api("DescribeInsightRules", MaxResults=3)
    await api("DeleteInsightRules", RuleNames=["r1", "r2"])
    second = await api("DescribeInsightRules", MaxResults=3, NextToken=first["NextToken"])
    third = await api("DescribeInsightRules", MaxResults=3, NextToken=second["NextToken"])
    pages = [[rule["Name"] for rule in each["InsightRules"]] for each in (first, second, third)]
    assert [["r0", "r1", "r2"], ["r3", "r4", "r5"], ["r6"]] == pages
    assert "NextToken" not in third
    for token in ("?", "AAAA", "YQ=="):
        code, _ = await api.refused("DescribeInsightRules", NextToken=token)
        assert "InvalidNextToken" == code


async def test_five_hundred_rules_are_one_page_and_the_limit_is_named() -> None:
    terms = TimelineTerms(pane_ms=PANE, ahead_ms=LEAD, max_rules=501)
    api = Api(RuleWorld(terms=terms), bounds=RuleBounds(max_rules=501))
    for number in range(501):
        await api("PutInsightRule", RuleName=f"r{number}", RuleDefinition=definition("Host"))
    page = await api("DescribeInsightRules")
    assert (500, True) == (len(page["InsightRules"]), "NextToken" in page)
    assert (
        "LimitExceededException",
        "there are 501 rules already, expected less: delete some, or raise rules.most",
    ) == await api.refused("PutInsightRule", RuleName="x", RuleDefinition=definition("Host"))
    names = [f"r{number}" for number in range(500)]
    assert {"Failures": []} == await api("DisableInsightRules", RuleNames=names)
    assert 1 == len(api.admin._rules.rule_set_at(2**60).rules)


async def test_tags_follow_cloudwatch_s_calls() -> None:
    api = Api()
    tags = [{"Key": "team", "Value": "one"}]
    await api("PutInsightRule", RuleName="a/b", RuleDefinition=definition("Host"), Tags=tags)
    await api(
        "PutInsightRule", RuleName="a/b", RuleDefinition=definition("Zone"),
        Tags=[{"Key": "team", "Value": "ignored"}],
    )  # fmt: skip
    assert {"Tags": tags} == await api("ListTagsForResource", ResourceARN=f"{ARN}a/b")
    await api("TagResource", ResourceARN=f"{ARN}a/b", Tags=[{"Key": "cost", "Value": "2"}])
    await api("UntagResource", ResourceARN=f"{ARN}a/b", TagKeys=["team", "nothing"])
    assert [{"Key": "cost", "Value": "2"}] == (
        await api("ListTagsForResource", ResourceARN=f"{ARN}a/b")
    )["Tags"]
    code, message = await api.refused("ListTagsForResource", ResourceARN=f"{ARN}x")
    assert ("ResourceNotFoundException", True) == (code, "no rule 'x'" in message)
    code, _ = await api.refused("TagResource", ResourceARN=f"{ARN}x", Tags=tags)
    assert "ResourceNotFoundException" == code
    code, message = await api.refused("UntagResource", ResourceARN="arn:x", TagKeys=["a"])
    assert ("ResourceNotFoundException", True) == (code, "has tags" in message)


class Others:
    """Keeps tags of something else."""

    def owns(self, arn: str) -> bool:
        return arn.startswith("arn:other:")

    async def tag_resource(self, members: Members) -> Members:
        return {"tagged": members["ResourceARN"]}

    untag_resource = list_tags_for_resource = tag_resource


async def test_tags_of_other_resources_are_for_others_to_answer() -> None:
    calls = handlers(RuleWorld().admin(), tag_owners=[Others()])
    for operation in ("TagResource", "UntagResource", "ListTagsForResource"):
        assert {"tagged": "arn:other:1"} == await calls[operation]({"ResourceARN": "arn:other:1"})


async def test_managed_rules_are_listed_made_switched_off_and_made_again() -> None:
    api = Api()
    listed = await api("ListManagedInsightRules", ResourceARN=CHECKOUT)
    assert sorted(TEMPLATES) == [rule["TemplateName"] for rule in listed["ManagedRules"]]
    assert not any("RuleState" in rule for rule in listed["ManagedRules"])
    wanted = [{"TemplateName": name, "ResourceARN": CHECKOUT} for name in TEMPLATES]
    assert {"Failures": []} == await api("PutManagedInsightRules", ManagedRules=wanted)
    name = "Service-FaultsByHost-v1-checkout"
    assert name in await api.names()
    [rule] = [r for r in (await api("DescribeInsightRules"))["InsightRules"] if r["Name"] == name]
    assert rule["ManagedRule"]
    assert '{"Name": "ServiceLogRule", "Version": 1}' == rule["Schema"]
    await api("DisableInsightRules", RuleNames=[name])
    listed = await api("ListManagedInsightRules", ResourceARN=CHECKOUT, MaxResults=2)
    assert {"RuleName": name, "State": "DISABLED"} == listed["ManagedRules"][1]["RuleState"]
    assert "NextToken" in listed
    await api("PutManagedInsightRules", ManagedRules=wanted)
    assert "ENABLED" == api.admin.rule(name).state
    code, message = await api.refused(
        "PutInsightRule", RuleName=name, RuleDefinition=definition("Host")
    )
    assert "InvalidParameterValue" == code
    assert "managed by template 'Service-FaultsByHost-v1'" in message


async def test_managed_rules_of_nothing_known_fail_one_by_one() -> None:
    api = Api()
    answer = await api(
        "PutManagedInsightRules",
        ManagedRules=[
            {"TemplateName": "No-Such", "ResourceARN": CHECKOUT},
            {"TemplateName": "Service-FaultsByHost-v1", "ResourceARN": "arn:aws:s3:::bucket"},
            {
                "TemplateName": "Service-FaultsByHost-v1",
                "ResourceARN": "arn:x:fleet:r:a:service/search",
            },
        ],
    )
    descriptions = [failure["FailureDescription"] for failure in answer["Failures"]]
    assert descriptions[0].startswith(
        "found template 'No-Such', expected one of Service-FaultsByHost-v1,"
    )
    assert descriptions[1].startswith(
        "found resource 'arn:aws:s3:::bucket', expected arn:detector:fleet:"
    )
    assert ["InvalidParameterValue"] * 2 == [each["FailureCode"] for each in answer["Failures"]]
    code, _ = await api.refused("ListManagedInsightRules", ResourceARN="arn:aws:s3:::bucket")
    assert "InvalidParameterValue" == code
