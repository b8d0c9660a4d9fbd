"""GetInsightRuleReport: members as CloudWatch's model has them, and every refusal word for word."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import botocore.session
import numpy as np
import pytest
from botocore.validate import validate_parameters

from detector.cloudwatch.metrics.ranges import (
    RangePoints,
    RangeReport,
    RangeRequest,
    RangeTooCostlyError,
    RankedContributor,
    RankOrder,
)
from detector.cloudwatch.metrics.series import RuleMetric, Series
from detector.cloudwatch.operations.contract import ApiError, Members
from detector.cloudwatch.operations.rule_reports import KnownRule, ReportLimits, RuleReports
from detector.rules.rules import Aggregate

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
START_MS = 1_795_428_000_000
MINUTE = 60_000
NOW = START + timedelta(hours=30)
RULE = KnownRule(("$.zone", "$.host"), Aggregate.SUM)
MODEL = botocore.session.get_session().get_service_model("cloudwatch")
OPERATION = MODEL.operation_model("GetInsightRuleReport")


def series(*points: tuple[int, float]) -> Series:
    times, values = zip(*points, strict=True)
    return Series(np.array(times, np.int64), np.array(values, np.float64))


def report_of() -> RangeReport:
    metrics = {metric: np.array([float(n), n + 0.5]) for n, metric in enumerate(RuleMetric)}
    metrics[RuleMetric.AVERAGE][1] = np.nan
    times = np.array([START_MS, START_MS + MINUTE])
    return RangeReport(
        key_labels=("old",),
        value=12.5,
        unique=3,
        contributors=(
            RankedContributor(("az1", "h1"), 9.0, 8.0, series((START_MS, 1), (times[1], 8))),
            RankedContributor(("az2", "h2"), 2.0, 2.0, series((times[1], 2))),
        ),
        points=RangePoints(times, np.array([True, False]), metrics),
        understated_by=0.0,
        panes=12,
        incomplete_panes=1,
    )


class History:
    """A history with a given answer, which records the requests."""

    def __init__(self, answer: RangeReport | Exception | None) -> None:
        self.answer = answer
        self.asked: list[RangeRequest] = []

    async def report(self, request: RangeRequest) -> RangeReport | None:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def operation(history: History) -> RuleReports:
    return RuleReports(
        history,
        {"faults": RULE}.get,
        ReportLimits(pane_ms=10_000, retention_days=15),
        NOW.timestamp,
    )


def members(**changed: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "RuleName": "faults",
        "StartTime": START,
        "EndTime": START + timedelta(hours=1),
        "Period": 60,
    }
    return {name: value for name, value in (plain | changed).items() if value is not None}


async def answer(history: History, **changed: Any) -> Members:
    asked = members(**changed)
    validate_parameters(asked, OPERATION.input_shape)
    response = await operation(history)(asked)
    # What botocore would refuse to send it would not expect to receive either.
    validate_parameters(dict(response), OPERATION.output_shape)
    return response


async def refusal(**changed: Any) -> tuple[str, str]:
    history = History(report_of())
    with pytest.raises(ApiError) as refused:
        await operation(history)(members(**changed))
    assert [] == history.asked
    return refused.value.code, str(refused.value)


async def test_a_report_has_all_members_of_the_model() -> None:
    response = await answer(History(report_of()), Metrics=["Sum", "Average", "Sum"])
    assert {
        "KeyLabels": ["$.zone", "$.host"],
        "AggregationStatistic": "SUM",
        "AggregateValue": 12.5,
        "ApproximateUniqueCount": 3,
        "Contributors": [
            {
                "Keys": ["az1", "h1"],
                "ApproximateAggregateValue": 9.0,
                "Datapoints": [
                    {"Timestamp": START, "ApproximateValue": 1.0},
                    {"Timestamp": START + timedelta(minutes=1), "ApproximateValue": 8.0},
                ],
            },
            {
                "Keys": ["az2", "h2"],
                "ApproximateAggregateValue": 2.0,
                "Datapoints": [
                    {"Timestamp": START + timedelta(minutes=1), "ApproximateValue": 2.0}
                ],
            },
        ],
        "MetricDatapoints": [
            {"Timestamp": START, "Sum": 3.0, "Average": 6.0},
            {"Timestamp": START + timedelta(minutes=1), "Sum": 3.5},
        ],
    } == response
    assert set(response) == set(OPERATION.output_shape.members)


async def test_metrics_are_returned_only_on_request() -> None:
    assert "MetricDatapoints" not in await answer(History(report_of()))
    [first, _] = (await answer(History(report_of()), Metrics=[*RuleMetric]))["MetricDatapoints"]
    shape = OPERATION.output_shape.members["MetricDatapoints"].member
    assert set(first) == set(shape.members)


async def test_what_is_asked_for_is_asked_of_the_history() -> None:
    history = History(report_of())
    await answer(history)
    await answer(
        history,
        StartTime=START.astimezone(timezone(timedelta(hours=5))),
        EndTime=START + timedelta(hours=24),
        Period=10,
        MaxContributorCount=500,
        OrderBy="Maximum",
    )
    end = START_MS + 60 * MINUTE
    assert [
        RangeRequest("rule:faults", START_MS, end, MINUTE, 10, RankOrder.SUM),
        RangeRequest(
            "rule:faults", START_MS, START_MS + 1440 * MINUTE, 10_000, 500, RankOrder.MAXIMUM
        ),
    ] == history.asked


async def test_a_rule_without_reports_has_an_empty_report() -> None:
    response = await answer(History(None), Metrics=["Sum"])
    assert {
        "KeyLabels": ["$.zone", "$.host"],
        "AggregationStatistic": "SUM",
        "AggregateValue": 0.0,
        "ApproximateUniqueCount": 0,
        "Contributors": [],
        "MetricDatapoints": [],
    } == response


@pytest.mark.parametrize("name", ["RuleName", "StartTime", "EndTime", "Period"])
async def test_a_required_parameter_that_is_missing_is_named(name: str) -> None:
    expected = ("MissingParameter", f"The parameter {name} is required.")
    assert expected == await refusal(**{name: None})
    assert name in OPERATION.input_shape.required_members


async def test_a_rule_that_does_not_exist_is_not_found() -> None:
    expected = ("ResourceNotFoundException", "The rule 'other' does not exist.")
    assert expected == await refusal(RuleName="other")


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"EndTime": START},
            "The parameter StartTime must be less than EndTime.",
        ),
        (
            {"EndTime": START + DAY + timedelta(seconds=1)},
            "The time from StartTime to EndTime is 86401 seconds, expected at most 86400.",
        ),
        (
            {"StartTime": NOW - 15 * DAY - timedelta(seconds=1), "EndTime": NOW - 15 * DAY},
            "The parameter StartTime is more than 15 days before now.",
        ),
        (
            {"Period": 15},
            "The parameter Period is 15, expected a multiple of 10 seconds, at most 86400.",
        ),
        (
            {"Period": 0},
            "The parameter Period is 0, expected a multiple of 10 seconds, at most 86400.",
        ),
        (
            {"Period": 86_410},
            "The parameter Period is 86410, expected a multiple of 10 seconds, at most 86400.",
        ),
        (
            {"MaxContributorCount": 0},
            "The parameter MaxContributorCount is 0, expected 1 to 500.",
        ),
        (
            {"MaxContributorCount": 501},
            "The parameter MaxContributorCount is 501, expected 1 to 500.",
        ),
        (
            {"OrderBy": "sum"},
            "The parameter OrderBy is 'sum', expected Sum or Maximum.",
        ),
        (
            {"Metrics": ["Sum", "Median"]},
            (
                "The parameter Metrics holds 'Median', expected some of UniqueContributors, "
                "MaxContributorValue, SampleCount, Sum, Minimum, Maximum, Average."
            ),
        ),
        (
            {"StartTime": datetime(2026, 11, 23, 10)},  # noqa: DTZ001 - that it has none is the point
            (
                "The parameter StartTime is datetime.datetime(2026, 11, 23, 10, 0), "
                "expected a timestamp."
            ),
        ),
    ],
)
async def test_a_value_that_cannot_be_is_refused_word_for_word(
    changed: dict[str, Any], message: str
) -> None:
    assert ("InvalidParameterValue", message) == await refusal(**changed)


async def test_a_range_that_costs_too_much_is_refused() -> None:
    history = History(RangeTooCostlyError("reading took longer than 10 s"))
    with pytest.raises(ApiError) as refused:
        await operation(history)(members())
    assert (
        "InvalidParameterValue",
        "The report cannot be made: reading took longer than 10 s.",
    ) == (
        refused.value.code,
        str(refused.value),
    )


async def test_every_code_is_one_that_the_model_gives_the_operation() -> None:
    codes = {shape.metadata["error"]["code"] for shape in OPERATION.error_shapes}
    assert {"InvalidParameterValue", "MissingParameter", "ResourceNotFoundException"} == codes
