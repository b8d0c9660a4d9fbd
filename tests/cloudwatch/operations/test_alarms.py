"""CloudWatch's operations on alarms: what they answer, held against the model; every refusal."""

from datetime import UTC, datetime
from typing import Any

import pytest

from detector.cloudwatch.alarms.alarm_graph import PARENTS
from detector.cloudwatch.alarms.service import MetricAlarmSettings
from detector.cloudwatch.operations.alarm_tags import AlarmTags
from detector.cloudwatch.operations.contract import ApiError, Members
from tests.support.alarm_world import (
    AlarmWorld,
    Fuse,
    contributor_alarm,
    fleet_metric,
    metric_alarm,
)
from tests.support.durable import Crash
from tests.support.model_check import check_output

START = 60_000_000
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"
MUTE_ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm-mute-rule:"
PAGE = "arn:aws:sns:us-east-1:1:page"


@pytest.fixture
async def world() -> AlarmWorld:
    made = AlarmWorld(MetricAlarmSettings(alarms=300, mute_rules=2))
    made.now = START / 1000
    return await made.live()


async def ask(world: AlarmWorld, operation: str, /, **members: Any) -> Members:
    """Call an operation and hold its answer against the model."""
    answer = await world.call(operation, **members)
    check_output(operation, answer)
    return answer


