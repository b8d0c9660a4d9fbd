"""What is counted of the metric alarms, and how Prometheus sees it."""

from prometheus_client import CollectorRegistry

from detector.bootstrap.metric_alarm_metrics import MetricAlarmMetrics
from detector.cloudwatch.alarms.service import MetricAlarmCounts, MetricAlarmSettings, counts_of
from tests.support.alarm_world import AlarmWorld, fleet_metric, metric_alarm

START = 60_000_000
FAULTS = fleet_metric()


async def world_with_two_alarms() -> AlarmWorld:
    world = AlarmWorld(MetricAlarmSettings(catch_up_ms=60_000))
    world.now = START / 1000
    await world.live()
    await world.call("PutMetricAlarm", **metric_alarm("quiet"))
    await world.call("PutMetricAlarm", **metric_alarm("loud", Threshold=0.5))
    for pane in range(1, 7):
        await world.window(START + pane * 10_000, {FAULTS: 1.0} if pane == 6 else None)
    return world


async def test_alarms_are_counted_by_state_and_their_instant_is_reported() -> None:
    counts = counts_of((await world_with_two_alarms()).service)
    assert {"OK": 1, "ALARM": 1} == counts.states
    assert START + 60_000 == counts.through_ms
    assert (0, {"alarms": 0, "history": 0}) == (counts.skipped_instants, counts.unreadable)


async def test_what_was_skipped_and_what_was_not_understood_is_counted_too() -> None:
    world = await world_with_two_alarms()
    world.alarm_topic.records += [("alarm/other", b"no record"), ("strange", b"")]
    world.history_topic.records.append(("loud", b"no item"))
    await world.live()
    assert {"alarms": 2, "history": 1} == counts_of(world.service).unreadable
    # Ten minutes without a window, of which one is made up for.
    await world.window(START + 660_000)
    assert 9 * 6 == counts_of(world.service).skipped_instants


def test_prometheus_sees_every_series_from_the_start_and_then_what_is_counted() -> None:
    registry = CollectorRegistry()
    show = MetricAlarmMetrics(registry)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"detector_metric_alarm{name}", labels)

    assert [0, 0, 0] == [value("s", state=each) for each in ("OK", "ALARM", "INSUFFICIENT_DATA")]
    assert [0, 0] == [value("_records_unreadable_total", topic=t) for t in ("alarms", "history")]
    show(MetricAlarmCounts(90_000, {"OK": 2, "ALARM": 1}, 4, {"alarms": 1, "history": 0}))
    show(None)
    show(MetricAlarmCounts(100_000, {"OK": 3}, 6, {"alarms": 1, "history": 2}))
    assert [3, 0, 0] == [value("s", state=each) for each in ("OK", "ALARM", "INSUFFICIENT_DATA")]
    assert [1, 2] == [value("_records_unreadable_total", topic=t) for t in ("alarms", "history")]
    assert (100, 6, 1) == (
        value("s_evaluated_timestamp_seconds"),
        value("_instants_skipped_total"),
        value("_rounds_failed_total"),
    )
