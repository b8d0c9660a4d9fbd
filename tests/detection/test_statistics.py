"""Facts about the counting statistics, against exact rational arithmetic and published examples."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detection.statistics import (
    PeerComparison,
    benjamini_hochberg,
    binomial_upper_tail,
    check_constants,
    compare,
    divide,
    excess_faults,
    hypergeometric_upper_tail,
    pearson_dispersion,
    r66,
    read_counts,
    sum_of_others,
)


def exact_tail(n: int, p: Fraction, k: int) -> Fraction:
    """Add up the binomial terms in whole numbers."""
    hit, of = p.numerator, p.denominator
    terms = (comb(n, i) * hit**i * (of - hit) ** (n - i) for i in range(max(k, 0), n + 1))
    return Fraction(sum(terms), of**n)


TAILS = [
    (n, p, k)
    for n in (1, 7, 40, 365, 2000)
    for p in (Fraction(1, 20_000), Fraction(1, 3), Fraction(1, 2), Fraction(99, 100))
    for k in sorted({1, 2, 5, n // 3, n // 2, n - 1, n})
    if 1 <= k <= n and exact_tail(n, p, k) > Fraction(1, 10**300)
]


@pytest.mark.parametrize(("n", "p", "k"), TAILS)
def test_the_tail_equals_the_sum_of_exact_fractions(n: int, p: Fraction, k: int) -> None:
    expected = float(exact_tail(n, p, k))
    assert expected == pytest.approx(float(binomial_upper_tail(n, float(p), k)), rel=1e-11)


@given(
    n=st.integers(0, 60),
    k=st.integers(-3, 63),
    p=st.fractions(0, 1, max_denominator=1000),
)
def test_the_tail_is_exact_for_any_small_case(n: int, k: int, p: Fraction) -> None:
    expected = float(exact_tail(n, p, k)) if k > 0 else 1.0
    found = float(binomial_upper_tail(n, float(p), k))
    assert expected == pytest.approx(found, rel=1e-10, abs=1e-300)


def test_the_tail_is_vectorised_and_handles_every_edge() -> None:
    tail = binomial_upper_tail([10, 10, 10, 10, 10, 10, 0, 0], [0.5, 0.5, 0.5, 0, 1, 0, 0.5, 0.5], [
        *(0, -1, 11),
        *(1, 10, 0),
        *(0, 1),
    ])  # fmt: skip
    assert [1, 1, 0, 0, 1, 1, 1, 0] == tail.tolist()
    assert (0,) == binomial_upper_tail([], [], []).shape


def test_fractional_counts_are_rounded_up_beyond_the_noise_of_adding() -> None:
    ten_tenths = sum([0.1] * 10)
    tail = binomial_upper_tail([9.5, 10 + 1e-12, 10], 0.5, [8, 8, 7 * ten_tenths + 1 + 1e-12])
    assert [56 / 1024] * 3 == pytest.approx(tail.tolist(), rel=1e-12)
    assert 11 / 1024 == pytest.approx(float(binomial_upper_tail(10, 0.5, 8.4)), rel=1e-12)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_chance_outside_zero_to_one_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        binomial_upper_tail(10, [0.5, p], 1)


@pytest.mark.parametrize(
    ("total", "exposure", "limit"), [(25, Fraction(1, 10), 1.2e-10), (50, Fraction(1, 5), 3.1e-10)]
)
def test_a_host_that_passes_guarded_r66_is_far_beyond_the_share_test(
    total: int, exposure: Fraction, limit: float
) -> None:
    """Two thirds of 25 faults on a tenth of the traffic are not luck, even at 1.25 the rate."""
    rho = Fraction(5, 4)
    weight = rho * exposure / (rho * exposure + 1 - exposure)
    top = -(-66 * total // 100)
    assert float(exact_tail(total, weight, top)) <= limit
    found = float(binomial_upper_tail(total, float(weight), top))
    assert float(exact_tail(total, weight, top)) == pytest.approx(found, rel=1e-11)


def bh_by_definition(p: list[float], q: float, tested: int) -> list[bool]:
    """Find the largest rank k with at least k p-values up to q k / n, trying each rank on each."""
    for k in range(len(p), 0, -1):
        if sum(value <= q * k / tested for value in p) >= k:
            return [value <= q * k / tested for value in p]
    return [False] * len(p)


def test_benjamini_and_hochberg_reject_four_of_their_published_fifteen() -> None:
    """Benjamini and Hochberg (1995), section 3.2: thrombolysis trial, q = 0.05."""
    published = (
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    )
    assert [True] * 4 + [False] * 11 == benjamini_hochberg(published, 0.05).tolist()
    assert [False] * 11 + [True] * 4 == benjamini_hochberg(published[::-1], 0.05).tolist()


@given(
    p=st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1e-9, 1e-3, 0.01]), max_size=30),
    q=st.sampled_from([1e-3, 0.05, 0.5]),
    untested=st.integers(0, 50),
)
def test_benjamini_and_hochberg_match_their_definition(
    p: list[float], q: float, untested: int
) -> None:
    tested = len(p) + untested
    expected = bh_by_definition(p, q, tested)
    assert expected == benjamini_hochberg(p, q, hypotheses=tested).tolist()
    assert expected == benjamini_hochberg([*p, *[1.0] * untested], q).tolist()[: len(p)]


def test_fewer_hypotheses_than_p_values_are_refused() -> None:
    with pytest.raises(ValueError, match="hypotheses is 1, expected at least 2"):
        benjamini_hochberg([0.1, 0.2], 0.05, hypotheses=1)


def test_an_unknown_p_value_is_never_rejected() -> None:
    assert [True, False] == benjamini_hochberg([0.0, float("nan")], 0.05).tolist()


def test_r66_names_the_two_with_most_faults() -> None:
    assert (2, 0.7, 0, 0.2) == pytest.approx(r66([2, 1, 7]))


def test_r66_prefers_the_lower_index_on_a_tie() -> None:
    assert (0, 0.5, 1, 0.5) == r66([3, 3])


@pytest.mark.parametrize("faults", [[], [0.0], [0, 0, 0]])
def test_r66_names_nobody_without_faults(faults: list[float]) -> None:
    assert (-1, 0.0, -1, 0.0) == r66(faults)


def test_r66_names_no_runner_up_without_faults() -> None:
    assert (1, 1.0, -1, 0.0) == r66([0, 4, 0])
    assert (0, 1.0, -1, 0.0) == r66([4])


def test_excess_is_what_the_peers_would_not_have_had() -> None:
    """The others meet 2 faults in 200 requests, so 100 requests explain one fault of the eleven."""
    assert [10.0, -5.0, -5.0] == excess_faults([11, 1, 1], [100, 100, 100]).tolist()


def test_excess_is_unknown_and_so_zero_without_peers() -> None:
    assert [0.0] == excess_faults([5], [10]).tolist()
    assert [0.0, -0.0] == excess_faults([5, 0], [10, 0]).tolist()
    assert (0,) == excess_faults([], []).shape


@given(
    st.lists(
        st.tuples(st.integers(0, 1000), st.integers(0, 50), st.booleans()), min_size=1, max_size=20
    )
)
def test_a_comparison_recounts_the_pool_of_each_host(rows: list[tuple[int, int, bool]]) -> None:
    requests, faults, clean = (list(column) for column in zip(*rows, strict=True))
    found = compare(np.array(requests, float), np.array(faults, float), np.array(clean))
    for host in range(len(rows)):
        peers = [peer for peer in range(len(rows)) if clean[peer] and peer != host]
        assert sum(requests[peer] for peer in peers) == found.peer_requests[host]
        assert sum(faults[peer] for peer in peers) == found.peer_faults[host]


@given(
    st.lists(st.tuples(*[st.integers(0, 40)] * 4), min_size=1, max_size=20),
    st.sampled_from([1, 2, 3]),
)
def test_a_rate_is_compared_without_rounding(
    rows: list[tuple[int, int, int, int]], ratio: int
) -> None:
    comparison = PeerComparison(*(np.array(column, float) for column in zip(*rows, strict=True)))
    expected = [
        requests > 0
        and Fraction(faults, requests)
        >= ratio * (peer_faults + Fraction(1, 2)) / (peer_requests + 1)
        for requests, faults, peer_requests, peer_faults in rows
    ]
    assert expected == comparison.is_rate_at_least(ratio).tolist()


def test_dividing_rounds_own_faults_down_and_keeps_requests() -> None:
    one = PeerComparison(np.array([10.0]), np.array([7.0]), np.array([100.0]), np.array([9.0]))
    divided = one.divided(np.array([2.0]))
    assert (10, 3, 100, 4.5) == (
        *(divided.requests[0], divided.faults[0]),
        *(divided.peer_requests[0], divided.peer_faults[0]),
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 9), st.booleans()), min_size=1, max_size=20
    )
)
def test_dispersion_is_pearsons_sum_over_the_clean_hosts(rows: list[tuple[int, int, bool]]) -> None:
    clean = [(requests, faults) for requests, faults, is_clean in rows if is_clean and requests]
    total = sum(faults for _, faults in clean)
    expected = Fraction(1)
    if len(clean) > 1 and total:
        rate = Fraction(total, sum(requests for requests, _ in clean))
        squares = [
            (faults - rate * requests) ** 2 / (rate * requests) for requests, faults in clean
        ]
        expected = sum(squares, Fraction(0)) / (len(clean) - 1)
    requests, faults, mask = (np.array(column) for column in zip(*rows, strict=True))
    found = pearson_dispersion(requests.astype(float), faults.astype(float), mask)
    assert float(expected) == pytest.approx(found, rel=1e-9, abs=1e-9)


def test_the_others_of_a_suspect_are_all_clean_hosts() -> None:
    others = sum_of_others(np.array([1.0, 2.0, 4.0]), np.array([True, True, False]))
    assert [2.0, 1.0, 3.0] == others.tolist()


def test_dividing_by_nothing_gives_nothing() -> None:
    assert [2.0, 0.0] == divide(np.array([4.0, 4.0]), np.array([2.0, 0.0])).tolist()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1.0]], "faults has 2 dimensions, expected 1"),
        ([1.0, 2.0], "faults has 2 elements, expected 1"),
        ([-1.0], "negative or non-finite"),
        ([float("nan")], "negative or non-finite"),
        ([float("inf")], "negative or non-finite"),
    ],
)
def test_what_is_not_a_count_is_refused(values: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_counts(values, "faults", 1)


def test_all_constants_out_of_bounds_are_named_at_once() -> None:
    class Constants:
        chance, part, least = 1.0, -0.5, float("inf")

    with pytest.raises(ValueError, match=r"less than 1; part is -0\.5, .*; least is inf"):
        check_constants(
            Constants(), chances=("chance",), fractions=("part",), at_least_one=("least",)
        )


def test_closed_bounds_are_allowed() -> None:
    class Constants:
        chance, part, least = 0.5, 1.0, 1

    check_constants(Constants(), chances=("chance",), fractions=("part",), at_least_one=("least",))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 41))
def test_the_hypergeometric_tail_is_the_exact_one(
    marked: int, drawn: int, more: int, hits: int
) -> None:
    hosts = max(marked, drawn) + more
    ways = sum(
        comb(marked, k) * comb(hosts - marked, drawn - k)
        for k in range(hits, min(marked, drawn) + 1)
        if drawn - k <= hosts - marked
    )
    expected = Fraction(ways, comb(hosts, drawn))
    found = hypergeometric_upper_tail(hosts, marked, drawn, hits)
    assert float(expected) == pytest.approx(found, rel=1e-9, abs=1e-300)