async def refusal(world: AlarmWorld, operation: str, /, **members: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as raised:
        await world.call(operation, **members)
    return raised.value.code, str(raised.value)


def composite(
    name: str = "all", rule: str = "ALARM(many-faults)", **changes: Any
) -> dict[str, Any]:
    return {"AlarmName": name, "AlarmRule": rule, **changes}


def mute(name: str = "night", *alarms: str, **schedule: str) -> dict[str, Any]:
    plan = {"Expression": "cron(0 2 * * *)", "Duration": "PT1H", **schedule}
    return {
        "Name": name,
        "Rule": {"Schedule": plan},
        "MuteTargets": {"AlarmNames": list(alarms or ("many-faults",))},
    }


async def names(world: AlarmWorld, **filters: Any) -> list[str]:
    answer = await ask(world, "DescribeAlarms", **filters)
    both = answer["MetricAlarms"] + answer["CompositeAlarms"]
    return [each["AlarmName"] for each in both]


async def test_an_alarm_is_shown_with_its_configuration_and_its_state(world: AlarmWorld) -> None:
    put = metric_alarm(Dimensions=[{"Name": "Zone", "Value": "az1"}], AlarmDescription="too many")
    await ask(world, "PutMetricAlarm", **put)
    [shown] = (await ask(world, "DescribeAlarms"))["MetricAlarms"]
    assert put.items() <= shown.items()
    born = datetime.fromtimestamp(START / 1000, UTC)
    assert shown["AlarmArn"] == f"{ARN}many-faults"
    assert (shown["ActionsEnabled"], shown["InsufficientDataActions"]) == (True, [])
    assert shown["StateValue"] == "INSUFFICIENT_DATA"
    assert shown["StateReason"] == "not evaluated yet: the alarm was just created"
    stamps = ("AlarmConfigurationUpdated", "StateUpdated", "StateTransitioned")
    assert {born} == {shown[f"{each}Timestamp"] for each in stamps}


async def test_every_form_of_alarm_can_be_shown(world: AlarmWorld) -> None:
    bare = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period"))
    talk = 'INSIGHT_RULE_METRIC("r", "MaxContributorValue") / INSIGHT_RULE_METRIC("r", "Sum")'
    expression = {"Id": "e1", "Expression": f"{talk} > 0.66", "Period": 60}
    await ask(world, "PutMetricAlarm", **metric_alarm("talk", Metrics=[expression], **bare))
    await ask(world, "PutMetricAlarm", **contributor_alarm())
    window = {"WallClockWindow": {"Timezone": "Asia/Tokyo"}}
    await ask(world, "PutMetricAlarm", **metric_alarm("clock", EvaluationWindow=window))
    await ask(world, "PutCompositeAlarm", **composite(rule="ALARM(talk)"))
    both = await ask(world, "DescribeAlarms", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert [each["AlarmName"] for each in both["MetricAlarms"]] == ["clock", "one-owns-it", "talk"]
    [shown] = both["CompositeAlarms"]
    assert (shown["AlarmRule"], shown["StateValue"]) == ("ALARM(talk)", "OK")
    assert shown["StateReason"] == "the rule does not hold: talk is in INSUFFICIENT_DATA"


async def test_alarms_are_found_by_every_filter(world: AlarmWorld) -> None:
    for name in ("web-1", "web-2", "db"):
        await ask(world, "PutMetricAlarm", **metric_alarm(name))
    other = "arn:aws:sns:us-east-1:1:other"
    await ask(world, "PutMetricAlarm", **metric_alarm("db", AlarmActions=[other]))
    await ask(world, "PutCompositeAlarm", **composite(rule="ALARM(db) OR ALARM(web-1)"))
    await ask(world, "SetAlarmState", AlarmName="db", StateValue="OK", StateReason="")
    assert await names(world) == ["db", "web-1", "web-2"]
    assert await names(world, AlarmNames=["web-2", "db", "nobody"]) == ["db", "web-2"]
    assert await names(world, AlarmNamePrefix="web") == ["web-1", "web-2"]
    assert await names(world, StateValue="OK") == ["db"]
    assert await names(world, ActionPrefix="arn:aws:sns:us-east-1:1:o") == ["db"]
    assert await names(world, AlarmTypes=["CompositeAlarm"]) == ["all"]
    assert await names(world, AlarmTypes=["LogAlarm"]) == []
    assert await names(world, ChildrenOfAlarmName="all") == ["db", "web-1"]
    assert await names(world, ChildrenOfAlarmName="db") == []
    assert await names(world, ParentsOfAlarmName="db") == ["all"]
    [child, _] = (await ask(world, "DescribeAlarms", ChildrenOfAlarmName="all"))["MetricAlarms"]
    assert set(child) == {"AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp"}
    [parent] = (await ask(world, "DescribeAlarms", ParentsOfAlarmName="db"))["CompositeAlarms"]
    assert set(parent) == {"AlarmName", "AlarmArn"}


async def test_pages_hold_every_alarm_once(world: AlarmWorld) -> None:
    for number in range(7):
        await ask(world, "PutMetricAlarm", **metric_alarm(f"a{number}"))
    found: list[str] = []
    token: dict[str, Any] = {}
    while True:
        page = await ask(world, "DescribeAlarms", MaxRecords=3, AlarmNamePrefix="a", **token)
        found += [each["AlarmName"] for each in page["MetricAlarms"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
        # What comes and goes meanwhile moves nothing from one page to another.
        await ask(world, "DeleteAlarms", AlarmNames=[found[0]]) if "a0" in await names(world) else 0
    assert found == [f"a{number}" for number in range(7)]


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"NextToken": "gibberish"}, "InvalidNextToken", "NextToken is not one that this API gave"),
        ({"NextToken": "W10="}, "InvalidNextToken", "NextToken is not one that this API gave"),
        (
            {"NextToken": "WyIwMDAwMDAwMDAwMDAwMDAwIiwgImEiXQ=="},
            "InvalidNextToken",
            "NextToken belongs to another request",
        ),
        ({"MaxRecords": 101}, "ValidationError", "MaxRecords is 101, expected 1 to 100"),
        (
            {"AlarmTypes": ["Metric"]},
            "ValidationError",
            "AlarmTypes has 'Metric', expected MetricAlarm, CompositeAlarm, LogAlarm",
        ),
        (
            {"AlarmNames": ["a"], "AlarmNamePrefix": "a"},
            "ValidationError",
            "found AlarmNamePrefix, expected none of them beside AlarmNames",
        ),
        (
            {"AlarmNames": ["a"] * 101},
            "ValidationError",
            "AlarmNames has 101 items, expected at most 100",
        ),
        (
            {"ChildrenOfAlarmName": "a", "StateValue": "OK"},
            "ValidationError",
            "found StateValue, expected none of them beside ChildrenOfAlarmName",
        ),
    ],
)
async def test_describe_alarms_refuses(
    world: AlarmWorld, members: dict[str, Any], code: str, message: str
) -> None:
    assert (code, message) == await refusal(world, "DescribeAlarms", **members)


