"""Percentiles within one percent, against exact ones and another sketch."""

import math

import numpy as np
import pytest
from datasketches import tdigest_double
from hypothesis import given
from hypothesis import strategies as st

from detector.tables.ddsketch import (
    FIRST_BUCKET,
    LARGEST,
    LAST_BUCKET,
    RELATIVE_ERROR,
    SMALLEST,
    ZERO_BUCKET,
    bucket_of,
    quantiles,
    value_of,
)

values = st.floats(SMALLEST, LARGEST / 2) | st.floats(1e-3, 1e5)


@given(values)
def test_a_bucket_answers_within_the_error_of_everything_in_it(value: float) -> None:
    answer = float(value_of(np.array([bucket_of(value)]))[0])
    assert answer == pytest.approx(value, rel=RELATIVE_ERROR * (1 + 1e-9))
    assert FIRST_BUCKET <= bucket_of(value) <= LAST_BUCKET


def test_nothing_is_outside_the_buckets() -> None:
    assert [ZERO_BUCKET, ZERO_BUCKET, FIRST_BUCKET, LAST_BUCKET, LAST_BUCKET] == [
        bucket_of(value) for value in (0.0, SMALLEST / 2, SMALLEST, LARGEST, 1e300)
    ]
    assert 0.0 == value_of(np.array([ZERO_BUCKET]))[0]
    assert -(2**15) <= ZERO_BUCKET < LAST_BUCKET < 2**15


def sketched(
    drawn: list[list[float]], at: tuple[float, ...]
) -> tuple[list[float], list[list[float]]]:
    owners = [owner for owner, each in enumerate(drawn) for _ in each]
    buckets = [bucket_of(value) for each in drawn for value in each]
    totals, found = quantiles(
        np.array(owners, np.int64), np.array(buckets, np.int64), np.ones(len(owners)), at,
        len(drawn),
    )  # fmt: skip
    return totals.tolist(), found.tolist()


@given(
    st.lists(st.lists(st.just(0.0) | values, max_size=30), min_size=1, max_size=5),
    st.lists(st.floats(0, 100), min_size=1, max_size=4).map(tuple),
)
def test_every_percentile_is_within_the_error_of_the_observation_of_its_rank(
    drawn: list[list[float]], at: tuple[float, ...]
) -> None:
    totals, found = sketched(drawn, at)
    assert [float(len(each)) for each in drawn] == totals
    for each, row in zip(drawn, found, strict=True):
        ranked = sorted(each)
        for rank, answer in zip(at, row, strict=True):
            exact = ranked[math.floor(rank / 100 * (len(ranked) - 1))] if ranked else 0.0
            assert exact == pytest.approx(answer, rel=2 * RELATIVE_ERROR, abs=1e-9)


def test_entries_add_up_in_any_order(seed: int) -> None:
    chance = np.random.default_rng(seed)
    owners = chance.integers(0, 20, 3_000)
    buckets = chance.integers(-50, 400, 3_000)
    weights = chance.integers(1, 5, 3_000).astype(np.float64)
    order = chance.permutation(3_000)
    at = (0.0, 12.5, 50.0, 99.0, 100.0)
    one = quantiles(owners, buckets, weights, at, 20)
    other = quantiles(owners[order], buckets[order], weights[order], at, 20)
    merged = quantiles(
        np.repeat(owners, weights.astype(np.int64)),
        np.repeat(buckets, weights.astype(np.int64)),
        np.ones(int(weights.sum())),
        at,
        20,
    )
    for answer in (other, merged):
        assert one[0].tolist() == answer[0].tolist()
        assert one[1].tolist() == answer[1].tolist()


def test_latencies_have_the_percentiles_that_another_sketch_finds(seed: int) -> None:
    """Against the t-digest of DataSketches, which promises nothing but is good in practice."""
    drawn = np.random.default_rng(seed).lognormal(3.0, 1.0, 20_000)
    digest = tdigest_double(500)
    digest.update(drawn)
    at = (50.0, 90.0, 99.0, 99.9)
    [found] = sketched([drawn.tolist()], at)[1]
    for rank, answer in zip(at, found, strict=True):
        assert answer == pytest.approx(digest.get_quantile(rank / 100), rel=0.04)
        assert answer == pytest.approx(np.quantile(drawn, rank / 100), rel=0.03)
