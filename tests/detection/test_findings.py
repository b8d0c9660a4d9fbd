"""Evidence begins with what is known of the window alone."""

import pytest

from detector.detection.evidence import NoMeasure
from detector.detection.findings import blank_evidence, evidence_of
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
    assert (False, 1.0, NoMeasure()) == (evidence.confirmed, evidence.p_value, evidence.measure)


def test_members_of_the_head_are_set_by_name_and_unknown_names_are_refused() -> None:
    assert evidence_of(meta_of(), NoMeasure(), peers=5).peers == 5
    with pytest.raises(TypeError, match="colour"):
        evidence_of(meta_of(), NoMeasure(), colour="red")
