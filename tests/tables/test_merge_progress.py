"""How far a merge has come, as its owner asks."""

from detector.core.vocabulary import ClosedBy
from detector.tables.merge import Merge
from detector.tables.pane_records import TALLY_SCHEMA, PaneRecord
from detector.tables.windows import WindowTimes

TIMES = WindowTimes()


def progress(through_ms: int) -> PaneRecord:
    """Report that the only source partition has closed everything through a pane."""
    return PaneRecord(
        TALLY_SCHEMA, "logs", 0, {"logs": 1}, -1, through_ms, ClosedBy.WATERMARK, False,
        0, 0, 0, [], [],
    )  # fmt: skip


def test_nothing_has_closed_before_the_first_record() -> None:
    assert Merge(TIMES, 10).closed_through is None


def test_the_newest_closed_pane_is_told_whether_or_not_it_showed_anything() -> None:
    merge = Merge(TIMES, 10)
    for pane in (5, 6):
        merge.apply(progress(pane * TIMES.pane_ms), 0.0)
        merge.advance(0.0)
    assert 6 * TIMES.pane_ms == merge.closed_through