async def test_a_token_belongs_to_its_request(world: AlarmWorld) -> None:
    for name in ("a", "b"):
        await ask(world, "PutMetricAlarm", **metric_alarm(name))
    page = await ask(world, "DescribeAlarms", MaxRecords=1)
    found = await refusal(world, "DescribeAlarms", AlarmNamePrefix="a", NextToken=page["NextToken"])
    assert found == ("InvalidNextToken", "NextToken belongs to another request")


async def test_alarms_are_found_by_their_metric(world: AlarmWorld) -> None:
    az1 = [{"Name": "Zone", "Value": "az1"}]
    await ask(world, "PutMetricAlarm", **metric_alarm("plain"))
    await ask(world, "PutMetricAlarm", **metric_alarm("zone", Dimensions=az1, Period=300))
    asked = {"MetricName": "Faults", "Namespace": "Detector/Fleet"}

    async def found(**more: Any) -> list[str]:
        answer = await ask(world, "DescribeAlarmsForMetric", **asked, **more)
        return [each["AlarmName"] for each in answer["MetricAlarms"]]

    assert await found() == ["plain"]
    assert await found(Dimensions=az1) == ["zone"]
    assert await found(Dimensions=az1, Period=60) == []
    assert await found(Statistic="Maximum") == []
    assert await found(Unit="Count") == []


async def test_history_is_shown_by_every_filter(world: AlarmWorld) -> None:
    await ask(world, "PutMetricAlarm", **metric_alarm())
    await ask(world, "PutCompositeAlarm", **composite())
    await world.window(START + 60_000, {fleet_metric(): 9.0})
    await world.window(START + 120_000, {fleet_metric(): 1.0})

    async def found(**filters: Any) -> list[str]:
        answer = await ask(world, "DescribeAlarmHistory", **filters)
        return [
            f"{each['AlarmName']} {each['HistoryItemType']} {int(each['Timestamp'].timestamp())}"
            for each in answer["AlarmHistoryItems"]
        ]

    everything = await found(AlarmName="many-faults", ScanBy="TimestampAscending")
    assert everything == [
        "many-faults ConfigurationUpdate 60000",
        "many-faults StateUpdate 60060",
        "many-faults Action 60060",
        "many-faults StateUpdate 60120",
        "many-faults Action 60120",
    ]
    assert everything == await found(ScanBy="TimestampAscending")
    assert everything[::-1] == await found()
    assert await found(HistoryItemType="StateUpdate") == [
        "many-faults StateUpdate 60120",
        "many-faults StateUpdate 60060",
    ]
    dates = {name: datetime.fromtimestamp(60_060, UTC) for name in ("StartDate", "EndDate")}
    assert await found(**dates) == ["many-faults Action 60060", "many-faults StateUpdate 60060"]
    kinds = {line.split()[0] for line in await found(AlarmTypes=["CompositeAlarm"])}
    assert kinds == {"all"}
    pages: list[int] = []
    token: dict[str, Any] = {}
    while True:
        page = await ask(world, "DescribeAlarmHistory", MaxRecords=2, **token)
        pages.append(len(page["AlarmHistoryItems"]))
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert pages == [2, 2, 1]
    await ask(world, "DeleteAlarms", AlarmNames=["all"])
    assert (await found(AlarmName="all"))[0].startswith("all ConfigurationUpdate")


