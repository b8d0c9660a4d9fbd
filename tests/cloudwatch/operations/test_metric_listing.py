"""ListMetrics and GetMetricStatistics: answers that the model admits, and exact refusals."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from detector.cloudwatch.metrics.series import FleetMetric
from detector.cloudwatch.operations.contract import ApiError
from detector.cloudwatch.operations.metric_listing import (
    ListedMetric,
    MetricListing,
    MetricStatistics,
)
from tests.support.cloudwatch import MetricsInMemory, at, check_answer, check_request

START = 1_764_000_000_000
PERIOD = 60_000
FLEET = ("Fleet", "checkout")


class Catalogue:
    """A catalogue in memory, in no order."""

    def __init__(self, metrics: Iterable[ListedMetric]) -> None:
        self.metrics = list(metrics)

    def listed(self) -> Iterable[ListedMetric]:
        return reversed(self.metrics)


BY_FLEET = [
    ListedMetric("Detector/Fleet", name, (FLEET,)) for name in ("Faults", "Requests", "Slow")
]
BY_ZONE = [
    ListedMetric("Detector/Fleet", name, (FLEET, ("Zone", zone)))
    for name in ("Faults", "Requests")
    for zone in ("az1", "az2")
]


async def listed(catalogue: Catalogue, **members: Any) -> Mapping[str, Any]:
    check_request("ListMetrics", members)
    answered = await MetricListing(catalogue).list_metrics(members)
    check_answer("ListMetrics", answered)
    return answered


def names(answered: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (each["MetricName"], *(dimension["Value"] for dimension in each["Dimensions"]))
        for each in answered["Metrics"]
    ]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"MetricName": "Slow"}, [("Slow", "checkout")]),
        ({"Namespace": "AWS/ELB"}, []),
        (
            {"Namespace": "Detector/Fleet", "MetricName": "Faults", "RecentlyActive": "PT3H"},
            [("Faults", "checkout"), ("Faults", "checkout", "az1"), ("Faults", "checkout", "az2")],
        ),
        (
            {"MetricName": "Faults", "Dimensions": [{"Name": "Zone"}]},
            [("Faults", "checkout", "az1"), ("Faults", "checkout", "az2")],
        ),
        (
            {"Dimensions": [{"Name": "Zone", "Value": "az2"}, {"Name": "Fleet"}]},
            [("Faults", "checkout", "az2"), ("Requests", "checkout", "az2")],
        ),
        ({"Dimensions": [{"Name": "Host"}]}, []),
    ],
)
async def test_metrics_are_listed_by_what_they_are_asked_for(
    members: dict[str, Any], expected: list[tuple[str, ...]]
) -> None:
    assert expected == names(await listed(Catalogue(BY_FLEET + BY_ZONE), **members))


async def test_pages_of_500_hold_every_metric_once() -> None:
    every = [ListedMetric("Detector/Fleet", f"M{at:04}", (FLEET,)) for at in range(1_101)]
    catalogue = Catalogue(every + every[:9])
    found: list[tuple[str, ...]] = []
    token: dict[str, str] = {}
    while True:
        page = await listed(catalogue, **token)
        assert 500 >= len(page["Metrics"])
        found += names(page)
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [(metric.name, "checkout") for metric in every] == found


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"RecentlyActive": "PT1H"}, "The parameter RecentlyActive is PT1H, expected PT3H."),
        ({"NextToken": "x"}, "The parameter NextToken is not one that this API gave."),
        ({"NextToken": "e30="}, "The parameter NextToken is not one that this API gave."),
    ],
)
async def test_a_listing_that_cannot_be_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError) as caught:
        await MetricListing(Catalogue([])).list_metrics(members)
    assert ("InvalidParameterValue", message) == (caught.value.code, str(caught.value))


def fleet_metric(statistic: str, namespace: str = "Detector/Fleet") -> FleetMetric:
    return FleetMetric(namespace, "Faults", (FLEET,), statistic)


async def statistics(**members: Any) -> Mapping[str, Any]:
    request = {
        "Namespace": "Detector/Fleet",
        "MetricName": "Faults",
        "Dimensions": [{"Name": "Fleet", "Value": "checkout"}],
        "StartTime": at(START + 59_000),
        "EndTime": at(START + 10 * PERIOD),
        "Period": 60,
        **members,
    }
    check_request("GetMetricStatistics", request)
    source = MetricsInMemory(
        {
            fleet_metric("Sum"): {START: 3.0, START + PERIOD: 4.0},
            fleet_metric("Average"): {START: 0.5},
            fleet_metric("p99"): {START: 9.0},
            fleet_metric("Sum", "Other"): {START: 1.0},
        }
    )
    data = MetricStatistics(source, now=lambda: START / 1000, pane_seconds=10)
    answered = await data.get_metric_statistics(request)
    check_answer("GetMetricStatistics", answered)
    return answered


async def test_statistics_of_one_period_are_one_datapoint() -> None:
    assert {
        "Label": "Faults",
        "Datapoints": [
            {"Timestamp": at(START), "Unit": "None", "Sum": 3.0, "Average": 0.5},
            {"Timestamp": at(START + PERIOD), "Unit": "None", "Sum": 4.0},
        ],
    } == await statistics(Statistics=["Sum", "Average"])


async def test_extended_statistics_stand_apart() -> None:
    expected = {"Timestamp": at(START), "Unit": "None", "ExtendedStatistics": {"p99": 9.0}}
    assert [expected] == (await statistics(ExtendedStatistics=["p99"]))["Datapoints"]


async def test_a_namespace_of_others_has_no_datapoints() -> None:
    assert [] == (await statistics(Namespace="Other", Statistics=["Sum"]))["Datapoints"]


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({}, "MissingParameter", "The parameter Statistics or ExtendedStatistics is required."),
        (
            {"Statistics": ["Sum"], "ExtendedStatistics": ["p99"]},
            "InvalidParameterCombination",
            "Either Statistics or ExtendedStatistics is expected, found both.",
        ),
        (
            {"Statistics": ["Sum"], "StartTime": at(START - 86_400_000 - PERIOD)},
            "InvalidParameterCombination",
            (
                "You have requested up to 1,451 datapoints, which exceeds the limit of 1,440: "
                "increase Period, or shorten the time range."
            ),
        ),
        (
            {"ExtendedStatistics": ["p101"]},
            "InvalidParameterValue",
            (
                "The parameter ExtendedStatistics is p101, expected SampleCount, Average, Sum, "
                "Minimum, Maximum or an extended statistic such as p99."
            ),
        ),
        (
            {"Statistics": ["Sum"], "Period": 7},
            "InvalidParameterValue",
            "The parameter Period is 7, expected 1, 5, 10, 20, 30 or a multiple of 60.",
        ),
        (
            {"Statistics": ["Sum"], "EndTime": at(START)},
            "InvalidParameterValue",
            "The parameter StartTime must be less than the parameter EndTime.",
        ),
    ],
)
async def test_statistics_that_cannot_be_read_are_refused(
    members: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ApiError) as caught:
        await statistics(**members)
    assert (code, message) == (caught.value.code, str(caught.value))
