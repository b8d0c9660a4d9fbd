"""Members that metric and composite alarms share: name, description, actions, tags."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from detector.cloudwatch.alarms.alarm_model import Actions
from detector.cloudwatch.alarms.validation import Complaints, shown

NAME_CHARACTERS: Final = 255
DESCRIPTION_CHARACTERS: Final = 1024
ACTION_CHARACTERS: Final = 1024
ACTIONS: Final = 5
TAGS: Final = 50
TAG_KEY_CHARACTERS: Final = 128
TAG_VALUE_CHARACTERS: Final = 256
ACTION_LISTS: Final = ("OKActions", "AlarmActions", "InsufficientDataActions")
_METRIC_ONLY_ACTIONS: Final = ("arn:aws:automate:", "arn:aws:swf:", "arn:aws:autoscaling:")


def read_name(complaints: Complaints, member: str = "AlarmName") -> str:
    """Read the name of an alarm or mute rule."""
    return complaints.text(member, low=1, high=NAME_CHARACTERS, required=True)


def read_actions(complaints: Complaints, *, composite: bool) -> Actions:
    """Read the three lists of actions, whether they are enabled, and which tags go with them."""
    complaints.text("AlarmDescription", low=0, high=DESCRIPTION_CHARACTERS)
    ok, alarm, insufficient = (
        tuple(_read_list(complaints, name, composite=composite)) for name in ACTION_LISTS
    )
    included, excluded = _read_propagation(complaints)
    enabled = complaints.flag("ActionsEnabled", default=True)
    return Actions(enabled, ok, alarm, insufficient, included, excluded)


def _read_list(complaints: Complaints, name: str, *, composite: bool) -> Iterable[str]:
    for place, value in enumerate(complaints.items(name, high=ACTIONS)):
        where = f"{name}[{place}]"
        text = complaints.checked_text(value, where, low=1, high=ACTION_CHARACTERS)
        if text and not text.startswith("arn:"):
            complaints.say(f"{where} is {shown(text)}, expected an ARN (arn:aws:sns:...)")
        elif composite and text.startswith(_METRIC_ONLY_ACTIONS):
            complaints.say(
                f"{where} is {shown(text)}, expected an SNS, Lambda, SSM or AIOps ARN: "
                "a composite alarm takes no EC2 or Auto Scaling action"
            )
        yield text


def _read_propagation(
    complaints: Complaints,
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    configuration = complaints.structure("ActionConfiguration") or {}
    propagation = configuration.get("AlarmTagsPropagation")
    if propagation is None:
        return None, ()
    included = tuple(propagation.get("IncludedTagKeys") or ())
    excluded = tuple(propagation.get("ExcludedTagKeys") or ())
    if included and excluded:
        complaints.say(
            "ActionConfiguration.AlarmTagsPropagation has IncludedTagKeys and ExcludedTagKeys, "
            "expected one of them"
        )
    return (included if propagation.get("Enabled") else None), excluded


def read_tags(complaints: Complaints) -> dict[str, str]:
    """Read ``Tags``: at most 50, every key once."""
    tags: dict[str, str] = {}
    for place, item in enumerate(complaints.items("Tags", high=TAGS)):
        entry: Mapping[str, Any] = item if isinstance(item, Mapping) else {}
        where = f"Tags[{place}]"
        key = complaints.checked_text(
            entry.get("Key"), f"{where}.Key", low=1, high=TAG_KEY_CHARACTERS
        )
        value = complaints.checked_text(
            entry.get("Value"), f"{where}.Value", low=0, high=TAG_VALUE_CHARACTERS
        )
        if key in tags:
            complaints.say(f"{where}.Key {shown(key)} stands there twice, expected every key once")
        if key.lower().startswith("aws:"):
            complaints.say(f"{where}.Key is {shown(key)}, expected no key that begins with aws:")
        tags[key] = value
    return tags