async def test_history_refuses_what_it_does_not_know(world: AlarmWorld) -> None:
    found = await refusal(world, "DescribeAlarmHistory", HistoryItemType="x", ScanBy="y")
    assert found == (
        "ValidationError",
        (
            "HistoryItemType is 'x', expected one of ConfigurationUpdate, StateUpdate, Action, "
            "AlarmContributorStateUpdate, AlarmContributorAction; "
            "ScanBy is 'y', expected one of TimestampDescending, TimestampAscending"
        ),
    )


async def test_contributors_in_alarm_are_listed_with_their_history(world: AlarmWorld) -> None:
    await ask(world, "PutMetricAlarm", **contributor_alarm())
    world.windows.put("faults-by-host", START + 10_000, {"h1": 9.0, "h2": 1.0})
    await world.window(START + 10_000)
    [shown] = (await ask(world, "DescribeAlarmContributors", AlarmName="one-owns-it"))[
        "AlarmContributors"
    ]
    assert shown["ContributorAttributes"] == {"$.host": "h1"}
    assert shown["StateReason"] == "its share is 0.9, > 0.66 for 0 s"
    history = await ask(world, "DescribeAlarmHistory", AlarmContributorId=shown["ContributorId"])
    kinds = [each["HistoryItemType"] for each in history["AlarmHistoryItems"]]
    assert kinds == ["AlarmContributorAction", "AlarmContributorStateUpdate"]
    assert await refusal(world, "DescribeAlarmContributors", AlarmName="x") == (
        "ResourceNotFoundException",
        "there is no alarm 'x'",
    )


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        (
            {"StateValue": "ALARM", "StateReason": ""},
            "ValidationError",
            "AlarmName is missing, expected a text",
        ),
        (
            {"AlarmName": "x", "StateValue": "RED", "StateReason": ""},
            "ValidationError",
            "StateValue is 'RED', expected one of OK, ALARM, INSUFFICIENT_DATA",
        ),
        (
            {"AlarmName": "x", "StateValue": "OK"},
            "ValidationError",
            "StateReason is missing, expected a text",
        ),
        (
            {"AlarmName": "x", "StateValue": "OK", "StateReason": "x" * 1024},
            "ValidationError",
            "StateReason has 1024 characters, expected 0 to 1023",
        ),
        (
            {
                "AlarmName": "x",
                "StateValue": "OK",
                "StateReason": "",
                "StateReasonData": "1" * 4001,
            },
            "ValidationError",
            "StateReasonData has 4001 characters, expected at most 4000",
        ),
        (
            {"AlarmName": "x", "StateValue": "OK", "StateReason": "", "StateReasonData": "{"},
            "InvalidFormat",
            "StateReasonData is '{', expected JSON",
        ),
        (
            {"AlarmName": "x", "StateValue": "OK", "StateReason": ""},
            "ResourceNotFound",
            "there is no alarm 'x'",
        ),
    ],
)
async def test_set_alarm_state_refuses(
    world: AlarmWorld, members: dict[str, Any], code: str, message: str
) -> None:
    assert (code, message) == await refusal(world, "SetAlarmState", **members)


async def test_a_state_may_be_set_with_numbers(world: AlarmWorld) -> None:
    await ask(world, "PutMetricAlarm", **metric_alarm())
    await ask(
        world,
        "SetAlarmState",
        AlarmName="many-faults",
        StateValue="ALARM",
        StateReason="drill",
        StateReasonData='{"a":1}',
    )
    [shown] = (await ask(world, "DescribeAlarms"))["MetricAlarms"]
    assert (shown["StateReason"], shown["StateReasonData"]) == ("drill", '{"a":1}')


