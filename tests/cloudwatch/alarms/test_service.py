"""The service of metric alarms: what is evaluated when, what follows, what survives."""

from typing import Any

import pytest

from detector.cloudwatch.alarms.service import MetricAlarmSettings
from tests.support.alarm_world import (
    AlarmWorld,
    Fuse,
    contributor_alarm,
    fleet_metric,
    metric_alarm,
)
from tests.support.durable import Crash

MINUTE = 60_000
START = 1_000 * MINUTE
FAULTS = fleet_metric()


async def minutes(world: AlarmWorld, *sums: float | None, start: int = START) -> None:
    """Bring minutes of data, six windows each; the whole sum falls into the last one."""
    for index, value in enumerate(sums):
        for pane in range(1, 7):
            end_ms = start + index * MINUTE + pane * 10_000
            last = pane == 6 and value is not None
            await world.window(end_ms, {FAULTS: value or 0.0} if last else None)


async def born(world: AlarmWorld, *puts: dict[str, Any]) -> AlarmWorld:
    """Start a service at ``START`` with metric alarms."""
    world.now = START / 1000
    await world.live()
    for members in puts:
        await world.call("PutMetricAlarm", **members)
    return world


def summaries(world: AlarmWorld, name: str = "many-faults") -> list[str]:
    return [line.split(" ", 1)[1] for line in world.summaries() if line.startswith(f"{name} ")]


async def test_an_alarm_runs_from_its_creation_to_its_notifications() -> None:
    world = await born(AlarmWorld(), metric_alarm())
    await minutes(world, 1, 9, 1)
    second = START // 1000
    assert summaries(world) == [
        f"{second} Alarm 'many-faults' created",
        f"{second + 60} Alarm updated from INSUFFICIENT_DATA to OK",
        f"{second + 60} Action arn:aws:sns:us-east-1:1:calm published",
        f"{second + 120} Alarm updated from OK to ALARM",
        f"{second + 120} Action arn:aws:sns:us-east-1:1:page published",
        f"{second + 180} Alarm updated from ALARM to OK",
        f"{second + 180} Action arn:aws:sns:us-east-1:1:calm published",
    ]


async def test_a_short_period_is_evaluated_every_ten_seconds() -> None:
    world = await born(AlarmWorld(), metric_alarm(Period=10))
    await world.window(START + 10_000, {FAULTS: 9.0})
    assert world.state("many-faults") == "ALARM"


async def test_without_windows_the_clock_moves_on_and_missing_data_is_seen() -> None:
    world = await born(AlarmWorld(), metric_alarm())
    await minutes(world, 9)
    assert world.state("many-faults") == "ALARM"
    for second in range(60, 400, 10):
        world.now = START / 1000 + second
        await world.service.tick(world.now)
    assert world.state("many-faults") == "INSUFFICIENT_DATA"


async def test_a_window_from_the_future_moves_nothing_beyond_the_clock() -> None:
    world = await born(AlarmWorld(), metric_alarm())
    await world.service.on_window(START + 100 * MINUTE, START / 1000 + 60)
    assert world.service.store.through_ms == START + MINUTE


async def test_after_a_long_pause_only_the_last_instants_are_evaluated() -> None:
    world = await born(AlarmWorld(MetricAlarmSettings(catch_up_ms=120_000)), metric_alarm())
    await minutes(world, 1)
    await minutes(world, 9, start=START + 60 * MINUTE)
    assert world.service.skipped_instants == 342
    assert world.state("many-faults") == "ALARM"


async def test_an_update_keeps_the_state_and_the_tags_and_is_published() -> None:
    tags = [{"Key": "team", "Value": "a"}]
    world = await born(AlarmWorld(), metric_alarm(Tags=tags))
    await minutes(world, 9)
    await world.call("PutMetricAlarm", **metric_alarm(Threshold=100.0))
    assert world.state("many-faults") == "ALARM"
    entry = world.service.store.entries["many-faults"]
    assert entry.record.tags == {"team": "a"}
    assert summaries(world)[-1].endswith("Alarm 'many-faults' updated")
    await minutes(world, 9, start=START + MINUTE)
    assert world.state("many-faults") == "OK"


