"""GetMetricData: answers that the model admits, pages that lose nothing, exact refusals."""

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from detector.cloudwatch.metrics.ranges import RangeTooCostlyError
from detector.cloudwatch.metrics.series import (
    FleetMetric,
    InsightRuleMetric,
    Metric,
    RuleMetric,
    Series,
)
from detector.cloudwatch.operations.contract import ApiError
from detector.cloudwatch.operations.metric_data import MAX_COMPUTED, MetricData
from tests.support.cloudwatch import MetricsInMemory, at, check_answer, check_request

START = 1_764_000_000_000
PERIOD = 60_000
NOW = START / 1000 + 3600
FAULTS = FleetMetric("Detector/Fleet", "Faults", (("Fleet", "checkout"),), "Sum")
REQUESTS = FleetMetric("Detector/Fleet", "Requests", (("Fleet", "checkout"),), "Sum")
FIVE_MINUTES = FleetMetric("Detector/Fleet", "Faults", (("Fleet", "checkout"),), "Average")


def stat(metric: FleetMetric, period: int = 60) -> Mapping[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {
        "Metric": {
            "Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions,
        },
        "Period": period,
        "Stat": metric.statistic,
    }  # fmt: skip


M1 = {"Id": "m1", "MetricStat": stat(FAULTS)}
M2 = {"Id": "m2", "MetricStat": stat(REQUESTS), "ReturnData": False}
RATIO = {"Id": "e1", "Expression": "m1 / m2", "Label": "fault ratio"}


def source() -> MetricsInMemory:
    points: dict[Metric, dict[int, float]] = {
        FAULTS: {START: 1.0, START + PERIOD: 2.0, START + 3 * PERIOD: 4.0},
        REQUESTS: {START: 10.0, START + PERIOD: 10.0, START + 2 * PERIOD: 10.0},
        FIVE_MINUTES: {START: 0.5, START + 5 * PERIOD: 0.25},
        InsightRuleMetric("rule", RuleMetric.MAX_CONTRIBUTOR_VALUE): {START: 70.0},
        InsightRuleMetric("rule", RuleMetric.SUM): {START: 100.0},
    }
    return MetricsInMemory(points)


async def answer(*asked: Mapping[str, Any], **members: Any) -> Mapping[str, Any]:
    known = members.pop("source", None) or source()
    request = {
        "MetricDataQueries": list(asked),
        "StartTime": at(START),
        "EndTime": at(START + 10 * PERIOD),
        **members,
    }
    check_request("GetMetricData", request)
    data = MetricData(known, now=lambda: NOW, pane_seconds=10)
    answered = await data.get_metric_data(request)
    check_answer("GetMetricData", answered)
    return answered


async def refusal(*asked: Mapping[str, Any], **members: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        await answer(*asked, **members)
    return caught.value.code, str(caught.value)


async def test_metrics_and_expressions_are_answered_newest_first() -> None:
    assert {
        "MetricDataResults": [
            {
                "Id": "m1",
                "Label": "Faults",
                "Timestamps": [at(START + 3 * PERIOD), at(START + PERIOD), at(START)],
                "Values": [4.0, 2.0, 1.0],
                "StatusCode": "Complete",
                "Messages": [],
            },
            {
                "Id": "e1",
                "Label": "fault ratio",
                "Timestamps": [at(START + 2 * PERIOD), at(START + PERIOD), at(START)],
                "Values": [0.0, 0.2, 0.1],
                "StatusCode": "Complete",
                "Messages": [],
            },
        ],
        "Messages": [],
    } == await answer(M1, M2, RATIO)


async def test_ascending_is_oldest_first() -> None:
    answered = await answer(M1, ScanBy="TimestampAscending")
    assert [1.0, 2.0, 4.0] == answered["MetricDataResults"][0]["Values"]


async def test_the_expression_of_the_talk_is_answered() -> None:
    text = (
        'INSIGHT_RULE_METRIC(rule,"MaxContributorValue") / INSIGHT_RULE_METRIC(rule,"Sum") > 0.66'
    )
    [result] = (await answer({"Id": "e1", "Expression": text, "Period": 60}))["MetricDataResults"]
    assert ("e1", [at(START)], [1.0]) == (result["Label"], result["Timestamps"], result["Values"])


async def test_an_array_is_one_result_for_each_series_under_one_id() -> None:
    every = {"Id": "e1", "Expression": "FILL(METRICS(), 0)", "Label": "Filled:"}
    results = (await answer(M1, M2, every))["MetricDataResults"]
    expected = [(each["Id"], each["Label"], len(each["Values"])) for each in results]
    assert [
        ("m1", "Faults", 3),
        ("e1", "Filled: Faults", 10),
        ("e1", "Filled: Requests", 10),
    ] == expected


async def test_periods_stand_beside_each_other() -> None:
    known = source()
    longer = {"Id": "m3", "MetricStat": stat(FIVE_MINUTES, 300)}
    doubled = {"Id": "e2", "Expression": "m3 * 2"}
    results = (await answer(M1, longer, doubled, source=known))["MetricDataResults"]
    assert [[4.0, 2.0, 1.0], [0.25, 0.5], [0.5, 1.0]] == [each["Values"] for each in results]
    assert {(FAULTS, PERIOD), (FIVE_MINUTES, 5 * PERIOD)} == {
        (metric, period) for metric, _, _, period in known.asked
    }


@pytest.mark.parametrize(
    ("period", "start", "age", "expected"),
    [
        (60, 59_999, 0, 0),
        (60, 60_000, 0, 60_000),
        (300, 60_000, 0, 300_000),
        (10, 19_000, 0, 10_000),
        (30, 59_000, 0, 30_000),
        (60, 299_000, 16 * 86_400, 0),
        (60, 3_599_000, 64 * 86_400, 0),
    ],
)
async def test_the_start_is_rounded_as_cloudwatch_rounds_it(
    period: int, start: int, age: int, expected: int
) -> None:
    hour = START // 3_600_000 * 3_600_000
    known = source()
    data = MetricData(known, now=lambda: hour / 1000 + age, pane_seconds=10)
    await data.get_metric_data(
        {
            "MetricDataQueries": [{"Id": "m1", "MetricStat": stat(FAULTS, period)}],
            "StartTime": at(hour + start),
            "EndTime": at(hour + 7_200_000),
        }
    )
    assert [(FAULTS, hour + expected, hour + 7_200_000, period * 1000)] == known.asked


async def test_what_has_no_effect_is_accepted_and_said() -> None:
    odd = {
        "Id": "m1",
        "AccountId": "123456789012",
        "MetricStat": {**stat(FAULTS), "Unit": "Seconds"},
    }
    of_others = {
        "Id": "m2",
        "MetricStat": stat(FleetMetric("AWS/ELB", "Latency", (), "p99.9")),
    }
    options = {"Timezone": "-0130"}
    first, second = (await answer(odd, of_others, LabelOptions=options))["MetricDataResults"]
    assert [
        {"Code": "Ignored", "Value": "AccountId: this API has one account"},
        {"Code": "Ignored", "Value": "Unit: our metrics have none"},
    ] == first["Messages"]
    assert [{"Code": "Empty", "Value": "no namespace AWS/ELB here, only Detector/Fleet"}] == second[
        "Messages"
    ]
    assert (3, 0) == (len(first["Values"]), len(second["Values"]))


@pytest.mark.parametrize("scan", ["TimestampAscending", "TimestampDescending"])
async def test_pages_hold_every_datapoint_once_while_new_ones_arrive(seed: int, scan: str) -> None:
    chance = Random(seed)
    known = source()
    known.points[FAULTS] = {
        START + PERIOD * place: float(place) for place in range(60) if chance.random() < 0.6
    }
    asked: list[Mapping[str, Any]] = [M1, {**M2, "ReturnData": True}, RATIO]
    members: dict[str, Any] = {
        "ScanBy": scan, "EndTime": at(START + 60 * PERIOD), "MaxDatapoints": chance.randint(1, 9),
    }  # fmt: skip
    whole = await answer(*asked, source=known, **members | {"MaxDatapoints": 100_800})
    pages: list[Mapping[str, Any]] = []
    token: dict[str, Any] = {}
    while True:
        page = await answer(*asked, source=known, **members, **token)
        assert members["MaxDatapoints"] >= sum(
            len(each["Values"]) for each in page["MetricDataResults"]
        )
        pages.append(page)
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
        if scan == "TimestampDescending":
            newest = START + 59 * PERIOD + 1_000 * len(pages)
            known.points[FAULTS].setdefault(newest // PERIOD * PERIOD, -1.0)
    for place, expected in enumerate(whole["MetricDataResults"]):
        parts = [page["MetricDataResults"][place] for page in pages]
        times = [time for part in parts for time in part["Timestamps"]]
        assert expected["Timestamps"] == [time for time in times if time in expected["Timestamps"]]
        assert len(times) == len(set(times))
        assert "Complete" == parts[-1]["StatusCode"]
        last = max(number for number, part in enumerate(parts) if part["Values"])
        assert all("PartialData" == part["StatusCode"] for part in parts[:last])


async def test_a_token_is_of_use_for_its_request_only() -> None:
    token = (await answer(M1, MaxDatapoints=1))["NextToken"]
    expected = "The token belongs to another request: send the same parameters for every page."
    assert ("InvalidNextToken", expected) == await refusal(M1, MaxDatapoints=2, NextToken=token)


@pytest.mark.parametrize("token", ["x", "e30=", "é", "W10=", "/w=="])
async def test_what_is_no_token_is_refused(token: str) -> None:
    expected = "The token is not one that this API gave."
    assert ("InvalidNextToken", expected) == await refusal(M1, NextToken=token)


@pytest.mark.parametrize(
    ("asked", "members", "code", "message"),
    [
        (
            [M1],
            {"EndTime": at(START)},
            "InvalidParameterValue",
            "The parameter StartTime must be less than the parameter EndTime.",
        ),
        (
            [{"Id": "e1", "Expression": "m1 +"}, M1],
            {},
            "ValidationError",
            (
                "Error in expression 'e1': line 1, column 5: found the end, expected a number, "
                'an id, a function, "(" or "[".'
            ),
        ),
        ([M1, M1], {}, "ValidationError", "m1: found the id twice, expected ids that differ."),
        (
            [{"Id": "e1", "Expression": "TIME_SERIES(1)"}],
            {},
            "ValidationError",
            "e1: found no period, expected a period in seconds.",
        ),
        (
            [M1, {"Id": "e1", "Expression": "SUM(m1)"}],
            {},
            "ValidationError",
            (
                "e1: found S as the result, expected TS or TS[]: put it into TIME_SERIES(...), or "
                "return no data of it."
            ),
        ),
        ([], {}, "ValidationError", "found no query, expected at least one."),
        (
            [{**M1, "Period": 60}],
            {},
            "InvalidParameterValue",
            (
                "The parameter MetricDataQueries.member.1.Period belongs to an Expression, "
                "expected none."
            ),
        ),
        (
            [M2, {"Id": "m1", "MetricStat": stat(FAULTS, 45)}],
            {},
            "InvalidParameterValue",
            (
                "The parameter MetricDataQueries.member.2.MetricStat.Period is 45, expected 1, 5, "
                "10, 20, 30 or a multiple of 60."
            ),
        ),
        (
            [{"Id": "e1", "Expression": "TIME_SERIES(1)", "Period": 5}],
            {},
            "InvalidParameterValue",
            (
                "The parameter MetricDataQueries.member.1.Period is 5, expected a multiple of 10, "
                "the seconds of a pane."
            ),
        ),
        (
            [{"Id": "m1", "MetricStat": {**stat(FAULTS), "Stat": "Median"}}],
            {},
            "InvalidParameterValue",
            (
                "The parameter MetricDataQueries.member.1.MetricStat.Stat is Median, expected "
                "SampleCount, Average, Sum, Minimum, Maximum or an extended statistic such as p99."
            ),
        ),
        (
            [{"Id": "m1", "MetricStat": {**stat(FAULTS), "Metric": {"Namespace": "a"}}}],
            {},
            "MissingParameter",
            "The parameter MetricDataQueries.member.1.MetricStat.Metric.MetricName is required.",
        ),
        (
            [
                {
                    "Id": "m1",
                    "MetricStat": {
                        **stat(FAULTS),
                        "Metric": {
                            "Namespace": "a",
                            "MetricName": "b",
                            "Dimensions": [{"Name": "Zone", "Value": "1"}] * 2,
                        },
                    },
                }
            ],
            {},
            "InvalidParameterValue",
            (
                "The parameter MetricDataQueries.member.1.MetricStat.Metric.Dimensions holds Zone "
                "twice, expected once."
            ),
        ),
        (
            [M1],
            {"MaxDatapoints": 0},
            "InvalidParameterValue",
            "The parameter MaxDatapoints is 0, expected 1 to 100800.",
        ),
        (
            [M1],
            {"LabelOptions": {"Timezone": "CET"}},
            "InvalidParameterValue",
            "The parameter LabelOptions.Timezone is CET, expected + or - and four digits.",
        ),
        (
            [M1],
            {"StartTime": at(START) - timedelta(days=15_000)},
            "InvalidParameterValue",
            (
                f"The request computes 21,600,010 datapoints, expected at most {MAX_COMPUTED:,}: "
                "increase Period, or ask for less."
            ),
        ),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_clear_words(
    asked: list[Mapping[str, Any]], members: dict[str, Any], code: str, message: str
) -> None:
    assert (code, message) == await refusal(*asked, **members)


class Growing(MetricsInMemory):
    """A source that gets another minute of everything between two readings."""

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        found = super().read(metric, start_ms, end_ms, period_ms)
        for values in self.points.values():
            values[max(values) + PERIOD] = 9.0
        return found


@pytest.mark.parametrize(
    ("minutes_later", "expected"), [(0.5, [2.0]), (1.0, [2.0]), (5.0, [2.0, 0.0])]
)
async def test_all_metrics_of_a_request_are_read_to_the_same_instant(
    minutes_later: float, expected: list[float]
) -> None:
    """Else the newest minute would be 0 / 9: missing beside a datapoint is 0 in metric math.

    One that brings nothing for a minute by the clock is not waited for any longer.
    """
    known = Growing({FAULTS: {START: 2.0}, REQUESTS: {START: 1.0}})
    known.whole = START + PERIOD
    now = START / 1000 + 60 + 60 * minutes_later
    data = MetricData(known, now=lambda: now, pane_seconds=10)
    answered = await data.get_metric_data(
        {
            "MetricDataQueries": [{**M1, "ReturnData": False}, M2, RATIO],
            "StartTime": at(START),
            "EndTime": at(START + 10 * PERIOD),
            "ScanBy": "TimestampAscending",
        }
    )
    [ratio] = answered["MetricDataResults"]
    assert expected == ratio["Values"]


class Costly(MetricsInMemory):
    """A source that gives up."""

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        raise RangeTooCostlyError("reading took longer than 5 s")


async def test_a_range_that_costs_too_much_is_refused() -> None:
    expected = (
        "The range is too costly: reading took longer than 5 s; increase Period, or shorten the "
        "time range."
    )
    assert ("InvalidParameterValue", expected) == await refusal(M1, source=Costly({}))