async def test_deletion_refuses_what_is_in_use_and_more_than_one_composite(
    world: AlarmWorld,
) -> None:
    await ask(world, "PutMetricAlarm", **metric_alarm())
    await ask(world, "PutCompositeAlarm", **composite())
    await ask(world, "PutCompositeAlarm", **composite("second"))
    assert await refusal(world, "DeleteAlarms", AlarmNames=["many-faults"]) == (
        "ResourceConflict",
        (
            "alarm 'many-faults' is named by composite alarms 'all', 'second': "
            "change their rules first"
        ),
    )
    assert await refusal(world, "DeleteAlarms", AlarmNames=["all", "second"]) == (
        "ValidationError",
        "found 2 composite alarms, expected at most one at a time",
    )
    assert await refusal(world, "DeleteAlarms", AlarmNames=["a"] * 101) == (
        "ValidationError",
        "AlarmNames has 101 items, expected at most 100",
    )
    await ask(world, "DeleteAlarms", AlarmNames=["second"])
    assert await refusal(world, "DeleteAlarms", AlarmNames=["nobody", "all", "many-faults"]) == (
        "ResourceNotFound",
        "there are no alarms 'nobody'; 2 others were deleted",
    )
    assert await names(world, AlarmTypes=["MetricAlarm", "CompositeAlarm"]) == []


ACTION = "arn:aws:autoscaling:us-east-1:1:scalingPolicy:x"


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        (
            composite(rule="ALARM(x) AND OK(y)"),
            "ValidationError",
            "AlarmRule or ActionsSuppressor names 'x', 'y', expected alarms that exist",
        ),
        (
            composite(rule="ALARM("),
            "ValidationError",
            "AlarmRule at character 7: found the end, expected an alarm's name",
        ),
        (
            composite(rule="ALARM(all)"),
            "ValidationError",
            (
                "AlarmRule closes the cycle 'all' -> 'all', expected none: "
                "change the rule of one of them to FALSE first"
            ),
        ),
        ({"AlarmName": "all"}, "ValidationError", "AlarmRule is missing, expected a text"),
        (
            composite(ActionsSuppressorWaitPeriod=5),
            "ValidationError",
            "found ActionsSuppressorWaitPeriod, expected none of them without ActionsSuppressor",
        ),
        (
            composite(ActionsSuppressor="many-faults", ActionsSuppressorWaitPeriod=5),
            "ValidationError",
            (
                "ActionsSuppressorExtensionPeriod is missing, "
                "expected a whole number from 0 to 86400"
            ),
        ),
        (
            composite(AlarmActions=[ACTION]),
            "ValidationError",
            (
                f"AlarmActions[0] is '{ACTION}', expected an SNS, Lambda, SSM or AIOps ARN: "
                "a composite alarm takes no EC2 or Auto Scaling action"
            ),
        ),
        (
            composite("many-faults", rule="TRUE"),
            "ValidationError",
            (
                "alarm 'many-faults' is a MetricAlarm, expected a CompositeAlarm or a name that "
                "is not taken"
            ),
        ),
    ],
)
async def test_put_composite_alarm_refuses(
    world: AlarmWorld, members: dict[str, Any], code: str, message: str
) -> None:
    await ask(world, "PutMetricAlarm", **metric_alarm())
    assert (code, message) == await refusal(world, "PutCompositeAlarm", **members)


async def test_a_cycle_is_refused_with_its_way(world: AlarmWorld) -> None:
    await ask(world, "PutCompositeAlarm", **composite("a", "TRUE"))
    await ask(world, "PutCompositeAlarm", **composite("b", "ALARM(a)"))
    await ask(world, "PutCompositeAlarm", **composite("c", "ALARM(b)"))
    assert await refusal(world, "PutCompositeAlarm", **composite("a", "ALARM(c)")) == (
        "ValidationError",
        (
            "AlarmRule closes the cycle 'a' -> 'c' -> 'b' -> 'a', expected none: "
            "change the rule of one of them to FALSE first"
        ),
    )


async def test_an_alarm_has_at_most_150_parents(world: AlarmWorld) -> None:
    await ask(world, "PutMetricAlarm", **metric_alarm())
    for number in range(PARENTS):
        await ask(world, "PutCompositeAlarm", **composite(f"c{number}"))
    assert await refusal(world, "PutCompositeAlarm", **composite("more")) == (
        "LimitExceeded",
        "alarm 'many-faults' is in 150 composite alarms, expected at most 150",
    )
    await ask(world, "PutCompositeAlarm", **composite("c0", "OK(many-faults)"))


