"""Ranges: what is asked when nothing more is said."""

from detector.cloudwatch.metrics.ranges import RangeRequest, RankOrder


def test_ten_contributors_by_their_sum_are_what_is_asked_for() -> None:
    request = RangeRequest("rule:r", 0, 60_000, 60_000)
    assert (10, RankOrder.SUM) == (request.max_contributors, request.order)