async def test_a_state_that_was_set_acts_and_reverts_at_the_next_evaluation() -> None:
    world = await born(AlarmWorld(), metric_alarm())
    await minutes(world, 1)
    world.now += 5
    await world.call(
        "SetAlarmState", AlarmName="many-faults", StateValue="ALARM", StateReason="a drill"
    )
    assert world.state("many-faults") == "ALARM"
    assert summaries(world)[-1].endswith("Action arn:aws:sns:us-east-1:1:page published")
    await minutes(world, 1, start=START + MINUTE)
    assert world.state("many-faults") == "OK"


async def test_disabled_actions_are_not_published_but_states_are() -> None:
    world = await born(AlarmWorld(), metric_alarm())
    await world.call("DisableAlarmActions", AlarmNames=["many-faults", "nobody"])
    await minutes(world, 9)
    assert not [line for line in summaries(world) if "Action" in line]
    assert world.state("many-faults") == "ALARM"
    await world.call("EnableAlarmActions", AlarmNames=["many-faults"])
    await minutes(world, 1, start=START + MINUTE)
    assert summaries(world)[-1].endswith("Action arn:aws:sns:us-east-1:1:calm published")


async def test_a_warm_up_publishes_nothing_until_the_data_is_there() -> None:
    warm = {"WarmUpPeriodDurationInMinutes": 10}
    world = await born(
        AlarmWorld(),
        metric_alarm(WarmUpConfiguration=warm, EvaluationPeriods=2, DatapointsToAlarm=1),
        metric_alarm(
            "patient",
            WarmUpConfiguration={**warm, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True},
        ),
    )
    await minutes(world, 9)
    assert {world.state("many-faults"), world.state("patient")} == {"INSUFFICIENT_DATA"}
    await minutes(world, 9, start=START + MINUTE)
    assert (world.state("many-faults"), world.state("patient")) == ("ALARM", "INSUFFICIENT_DATA")
    await minutes(world, *[9.0] * 8, start=START + 2 * MINUTE)
    assert world.state("patient") == "ALARM"


async def test_an_expression_over_rule_metrics_is_watched() -> None:
    bare: dict[str, Any] = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period"))
    entry = {
        "MetricStat": {
            "Metric": {"Namespace": "Detector/Fleet", "MetricName": "Faults"},
            "Period": 60,
            "Stat": "Sum",
        },
        "Id": "m1",
        "ReturnData": False,
    }
    doubled = {"Id": "e1", "Expression": "m1 * 2", "ReturnData": True}
    world = await born(AlarmWorld(), metric_alarm(Metrics=[entry, doubled], Threshold=17.0, **bare))
    await minutes(world, 9)
    assert world.state("many-faults") == "ALARM"
    assert '"value":18.0' in world.service.store.entries["many-faults"].state.reason_data


async def test_a_day_of_the_calendar_is_watched_where_clocks_change() -> None:
    # 2026-11-01 has 25 hours in New York: 04:00 UTC to 05:00 UTC on the next day.
    first = 1_793_505_600_000
    world = AlarmWorld()
    world.now = first / 1000
    await world.live()
    window = {"WallClockWindow": {"Timezone": "America/New_York"}}
    await world.call(
        "PutMetricAlarm", **metric_alarm(Period=86_400, EvaluationWindow=window, Threshold=24.0)
    )
    for hour in range(25):
        world.datapoints.put(FAULTS, first + hour * 3_600_000, 1.0)
    end = first + 25 * 3_600_000
    await world.window(end - MINUTE)
    assert world.state("many-faults") == "INSUFFICIENT_DATA"
    await world.window(end)
    assert world.state("many-faults") == "ALARM"