async def test_the_number_of_alarms_is_bounded(world: AlarmWorld) -> None:
    for number in range(300):
        await world.call("PutMetricAlarm", **metric_alarm(f"a{number}"))
    assert await refusal(world, "PutMetricAlarm", **metric_alarm()) == (
        "LimitExceeded",
        "there are 300 alarms, expected fewer than 300: delete some",
    )
    await ask(world, "PutMetricAlarm", **metric_alarm("a0", Threshold=1.0))


async def test_mute_rules_are_put_shown_listed_and_deleted(world: AlarmWorld) -> None:
    await ask(world, "PutMetricAlarm", **metric_alarm())
    await ask(world, "PutMetricAlarm", **metric_alarm("other"))
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    await ask(world, "PutAlarmMuteRule", **mute(), ExpireDate=expires, Description="nights")
    once = {"Expression": "at(1970-01-01T16:30)", "Duration": "PT2H"}
    await ask(world, "PutAlarmMuteRule", **mute("once", "other", **once))
    shown = await ask(world, "GetAlarmMuteRule", AlarmMuteRuleName="night")
    assert shown == {
        **mute(),
        "AlarmMuteRuleArn": f"{MUTE_ARN}night",
        "Description": "nights",
        "ExpireDate": expires,
        "LastUpdatedTimestamp": datetime.fromtimestamp(START / 1000, UTC),
        "MuteType": "RECURRING",
        "Status": "SCHEDULED",
    }

    async def listed(**filters: Any) -> list[str]:
        answer = await ask(world, "ListAlarmMuteRules", **filters)
        arns = [each["AlarmMuteRuleArn"] for each in answer["AlarmMuteRuleSummaries"]]
        return [arn.removeprefix(MUTE_ARN) for arn in arns]

    assert await listed() == ["night", "once"]
    assert await listed(AlarmName="other") == ["once"]
    assert await listed(Statuses=["ACTIVE"]) == ["once"]
    assert await listed(MaxRecords=1) == ["night"]
    await ask(world, "DeleteAlarmMuteRule", AlarmMuteRuleName="night")
    await ask(world, "DeleteAlarmMuteRule", AlarmMuteRuleName="night")
    assert await listed() == ["once"]


@pytest.mark.parametrize(
    ("operation", "members", "code", "message"),
    [
        (
            "PutAlarmMuteRule",
            mute("m", "nobody", "noone"),
            "ValidationError",
            "MuteTargets.AlarmNames has 'nobody', 'noone', expected alarms that exist",
        ),
        (
            "PutAlarmMuteRule",
            mute("third"),
            "LimitExceeded",
            "there are 2 mute rules, expected fewer than 2: delete some",
        ),
        (
            "PutAlarmMuteRule",
            mute(Duration="PT1S"),
            "ValidationError",
            "Rule.Schedule.Duration is 'PT1S', expected PT1M to P15D",
        ),
        (
            "GetAlarmMuteRule",
            {"AlarmMuteRuleName": "x"},
            "ResourceNotFoundException",
            "there is no alarm mute rule 'x'",
        ),
        (
            "ListAlarmMuteRules",
            {"AlarmName": "x"},
            "ResourceNotFoundException",
            "there is no alarm 'x'",
        ),
        (
            "ListAlarmMuteRules",
            {"Statuses": ["x"]},
            "ValidationError",
            "Statuses has 'x', expected SCHEDULED, ACTIVE, EXPIRED",
        ),
    ],
)
async def test_mute_rules_refuse(
    world: AlarmWorld, operation: str, members: dict[str, Any], code: str, message: str
) -> None:
    await ask(world, "PutMetricAlarm", **metric_alarm())
    await ask(world, "PutAlarmMuteRule", **mute("one"))
    await ask(world, "PutAlarmMuteRule", **mute("two"))
    assert (code, message) == await refusal(world, operation, **members)


