"""A pane closes when every source is past it, or after the maximum wait."""

from detector.tables.watermarks import SourceProgress

TWO = {"logs": 2}


def test_nothing_may_close_before_anybody_spoke() -> None:
    progress = SourceProgress(30_000)
    assert (-1, -1, ()) == (
        progress.frontier(1e9),
        progress.complete_through(),
        progress.missing(0),
    )


def test_the_slowest_source_sets_the_pace() -> None:
    progress = SourceProgress(30_000)
    progress.note(("logs", 0), 50, TWO, 0.0)
    assert -1 == progress.frontier(0.0)
    progress.note(("logs", 1), 20, TWO, 0.0)
    assert 20 == progress.frontier(0.0)
    assert ("logs/1",) == progress.missing(30)


def test_progress_never_goes_back() -> None:
    progress = SourceProgress(30_000)
    progress.note(("logs", 0), 50, {"logs": 1}, 0.0)
    progress.note(("logs", 0), 20, {"logs": 1}, 0.0)
    assert (50, 50) == (progress.through(("logs", 0)), progress.frontier(0.0))


def test_patience_runs_from_when_a_pane_was_first_passed() -> None:
    """Panes 20 and 50 are passed at seconds 100 and 110; the maximum wait is 30 seconds."""
    progress = SourceProgress(30_000)
    progress.note(("logs", 0), 20, TWO, 100.0)
    progress.note(("logs", 0), 50, TWO, 110.0)
    frontiers = [progress.frontier(now) for now in (129.9, 130.0, 139.9, 140.0)]
    assert [-1, 20, 20, 50] == frontiers


def test_a_clock_that_goes_back_takes_no_pane_back() -> None:
    progress = SourceProgress(30_000)
    progress.note(("logs", 0), 20, TWO, 100.0)
    assert [20, 20] == [progress.frontier(130.0), progress.frontier(0.0)]


def test_a_new_topic_is_waited_for_as_soon_as_one_source_declares_it() -> None:
    """Source 1 still runs the old configuration and speaks last."""
    progress = SourceProgress(30_000)
    progress.note(("logs", 0), 50, {"logs": 2, "more": 1}, 0.0)
    progress.note(("logs", 1), 50, TWO, 0.0)
    assert ("more/0",) == progress.missing(50)


def test_a_topic_that_nobody_reads_any_more_is_not_waited_for() -> None:
    progress = SourceProgress(30_000)
    both = {"logs": 2, "gone": 1}
    for source in (("logs", 0), ("logs", 1), ("gone", 0)):
        progress.note(source, 10, both, 0.0)
    for partition in range(2):
        progress.note(("logs", partition), 20, TWO, 0.0)
    assert 20 == progress.frontier(0.0)


def test_more_partitions_are_waited_for() -> None:
    progress = SourceProgress(30_000)
    progress.note(("logs", 0), 10, {"logs": 1}, 0.0)
    progress.note(("logs", 0), 20, TWO, 0.0)
    assert -1 == progress.frontier(0.0)
    progress.note(("logs", 1), 15, TWO, 0.0)
    assert 15 == progress.frontier(0.0)
