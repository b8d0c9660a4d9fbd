"""Tags of alarms and mute rules."""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from detector.cloudwatch.alarms.alarm_records import (
    ALARM,
    MUTE,
    AlarmRecord,
    MuteRecord,
    encode_record,
)
from detector.cloudwatch.alarms.requests import TAGS, read_tags
from detector.cloudwatch.alarms.service import LogRecord, MetricAlarms
from detector.cloudwatch.alarms.validation import ValidationErrors, refuse, shown
from detector.cloudwatch.operations.alarm_mutes import mute_arn_prefix
from detector.cloudwatch.operations.contract import Members

NOT_FOUND = "ResourceNotFoundException"
INVALID = "InvalidParameterValue"


class AlarmTags:
    """TagResource, UntagResource and ListTagsForResource for alarms and mute rules."""

    def __init__(self, alarms: MetricAlarms) -> None:
        self._alarms = alarms
        self._alarm_prefix = alarms.settings.evaluation.arn_prefix
        self._mute_prefix = mute_arn_prefix(self._alarm_prefix)

    def owns(self, arn: str) -> bool:
        """Return whether an ARN is that of an alarm or a mute rule."""
        return arn.startswith((self._alarm_prefix, self._mute_prefix))

    async def tag_resource(self, members: Members) -> Members:
        """Add tags or replace their values."""
        errors = ValidationErrors(members)
        added = read_tags(errors)
        if errors.messages:
            refuse("; ".join(errors.messages), INVALID)
        await self._change(members, lambda tags: {**tags, **added})
        return {}

    async def untag_resource(self, members: Members) -> Members:
        """Remove tags; unknown keys are no error."""
        removed = {str(key) for key in members.get("TagKeys") or ()}
        await self._change(
            members, lambda tags: {key: value for key, value in tags.items() if key not in removed}
        )
        return {}

    async def list_tags_for_resource(self, members: Members) -> Members:
        """Return the tags of an alarm or a mute rule."""
        _, record = self._found(members)
        return {"Tags": [{"Key": key, "Value": value} for key, value in record.tags.items()]}

    async def _change(
        self, members: Members, change: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> None:
        async with self._alarms.lock:
            key, record = self._found(members)
            tags = dict(change(record.tags))
            if len(tags) > TAGS:
                refuse(f"there would be {len(tags)} tags, expected at most {TAGS}", INVALID)
            await self._alarms.write(
                [LogRecord(key, encode_record(replace(record, tags=tags)))], ()
            )

    def _found(self, members: Members) -> tuple[str, AlarmRecord | MuteRecord]:
        arn = str(members.get("ResourceARN"))
        store = self._alarms.store
        if arn.startswith(self._mute_prefix):
            name = arn.removeprefix(self._mute_prefix)
            if name in store.mutes:
                return f"{MUTE}{name}", store.mutes[name][0]
        elif arn.startswith(self._alarm_prefix):
            name = arn.removeprefix(self._alarm_prefix)
            if name in store.entries:
                return f"{ALARM}{name}", store.entries[name].record
        return refuse(f"there is no alarm or alarm mute rule {shown(arn)}", NOT_FOUND)
