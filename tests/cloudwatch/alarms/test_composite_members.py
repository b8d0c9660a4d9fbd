"""PutCompositeAlarm's members, and what it shares with PutMetricAlarm."""

from typing import Any

import pytest

from detector.cloudwatch.alarms.alarm_model import Actions, Suppressor
from detector.cloudwatch.alarms.requests import read_composite_alarm, read_tags
from detector.cloudwatch.alarms.validation import AlarmRefusedError, ValidationErrors

SNS = "arn:aws:sns:us-east-1:1:page"
EC2 = "arn:aws:automate:us-east-1:ec2:stop"


def members(**changes: Any) -> dict[str, Any]:
    return {"AlarmName": "c", "AlarmRule": "ALARM(a)", **changes}


def test_a_composite_alarm_is_read() -> None:
    alarm = read_composite_alarm(
        members(
            AlarmActions=[SNS],
            ActionsSuppressor="arn:aws:cloudwatch:us-east-1:1:alarm:s",
            ActionsSuppressorWaitPeriod=60,
            ActionsSuppressorExtensionPeriod=0,
        )
    )
    assert (alarm.name, alarm.rule.children) == ("c", ("a",))
    assert alarm.actions == Actions(alarm=(SNS,))
    assert alarm.suppressor == Suppressor("s", 60_000, 0)
    assert read_composite_alarm(members()).suppressor is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AlarmRule": None}, "AlarmRule is missing, expected a text"),
        (
            {"AlarmRule": "ALARM(a"},
            "AlarmRule at character 8: found the end, expected ')'",
        ),
        (
            {"AlarmRule": "TRUE OR " * 1_300 + "TRUE"},
            "AlarmRule has 10404 characters, expected at most 10240",
        ),
        (
            {"OKActions": [EC2]},
            (
                f"OKActions[0] is '{EC2}', expected an SNS, Lambda, SSM or AIOps ARN: "
                "a composite alarm takes no EC2 or Auto Scaling action"
            ),
        ),
        (
            {"ActionsSuppressorExtensionPeriod": 1},
            (
                "found ActionsSuppressorExtensionPeriod, expected none of them without "
                "ActionsSuppressor"
            ),
        ),
        (
            {"ActionsSuppressor": "s", "ActionsSuppressorWaitPeriod": -1},
            (
                "ActionsSuppressorWaitPeriod is -1, expected a whole number from 0 to 86400; "
                "ActionsSuppressorExtensionPeriod is missing, expected a whole number from 0 to "
                "86400"
            ),
        ),
    ],
)
def test_a_bad_composite_alarm_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AlarmRefusedError) as raised:
        read_composite_alarm(members(**changes))
    assert message == str(raised.value)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ([{"Key": "a", "Value": ""}], ()),
        ([{"Key": "", "Value": "1"}], ("Tags[0].Key has 0 characters, expected 1 to 128",)),
        (
            [{"Key": "a", "Value": "x" * 257}],
            ("Tags[0].Value has 257 characters, expected 0 to 256",),
        ),
        (
            [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
            ("Tags[1].Key 'a' stands there twice, expected every key once",),
        ),
        (
            [{"Key": "AWS:x", "Value": "1"}],
            ("Tags[0].Key is 'AWS:x', expected no key that begins with aws:",),
        ),
        (
            [7],
            ("Tags[0].Key is None, expected a text", "Tags[0].Value is None, expected a text"),
        ),
        (
            [{"Key": f"k{n}", "Value": ""} for n in range(51)],
            ("Tags has 51 items, expected at most 50",),
        ),
    ],
)
def test_tags_have_bounds(tags: list[Any], said: tuple[str, ...]) -> None:
    errors = ValidationErrors({"Tags": tags})
    read_tags(errors)
    assert said == errors.messages
