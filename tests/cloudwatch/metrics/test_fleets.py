"""Fleet metrics: which there are, and how they are named."""

import pytest

from detector.cloudwatch.metrics.fleets import (
    FLEET_STATISTICS,
    FleetColumn,
    Statistic,
    fleet_metric,
    fleet_parts,
)
from detector.cloudwatch.metrics.series import FleetMetric


def test_a_metric_is_named_as_clients_name_it() -> None:
    expected = FleetMetric("Detector/Fleet", "Faults", (("Service", "checkout"),), "Sum")
    assert expected == fleet_metric("checkout", FleetColumn.FAULTS, Statistic.SUM)
    assert {expected: 1} == {fleet_metric("checkout", FleetColumn.FAULTS, Statistic.SUM): 1}


def test_every_metric_that_there_is_comes_back_in_its_parts() -> None:
    assert set(FleetColumn) == set(FLEET_STATISTICS)
    for column, statistics in FLEET_STATISTICS.items():
        for statistic in statistics:
            assert ("s", column, statistic) == fleet_parts(fleet_metric("s", column, statistic))


def test_counts_have_no_extremes_and_hosts_have_no_sum() -> None:
    assert Statistic.MAXIMUM not in FLEET_STATISTICS[FleetColumn.FAULTS]
    assert Statistic.SUM not in FLEET_STATISTICS[FleetColumn.HOSTS]


@pytest.mark.parametrize(
    "metric",
    [
        FleetMetric("AWS/EC2", "Faults", (("Service", "s"),), "Sum"),
        FleetMetric("Detector/Fleet", "Faults", (), "Sum"),
        FleetMetric("Detector/Fleet", "Faults", (("Host", "h"),), "Sum"),
        FleetMetric("Detector/Fleet", "Latency", (("Service", "s"),), "Sum"),
        FleetMetric("Detector/Fleet", "Faults", (("Service", "s"),), "Maximum"),
        FleetMetric("Detector/Fleet", "Faults", (("Service", "s"),), "p99"),
    ],
)
def test_a_metric_that_does_not_exist_has_no_parts(metric: FleetMetric) -> None:
    assert fleet_parts(metric) is None
