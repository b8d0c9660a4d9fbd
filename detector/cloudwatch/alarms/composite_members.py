"""PutCompositeAlarm's members become a composite alarm, or everything that is wrong with them."""

from collections.abc import Mapping
from typing import Any, Final

from detector.cloudwatch.alarms.alarm_model import CompositeAlarm, Suppressor
from detector.cloudwatch.alarms.common_members import read_actions, read_name
from detector.cloudwatch.alarms.composite_rule import (
    CompositeRule,
    name_of,
    parse_composite_rule,
)
from detector.cloudwatch.alarms.validation import AlarmRefusedError, Complaints

LONGEST_SECONDS: Final = 86_400
ARN_CHARACTERS: Final = 1_600
_PERIODS: Final = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")


def read_composite_alarm(members: Mapping[str, Any]) -> CompositeAlarm:
    """Return the alarm; ``AlarmRefusedError`` with every fault in one message.

    Whether the alarms that it names exist is for the alarm graph to say.
    """
    complaints = Complaints(members)
    name = read_name(complaints)
    actions = read_actions(complaints, composite=True)
    suppressor = _read_suppressor(complaints)
    text = complaints.text("AlarmRule", low=1, high=1_000_000, required=True)
    rule = _read_rule(complaints, text)
    complaints.settle()
    return CompositeAlarm(name, actions, rule, suppressor)


def _read_rule(complaints: Complaints, text: str) -> CompositeRule:
    try:
        return parse_composite_rule(text)
    except AlarmRefusedError as error:
        if text:
            complaints.say(str(error))
        return CompositeRule(text, (), ())


def _read_suppressor(complaints: Complaints) -> Suppressor | None:
    if not complaints.has("ActionsSuppressor"):
        complaints.refuse_members(_PERIODS, "without ActionsSuppressor")
        return None
    alarm = name_of(complaints.text("ActionsSuppressor", low=1, high=ARN_CHARACTERS))
    wait, extension = (complaints.whole(each, low=0, high=LONGEST_SECONDS) for each in _PERIODS)
    return Suppressor(alarm, wait * 1000, extension * 1000)