async def test_too_few_samples_of_a_percentile_keep_the_state() -> None:
    samples = fleet_metric(statistic="SampleCount")
    world = await born(
        AlarmWorld(),
        metric_alarm(
            Statistic=None, ExtendedStatistic="p50", EvaluateLowSampleCountPercentile="ignore"
        ),
    )
    median = fleet_metric(statistic="p50")
    await world.window(START + MINUTE, {median: 9.0, samples: 19.0})
    assert world.state("many-faults") == "INSUFFICIENT_DATA"
    await world.window(START + 2 * MINUTE, {median: 9.0, samples: 20.0})
    assert world.state("many-faults") == "ALARM"


async def test_contributors_stand_for_themselves() -> None:
    world = await born(AlarmWorld(), contributor_alarm(criteria={"PendingPeriod": 20}))
    for index, owner in enumerate("aabbb"):
        end_ms = START + (index + 1) * 10_000
        world.windows.put("faults-by-host", end_ms, {owner: 9.0, "z": 1.0})
        await world.window(end_ms)
    second = START // 1000
    lines = [line for line in summaries(world, "one-owns-it") if "created" not in line]
    # Persistence never passed from a to b: b needed its own twenty seconds.
    assert lines == [
        f"{second + 50} Alarm updated from OK to ALARM",
        f"{second + 50} Alarm contributor updated from OK to ALARM",
        f"{second + 50} Action arn:aws:sns:us-east-1:1:page published",
    ]
    [item] = [item for item in world.history_topic.items() if item.type == "AlarmContributorAction"]
    assert item.attributes == {"$.host": "b"}


async def test_a_pause_breaks_what_lasts_without_a_break() -> None:
    world = AlarmWorld(MetricAlarmSettings(catch_up_ms=60_000))
    await born(world, contributor_alarm(criteria={"PendingPeriod": 60}))
    for end_ms in (START + 10_000, *range(START + 50 * MINUTE, START + 51 * MINUTE + 1, 10_000)):
        world.windows.put("faults-by-host", end_ms, {"a": 9.0})
    await world.window(START + 10_000)
    await world.window(START + 51 * MINUTE)
    assert world.state("one-owns-it") == "OK"


async def test_a_composite_alarm_follows_its_children_and_its_suppressor() -> None:
    world = await born(AlarmWorld(), metric_alarm(), metric_alarm("deploying", Threshold=1e9))
    await world.call(
        "PutCompositeAlarm",
        AlarmName="page",
        AlarmRule="ALARM(many-faults)",
        AlarmActions=["arn:aws:sns:us-east-1:1:all"],
        ActionsSuppressor="deploying",
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=30,
    )
    assert world.state("page") == "OK"
    await minutes(world, 9)
    world.now += 10
    await world.call(
        "SetAlarmState", AlarmName="deploying", StateValue="ALARM", StateReason="deploying"
    )
    [shown] = (await world.call("DescribeAlarms", AlarmTypes=["CompositeAlarm"]))["CompositeAlarms"]
    assert (shown["StateValue"], shown["ActionsSuppressedBy"]) == ("ALARM", "Alarm")
    await minutes(world, 9, 9, start=START + MINUTE)
    second = START // 1000
    # The suppressor reverts at 120 s (its own evaluation); thirty seconds later all is free.
    assert summaries(world, "page")[-2:] == [
        f"{second + 60} Alarm updated from OK to ALARM",
        f"{second + 150} Action arn:aws:sns:us-east-1:1:all published",
    ]


async def test_a_mute_rule_mutes_and_its_end_publishes_what_still_holds() -> None:
    world = await born(AlarmWorld(), metric_alarm())
    await minutes(world, 1)
    await world.call(
        "PutAlarmMuteRule",
        Name="night",
        Rule={"Schedule": {"Expression": "cron(* * * * *)", "Duration": "PT1M"}},
        MuteTargets={"AlarmNames": ["many-faults"]},
    )
    await minutes(world, 9, start=START + MINUTE)
    page = "Action arn:aws:sns:us-east-1:1:page"
    assert summaries(world)[-1].endswith(f"{page} muted by rule 'night'")
    await world.call("DeleteAlarmMuteRule", AlarmMuteRuleName="night")
    assert summaries(world)[-1].endswith(f"{page} published")