@pytest.mark.parametrize("arn", [f"{ARN}many-faults", f"{MUTE_ARN}night"])
async def test_tags_of_alarms_and_mute_rules(world: AlarmWorld, arn: str) -> None:
    tags = [{"Key": "team", "Value": "a"}]
    await ask(world, "PutMetricAlarm", **metric_alarm(Tags=tags))
    await ask(world, "PutAlarmMuteRule", **mute(), Tags=tags)

    async def listed() -> list[dict[str, str]]:
        answer = await ask(world, "ListTagsForResource", ResourceARN=arn)
        found: list[dict[str, str]] = answer["Tags"]
        return found

    assert await listed() == tags
    more = [{"Key": "team", "Value": "b"}, {"Key": "cost", "Value": "1"}]
    await ask(world, "TagResource", ResourceARN=arn, Tags=more)
    await ask(world, "UntagResource", ResourceARN=arn, TagKeys=["cost", "nothing"])
    await ask(world, "PutAlarmMuteRule", **mute())
    await ask(world, "PutMetricAlarm", **metric_alarm())
    assert await listed() == more[:1]
    assert AlarmTags(world.service).owns(arn)


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        (
            {"ResourceARN": f"{ARN}x", "Tags": []},
            "ResourceNotFoundException",
            f"there is no alarm or alarm mute rule '{ARN}x'",
        ),
        (
            {"ResourceARN": f"{MUTE_ARN}x", "Tags": []},
            "ResourceNotFoundException",
            f"there is no alarm or alarm mute rule '{MUTE_ARN}x'",
        ),
        (
            {"ResourceARN": "arn:aws:sns:x", "Tags": []},
            "ResourceNotFoundException",
            "there is no alarm or alarm mute rule 'arn:aws:sns:x'",
        ),
        (
            {"ResourceARN": f"{ARN}many-faults", "Tags": [{"Key": "aws:a", "Value": "1"}]},
            "InvalidParameterValue",
            "Tags[0].Key is 'aws:a', expected no key that begins with aws:",
        ),
        (
            {
                "ResourceARN": f"{ARN}many-faults",
                "Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
            },
            "InvalidParameterValue",
            "Tags[1].Key 'a' stands there twice, expected every key once",
        ),
        (
            {
                "ResourceARN": f"{ARN}many-faults",
                "Tags": [{"Key": f"k{n}", "Value": ""} for n in range(50)],
            },
            "InvalidParameterValue",
            "there would be 51 tags, expected at most 50",
        ),
    ],
)
async def test_tags_refuse(
    world: AlarmWorld, members: dict[str, Any], code: str, message: str
) -> None:
    await ask(world, "PutMetricAlarm", **metric_alarm(Tags=[{"Key": "t", "Value": "1"}]))
    assert (code, message) == await refusal(world, "TagResource", **members)
    assert not AlarmTags(world.service).owns("arn:aws:sns:x")


async def test_a_bad_alarm_is_refused_with_everything_that_is_wrong(world: AlarmWorld) -> None:
    code, message = await refusal(world, "PutMetricAlarm", **metric_alarm(Period=7, Threshold=None))
    assert code == "ValidationError"
    assert message == (
        "Period is 7, expected 10, 20, 30 or a multiple of 60 seconds; "
        "Threshold is missing, expected a finite number"
    )


async def test_history_never_lags_behind_the_state_that_is_shown(world: AlarmWorld) -> None:
    """What is durable in a record is shown, also while the history topic does not have it yet."""
    await ask(world, "PutMetricAlarm", **metric_alarm())
    fuse = Fuse(1)
    await world.live(fuse)
    with pytest.raises(Crash):
        await ask(
            world, "SetAlarmState", AlarmName="many-faults", StateValue="ALARM", StateReason=""
        )
    assert world.state("many-faults") == "ALARM"
    shown = await ask(world, "DescribeAlarmHistory", AlarmName="many-faults")
    kinds = [each["HistoryItemType"] for each in shown["AlarmHistoryItems"]]
    assert kinds == ["Action", "StateUpdate", "ConfigurationUpdate"]
