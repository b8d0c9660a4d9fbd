"""Evidence follows a host by its name, through other rows, restarts and departures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detection.detectors.host_evidence import HostEvidence
from tests.support.windows import Host, fleet_of, meta_of

FIRST = fleet_of([Host("a"), Host("b"), Host("c", zone="az2")], meta_of(0))
SECOND = fleet_of([Host("new"), Host("b"), Host("b", zone="az2"), Host("c", zone="az2")])


def test_the_same_rows_give_back_what_was_kept() -> None:
    evidence = HostEvidence()
    assert [0.0, 0.0, 0.0] == evidence.of(FIRST).tolist()
    assert [1.0, 0.0, 3.0] == evidence.keep(FIRST, np.array([1.0, 0.0, 3.0]), 9).tolist()
    assert [1.0, 0.0, 3.0] == evidence.of(FIRST).tolist()
    assert (2, meta_of(0).window.end_ms) == (len(evidence), evidence.end_ms)


def test_other_rows_are_found_by_zone_and_host() -> None:
    evidence = HostEvidence()
    evidence.keep(FIRST, np.array([1.0, 2.0, 3.0]), 9)
    assert [0.0, 2.0, 0.0, 3.0] == evidence.of(SECOND).tolist()
    assert [["az1", [["a", 1000], ["b", 2000]]], ["az2", [["c", 3000]]]] == evidence.snapshot()[1]


def test_the_largest_are_kept_the_first_on_a_tie_and_none_without_room() -> None:
    evidence = HostEvidence()
    assert [2.0, 2.0, 0.0] == evidence.keep(FIRST, np.array([2.0, 2.0, 2.0]), 2).tolist()
    assert [0.0, 0.0, 0.0] == evidence.keep(FIRST, np.array([2.0, 2.0, 2.0]), -4).tolist()


def test_what_was_restored_is_counted_and_found() -> None:
    evidence = HostEvidence()
    evidence.keep(FIRST, np.array([1.0, 0.0, 3.0]), 9)
    restored = HostEvidence.restored(evidence.snapshot())
    assert (2, evidence.snapshot()) == (len(restored), restored.snapshot())
    assert [1.0, 0.0, 3.0] == restored.of(FIRST).tolist()


@given(st.lists(st.floats(0.0, 100.0), min_size=3, max_size=3))
def test_a_restart_changes_no_bit_of_what_is_kept(values: list[float]) -> None:
    evidence = HostEvidence()
    kept = evidence.keep(FIRST, np.array(values), 9)
    restored = HostEvidence.restored(evidence.snapshot())
    assert kept.tolist() == restored.of(FIRST).tolist()
    assert values == pytest.approx(kept.tolist(), abs=0.0005 + 1e-9)