PUTS = (
    ("PutMetricAlarm", metric_alarm(EvaluationPeriods=2, DatapointsToAlarm=1)),
    ("PutMetricAlarm", metric_alarm("lost", TreatMissingData="breaching", Threshold=50.0)),
    ("PutMetricAlarm", contributor_alarm(criteria={"PendingPeriod": 10, "RecoveryPeriod": 20})),
    (
        "PutCompositeAlarm",
        {
            "AlarmName": "page",
            "AlarmRule": "ALARM(many-faults) OR ALARM(one-owns-it)",
            "AlarmActions": ["arn:aws:sns:us-east-1:1:all"],
            "OKActions": ["arn:aws:sns:us-east-1:1:all-calm"],
            "ActionsSuppressor": "lost",
            "ActionsSuppressorWaitPeriod": 30,
            "ActionsSuppressorExtensionPeriod": 20,
        },
    ),
    (
        "PutAlarmMuteRule",
        {
            "Name": "odd",
            "Rule": {"Schedule": {"Expression": "cron(41,43 * * * *)", "Duration": "PT1M"}},
            "MuteTargets": {"AlarmNames": ["many-faults", "one-owns-it"]},
        },
    ),
)
SUMS = (1.0, 9.0, None, 60.0, None, None, 1.0)
OWNERS = ("a", "a", "a", "", "b", "b", "b", "b", "", "", "", "c", "", None)


