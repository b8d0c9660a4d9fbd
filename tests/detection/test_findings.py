"""Evidence begins with what is known of the window alone."""

import pytest

from detector.detection.findings import blank_evidence, with_numbers
from tests.support.windows import EPOCH, WINDOW, meta_of


def test_blank_evidence_accuses_nobody_and_keeps_what_the_window_lacks() -> None:
    evidence = blank_evidence(meta_of(partial=True, missing=["logs/1"]))
    assert (EPOCH - WINDOW, EPOCH, False, True, ("logs/1",)) == (
        evidence.window_start,
        evidence.window_end,
        evidence.complete,
        evidence.partial,
        evidence.missing_partitions,
    )
    assert (False, 1.0, 0.0) == (evidence.confirmed, evidence.p_value, evidence.share)


def test_numbers_are_set_by_name_and_unknown_names_are_refused() -> None:
    assert with_numbers(meta_of(), share=0.5).share == pytest.approx(0.5)
    with pytest.raises(TypeError, match="colour"):
        with_numbers(meta_of(), colour="red")
