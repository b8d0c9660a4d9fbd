"""CloudWatch's operations on alarms and mute rules, by name."""

from collections.abc import Callable

from detector.cloudwatch.alarms.service import MetricAlarms
from detector.cloudwatch.alarms.validation import AlarmRefusedError
from detector.cloudwatch.operations.alarm_commands import AlarmCommands
from detector.cloudwatch.operations.alarm_mutes import AlarmMutes
from detector.cloudwatch.operations.alarm_reads import AlarmReads
from detector.cloudwatch.operations.alarm_tags import AlarmTags
from detector.cloudwatch.operations.contract import ApiError, Handler, Members


def handlers(alarms: MetricAlarms, clock: Callable[[], float]) -> dict[str, Handler]:
    """Return the handlers by operation; ``clock`` returns epoch seconds.

    The tag operations handle only ARNs that ``AlarmTags.owns``.
    """
    commands, reads = AlarmCommands(alarms, clock), AlarmReads(alarms)
    mutes, tags = AlarmMutes(alarms, clock), AlarmTags(alarms)
    operations: dict[str, Handler] = {
        "PutMetricAlarm": commands.put_metric_alarm,
        "PutCompositeAlarm": commands.put_composite_alarm,
        "SetAlarmState": commands.set_alarm_state,
        "EnableAlarmActions": commands.enable_alarm_actions,
        "DisableAlarmActions": commands.disable_alarm_actions,
        "DeleteAlarms": commands.delete_alarms,
        "DescribeAlarms": reads.describe_alarms,
        "DescribeAlarmsForMetric": reads.describe_alarms_for_metric,
        "DescribeAlarmHistory": reads.describe_alarm_history,
        "DescribeAlarmContributors": reads.describe_alarm_contributors,
        "PutAlarmMuteRule": mutes.put_alarm_mute_rule,
        "GetAlarmMuteRule": mutes.get_alarm_mute_rule,
        "ListAlarmMuteRules": mutes.list_alarm_mute_rules,
        "DeleteAlarmMuteRule": mutes.delete_alarm_mute_rule,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "ListTagsForResource": tags.list_tags_for_resource,
    }
    return {name: _with_api_errors(operation) for name, operation in operations.items()}


def _with_api_errors(operation: Handler) -> Handler:
    """Return ``operation`` with ``AlarmRefusedError`` turned into ``ApiError``."""

    async def answer(members: Members) -> Members:
        try:
            return await operation(members)
        except AlarmRefusedError as refusal:
            raise ApiError(refusal.code, str(refusal)) from None

    return answer