async def prepared() -> AlarmWorld:
    """A world with alarms of every sort and windows to come."""
    world = AlarmWorld()
    world.now = START / 1000
    await world.live()
    for operation, members in PUTS:
        await world.call(operation, **members)
    for index in range(len(SUMS) * 6):
        end_ms = START + (index + 1) * 10_000
        value = SUMS[index // 6]
        if index % 6 == 5 and value is not None:
            world.datapoints.put(FAULTS, end_ms - 10_000, value)
        owner = OWNERS[index % len(OWNERS)]
        if owner is not None:
            world.windows.put("faults-by-host", end_ms, {owner: 9.0} if owner else {"x": 1, "y": 1})
    return world


async def played(world: AlarmWorld, fuse: Fuse) -> None:
    """Bring every window, starting again with the last one whenever the process dies."""
    for index in range(len(SUMS) * 6):
        end_ms = START + (index + 1) * 10_000
        try:
            await world.window(end_ms)
        except Crash:
            fuse.left = None
            await world.live(fuse)
            await world.window(end_ms)


async def test_the_story_has_everything_in_it() -> None:
    world = await prepared()
    await played(world, Fuse())
    lines = "\n".join(world.summaries())
    for part in (
        "muted by rule",
        "contributor updated from ALARM to OK",
        "arn:aws:sns:us-east-1:1:all p",
    ):
        assert part in lines


async def test_the_same_windows_again_publish_nothing_new() -> None:
    world = await prepared()
    await played(world, Fuse())
    before = len(world.history_topic.records)
    await world.live()
    await played(world, Fuse())
    assert before == len(world.history_topic.records)


async def story(left: int | None, *, compact: bool = False) -> tuple[list[Any], list[Any], Fuse]:
    world = await prepared()
    fuse = Fuse(left)
    await world.live(fuse)
    await played(world, fuse)
    if compact:
        world.alarm_topic.compact()
        await world.live()
    states = [
        (name, entry.state, entry.record) for name, entry in world.service.store.entries.items()
    ]
    return (
        sorted(world.history_topic.items(), key=lambda item: item.id),
        sorted(states, key=lambda each: each[0]),
        fuse,
    )


async def test_a_crash_before_any_record_loses_and_contradicts_nothing() -> None:
    items, states, fuse = await story(None)
    assert fuse.passed > 40
    for left in range(fuse.passed):
        again, stand, _ = await story(left, compact=left % 7 == 0)
        assert items == again, left
        assert [each[:2] for each in states] == [each[:2] for each in stand], left


@pytest.mark.parametrize("operation", ["PutMetricAlarm", "SetAlarmState", "DeleteAlarms"])
async def test_a_command_that_died_is_whole_or_not_at_all(operation: str) -> None:
    """What was durable is published after the crash; no state exists without its alarm."""
    members = {
        "PutMetricAlarm": metric_alarm(Threshold=6.0),
        "SetAlarmState": {
            "AlarmName": "many-faults",
            "StateValue": "ALARM",
            "StateReason": "drill",
        },
        "DeleteAlarms": {"AlarmNames": ["many-faults"]},
    }[operation]
    for left in range(6):
        world = await born(AlarmWorld(), metric_alarm())
        fuse = Fuse(left)
        await world.live(fuse)
        try:
            await world.call(operation, **members)
        except Crash:
            await world.live()
        entry = world.service.store.entries.get("many-faults")
        lines = [line.split(" ", 2)[2] for line in world.summaries()]
        changed = {
            "PutMetricAlarm": entry is not None and entry.record.members["Threshold"] == 6.0,
            "SetAlarmState": entry is not None and entry.state.state.value == "ALARM",
            "DeleteAlarms": entry is None,
        }[operation]
        words = {"PutMetricAlarm": "updated", "SetAlarmState": "to ALARM"}.get(operation, "deleted")
        assert changed is any(words in line for line in lines), (left, lines)
        if operation == "SetAlarmState":
            assert changed is any("page published" in line for line in lines)
        if entry is None:
            keys = dict(world.alarm_topic.records)
            assert keys["alarm/many-faults"] is None
            assert keys.get("state/many-faults") is None


async def test_an_alarm_that_is_put_again_does_not_inherit_a_state() -> None:
    world = await born(AlarmWorld(), metric_alarm())
    await minutes(world, 9)
    stale = [record for record in world.alarm_topic.records if record[0] == "state/many-faults"][-1]
    await world.call("DeleteAlarms", AlarmNames=["many-faults"])
    # Another process evaluates once more what it does not know to be deleted.
    world.alarm_topic.records.append(stale)
    world.now += 1
    await world.call("PutMetricAlarm", **metric_alarm())
    await world.live()
    assert world.state("many-faults") == "INSUFFICIENT_DATA"


async def test_two_processes_end_in_the_order_of_the_log_and_publish_once() -> None:
    world = await prepared()
    first = world.service
    await world.live()
    second = world.service
    for index in range(len(SUMS) * 6):
        end_ms = START + (index + 1) * 10_000
        for service in (first, second):
            # Each hears what the other wrote, as from a topic that both follow.
            for key, value in world.alarm_topic.records:
                service.store.apply(key, value)
            await service.on_window(end_ms, end_ms / 1000)
    items, states, _ = await story(None)
    assert items == sorted(world.history_topic.items(), key=lambda item: item.id)
    assert {name: alarm_state for name, alarm_state, _ in states} == {
        name: entry.state for name, entry in second.store.entries.items()
    }


async def test_what_cannot_be_read_is_counted_and_stops_nothing() -> None:
    world = AlarmWorld()
    world.alarm_topic.records = [
        ("alarm/x", b"no json"),
        ("state/x", b"{}"),
        ("mute/x", b'{"members":{},"updated_ms":0}'),
        ("through", b"7"),
        ("weather", b"fine"),
    ]
    await world.live()
    assert world.service.store.unreadable == 5
    world.history_topic.records = [("x", b"no json")]
    await world.live()
    assert world.service.unreadable_items == 1
    await world.service.stop()


async def test_a_write_that_failed_is_finished_before_anything_else() -> None:
    expected, _, whole = await story(None)
    for left in range(0, whole.passed, 3):
        world = await prepared()
        fuse = Fuse(left)
        world.service = (await world.live(fuse)).service
        for index in range(len(SUMS) * 6):
            end_ms = START + (index + 1) * 10_000
            try:
                await world.window(end_ms)
            except Crash:
                # The broker is back and the process is still the same.
                fuse.left = None
                await world.window(end_ms)
        assert expected == sorted(world.history_topic.items(), key=lambda item: item.id), left
