"""A backtest is the detector in virtual time: the same decisions, the same bytes, every second."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from detector.backtest.recording import RecordedMessage
from detector.backtest.results import Result, differences
from detector.backtest.run import Configuration, backtest
from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.core.vocabulary import ActionKind, AlarmState, Decision, Mode, Switch
from detector.decisions.budgets import BucketLimits
from detector.decisions.config import DecideConfig
from detector.decisions.kill_switch import ControlView
from detector.detection.detectors.roster import detector_names
from detector.detection.evaluate import EvaluateConfig
from detector.ingest.tallying import TallySettings
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.pipeline import Detection
from detector.rules.rules import Filter, Operator, RuleSet
from detector.settings.detectors import DetectorsSection
from detector.tables.tally import TallyLimits
from tests.builders import SHORT, START, TOPIC, emf, rule

SECONDS = 20
HOSTS = 12
ONLY_R66 = {name: Switch.OFF for name in detector_names() if name != "r66"}
FAULTY = Filter(("Faults",), Operator.GREATER_THAN, 0.0)


class InMemory:
    """A recording of given records, in chunks that fall anywhere."""

    topic = TOPIC

    def __init__(
        self, messages: Sequence[RecordedMessage], *, partitions: int = 1, chunk: int = 7
    ) -> None:
        self.partitions = partitions
        self._messages = list(messages)
        self._chunk = chunk

    def chunks(self, on_progress: Callable[[float], None]) -> Iterator[Sequence[RecordedMessage]]:
        for at in range(0, len(self._messages), self._chunk):
            yield self._messages[at : at + self._chunk]
            on_progress((at + self._chunk) / len(self._messages))


def configuration(name: str = "a", **evaluate: Any) -> Configuration:
    return Configuration(
        name=name,
        settings=TallySettings(
            rules=RuleSet((rule(filters=[FAULTY], value_of=["Faults"]),)),
            mapping=FieldMapping(),
            limits=DecodeLimits(),
            times=SHORT,
            tally_limits=TallyLimits(),
            topics=Topics(),
        ),
        evaluate=EvaluateConfig(**{"switches": ONLY_R66, **evaluate}),
        decide=DecideConfig(mode=Mode.ENFORCE, healthy_floor=0.5),
    )


def logged(second: int, gray: str, *, partitions: int = 1) -> list[RecordedMessage]:
    """Return a second of 12 hosts in 3 zones, 20 requests each, one of them half broken."""
    chance = random.Random(second)
    found = []
    for number in range(HOSTS):
        host = f"h{number}"
        rate = 0.5 if host == gray else 0.002
        after = second * 1_000 + 500
        value = emf(
            after,
            Requests=20,
            Faults=sum(chance.random() < rate for _ in range(20)),
            Caller=f"c{chance.randrange(5)}",
            **{"AZ-ID": f"az{number % 3}", "InstanceId": host},
        )
        found.append(RecordedMessage(value, START + after, number % partitions))
    return found


def story(gray: str = "h5", *, partitions: int = 1) -> list[RecordedMessage]:
    return [
        message
        for second in range(SECONDS)
        for message in logged(second, gray, partitions=partitions)
    ]


def run(*messages: RecordedMessage, **options: Any) -> Result:
    [result] = backtest(InMemory(messages, **options), [configuration()])
    return result


def test_a_gray_host_fires_and_would_be_replaced_once() -> None:
    result = run(*story())
    assert (1, 1, 12) == (
        result.cost.hosts_replaced, result.cost.distinct_hosts, result.cost.largest_fleet,
    )  # fmt: skip
    [row] = result.rulings
    assert row.target is not None
    assert (ActionKind.REPLACE_HOST, "h5") == (row.kind, row.target.host)
    assert (Decision.OBSERVED, Decision.GRANTED) == (row.observe, row.enforce)
    assert {"fleet:checkout", "rule:faults-by-host"} == {each.subject for each in result.fired}
    assert SECONDS * HOSTS == result.records
    assert (START + 500, START + (SECONDS - 1) * 1_000 + 501) == (result.from_ms, result.until_ms)


def test_it_is_what_the_same_detection_says_second_by_second() -> None:
    """Driven by hand, as the tests of the detection drive it, and counted from its own records."""
    chosen = configuration()
    way = Detection(chosen.settings, chosen.evaluate, chosen.decide, topic=TOPIC, partitions=1)
    results = []
    for second in range(SECONDS + 30):
        now = START / 1000 + second + 1
        control = ControlView(known=True, engaged=False, reason="", read_at=now)
        if second < SECONDS:
            way.feed(0, logged(second, "h5"), now)
        else:
            way.close_idle(0, now)
        results += way.tick(SteadyTime(now, now), control)
    result = run(*story())
    raised = [
        (change.changed_at, change.alarm_id)
        for change in way.changes
        if change.state is AlarmState.ALARM and change.previous is not AlarmState.ALARM
    ]
    assert raised == [(each.raised_at, each.alarm_id) for each in result.fired]
    assert len(raised) == result.alarms == sum(result.alarms_by_detector.values())
    assert [
        (round(each.decision.decided_at * 1000), each.decision.sentence) for each in results
    ] == [(each.at, each.sentence) for each in result.rulings]
    assert len({report.window_end for report in way.reports}) == result.windows


def test_the_same_recording_gives_the_same_bytes_however_it_is_cut() -> None:
    first, second = run(*story(), chunk=1), run(*story(), chunk=1_000)
    assert msgspec.json.encode(first) == msgspec.json.encode(second)


def test_a_healthy_fleet_fires_nothing_and_costs_nothing() -> None:
    result = run(*story("nobody"))
    assert (0, 0.0, 0, 0) == (
        result.alarms, result.alarms_per_day, result.granted, result.cost.hosts_replaced,
    )  # fmt: skip


def test_two_partitions_say_what_one_says() -> None:
    one, two = run(*story()), run(*story(partitions=2), partitions=2)
    assert [each.raised_at for each in one.fired] == [each.raised_at for each in two.fired]
    assert (one.windows, one.incomplete_windows) == (two.windows, two.incomplete_windows)


def test_a_partition_that_falls_silent_holds_nobody_up() -> None:
    """Its panes close as those of an idle one do, and the windows stay complete."""
    alive = [
        each for each in story(partitions=2) if each.partition == 0 or each.time_ms < START + 3_000
    ]
    result = run(*alive, partitions=2)
    assert 0 == result.incomplete_windows
    assert result.windows >= SECONDS - 1


def test_a_day_of_silence_passes_quickly_and_ends_what_stood() -> None:
    later = [
        RecordedMessage(each.value().replace(b"17000", b"17001", 1), each.time_ms + 100_000_000)
        for each in logged(0, "nobody")
    ]
    result = run(*story(), *later)
    assert all(each.ended_at is not None for each in result.fired)
    assert 100_000_500 - 0 + 1 == result.until_ms - result.from_ms + 500


def test_an_alarm_that_stands_at_the_end_of_time_has_no_end() -> None:
    [result] = backtest(InMemory(story()), [configuration(restate_seconds=10.0)])
    assert all(each.ended_at is None or each.ended_at > each.raised_at for each in result.fired)
    assert all(each.confirmed for each in result.fired if each.subject == "fleet:checkout")


def test_what_cannot_be_read_is_counted_by_reason() -> None:
    result = run(RecordedMessage(b"no json", START), *story("nobody"))
    assert {"bad_json": 1} == result.unreadable


def test_an_empty_recording_is_a_result_too() -> None:
    result = run()
    assert (0, 0, 0) == (result.records, result.windows, result.until_ms)


def test_what_is_refused_is_counted_by_refusal() -> None:
    chosen = configuration()
    strict = chosen._replace(decide=replace(chosen.decide, global_bucket=BucketLimits(0.0, 0.0)))
    [result] = backtest(InMemory(story()), [strict])
    assert 0 == result.granted
    assert "global_budget_spent" == result.rulings[0].refusal
    assert result.refused == len(result.rulings) == sum(result.rulings_by_refusal.values())
    assert {(Decision.REFUSED, Decision.REFUSED)} == {
        (each.observe, each.enforce) for each in result.rulings
    }


def test_two_configurations_are_compared() -> None:
    quick = configuration("b", windows_required=1, windows_seen=1)
    a, b = backtest(InMemory(story()), [configuration(), quick])
    found = {(each.subject, each.contributor): each for each in differences(a, b)}
    host = found["fleet:checkout", ("az2", "h5")]
    assert (host.granted_a, host.granted_b) == (a.rulings[0].at, b.rulings[0].at)
    for each in (host, found["rule:faults-by-host", ("h5",)]):
        assert each.first_raised_a is not None
        assert each.first_raised_b is not None
        assert each.first_raised_b < each.first_raised_a
    assert [] == differences(a, a)


def test_what_only_one_configuration_raises_is_never_for_the_other() -> None:
    others = dict.fromkeys(DetectorsSection.model_fields, Switch.OFF)
    blind = configuration("b", share=1.0, switches=others)
    a, b = backtest(InMemory(story()), [configuration(), blind])
    assert (0, 0) == (b.alarms, b.granted)
    found = differences(a, b)
    assert {(each.subject, each.contributor) for each in a.fired} == {
        (each.subject, each.contributor) for each in found
    }
    assert all(each.first_raised_b is None and each.granted_b is None for each in found)


def test_the_share_that_was_read_is_reported() -> None:
    shares: list[float] = []
    backtest(InMemory(story("nobody"), chunk=60), [configuration()], shares.append)
    assert shares == sorted(shares)
    assert 1.0 == shares[-1]
