"""Reports are kept once, with their offsets, through restarts and broken files; all is counted."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from detector.cloudwatch.history import (
    Fetched,
    ReportStore,
    StoreError,
    StoreInUseError,
    read_range,
)
from detector.cloudwatch.metrics.ranges import RangeRequest
from detector.core.vocabulary import ReportResult
from detector.tables.reports import Report
from tests.support.history import (
    NOW,
    PANE,
    START,
    WINDOW,
    Pane,
    config_of,
    fetched,
    filled,
    reports_of,
)

HOUR = 3_600_000
ONE: list[Pane] = [{("a",): [1.0]}]


def value_of(store: ReportStore, rule: str = "r", panes: int = 200) -> float:
    found = read_range(store, RangeRequest(f"rule:{rule}", START, START + panes * PANE, WINDOW))
    return 0.0 if found is None else found.value


def results_of(store: ReportStore, reports: Sequence[Report | bytes | None]) -> dict[str, int]:
    records = [
        Fetched(0, offset, msgspec.json.encode(each) if isinstance(each, Report) else each)
        for offset, each in enumerate(reports)
    ]
    return {result.value: count for result, count in store.apply(records, NOW).results.items()}


def test_the_first_of_a_window_counts_in_one_batch_and_over_batches() -> None:
    reports = reports_of(ONE * 5)
    other = reports_of([{("b",): [100.0]}] * 5)
    store = ReportStore(config_of())
    assert {"stored": 5, "duplicate": 5} == results_of(store, [*reports, *other])
    assert {"duplicate": 5} == results_of(store, other)
    assert (5.0, 5) == (value_of(store), store.count)
    store.close()


def test_partitions_may_come_in_any_order_and_old_windows_late(seed: int) -> None:
    chance = random.Random(seed)
    records = []
    for part in range(3):
        reports = reports_of(ONE * 60, rule=f"r{part}")
        records += fetched(reports, part=part) + fetched(reports[40:50], part=part, first=60)
    chance.shuffle(records)
    store = ReportStore(config_of())
    counted: Counter[ReportResult] = Counter()
    while records:
        size = chance.randint(1, 30)
        counted += store.apply(records[:size], NOW).results
        records = records[size:]
    assert {"stored": 180, "duplicate": 30} == {
        result.value: count for result, count in counted.items()
    }
    assert [60.0, 60.0, 60.0] == [value_of(store, f"r{part}") for part in range(3)]
    store.close()


def test_a_restart_in_the_middle_goes_on_where_the_file_says(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "folder" / "history.duckdb"
    topic = {part: fetched(reports_of(ONE * 100, rule=f"r{part}"), part=part) for part in range(2)}
    for _ in range(100):
        store = ReportStore(config_of(path))
        at = [store.offsets.get(part, 0) for part in topic]
        if at == [100, 100]:
            break
        batch = [
            record
            for part, records in topic.items()
            for record in records[at[part] : at[part] + chance.randint(5, 30)]
        ]
        assert {ReportResult.STORED} == set(store.apply(batch, NOW).results)
        store.close()
    assert (200, [100.0, 100.0]) == (store.count, [value_of(store, f"r{part}") for part in topic])
    store.close()


KILLED = """
import sys
from tests.support.history import *
store = ReportStore(config_of(Path(sys.argv[1])))
records = fetched(reports_of([{("a",): [1.0]}] * 100))
for start in range(0, 100, 10):
    store.apply(records[start:start + 10], NOW)
    print(start + 10, flush=True)
sys.stdin.read()
"""


def test_what_was_kept_is_there_after_the_process_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "70" not in process.stdout.readline():
            pass
        with pytest.raises(StoreInUseError, match="held by another process"):
            ReportStore(config_of(path))
        process.kill()
    store = ReportStore(config_of(path))
    assert store.offsets[0] >= 70
    assert (store.offsets[0], float(store.offsets[0])) == (store.count, value_of(store))
    store.apply(fetched(reports_of(ONE * 100))[store.offsets[0] :], NOW)
    assert (100, 100.0) == (store.count, value_of(store))
    store.close()


def test_a_batch_that_cannot_be_written_leaves_nothing_behind() -> None:
    store = filled(reports_of(ONE))
    store._connection.execute("ALTER TABLE offsets RENAME TO gone")
    with pytest.raises(StoreError, match="cannot be written"):
        store.apply(fetched(reports_of(ONE * 9, rule="other"), first=1), NOW)
    store._connection.execute("ALTER TABLE gone RENAME TO offsets")
    assert (1, {0: 1}, ["rule:r"]) == (store.count, store.offsets, list(store.subjects))
    assert {"stored": 9} == results_of(store, reports_of(ONE * 9, rule="other"))
    assert (1.0, 9.0) == (value_of(store), value_of(store, "other"))
    store.close()


def test_every_record_that_is_not_kept_has_a_reason() -> None:
    [report] = reports_of(ONE)
    assert report.pane is not None

    def changed(**members: Any) -> Report:
        return msgspec.structs.replace(report, **members)

    store = ReportStore(config_of(max_subjects=1, retention_ms=4 * HOUR))
    assert {"unreadable": 7} == results_of(
        store,
        [
            None, b"", b"nonsense", b"{}", b"[" * 100_000,
            changed(schema="detector.report.v9"), changed(window_end=2**60),
        ],
    )  # fmt: skip
    pane = msgspec.structs.replace(report.pane, start=START - PANE)
    assert {"other_windows": 4} == results_of(
        store,
        [
            changed(pane=None), changed(pane=pane), changed(window_start=START),
            changed(window_end=report.window_end + 1),
        ],
    )  # fmt: skip
    assert {"expired": 1} == results_of(store, reports_of(ONE, first=-3 * 360 - 1))
    assert {"future": 1} == results_of(store, reports_of(ONE, first=2 * 360))
    assert {"stored": 1} == results_of(store, [report])
    assert {"too_many_subjects": 3} == results_of(store, reports_of(ONE * 3, rule="another"))
    assert {"stored": 1} == results_of(store, reports_of(ONE, first=1))
    assert {0: 1} == store.offsets
    store.close()


def test_only_so_many_contributors_are_kept_and_the_rest_is_in_the_bound() -> None:
    panes: list[Pane] = [{("a",): [9.0], ("b",): [5.0], ("c",): [2.0], ("d",): [1.0]}]
    store = filled(reports_of(panes, top_n=3), contributors=2)
    found = read_range(store, RangeRequest("rule:r", START, START + PANE, PANE))
    assert found is not None
    assert [("a",), ("b",)] == [each.keys for each in found.contributors]
    assert (17.0, 4, 3.0) == (found.value, found.unique, found.understated_by)
    store.close()


@pytest.mark.parametrize("broken", [b"", b"nonsense" * 1000, None])
def test_a_file_that_cannot_be_read_is_set_aside_and_a_new_one_begun(
    tmp_path: Path, broken: bytes | None
) -> None:
    path = tmp_path / "history.duckdb"
    filled(reports_of(ONE * 9), path).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:5_000] + b"\xff" * 3_000 if broken is None else broken)
    reasons: list[str] = []
    store = ReportStore(config_of(path), on_set_aside=reasons.append)
    assert (0, {}, 1) == (store.count, store.offsets, len(reasons))
    assert (tmp_path / "history.duckdb.aside").is_file()
    store.apply(fetched(reports_of(ONE * 9)), NOW)
    assert 9.0 == value_of(store)
    store.close()


def test_a_file_of_other_windows_or_another_topic_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    filled(reports_of(ONE), path).close()
    for changed in ({"window_ms": 30_000}, {"topic": "others"}, {"topic": "reports"}):
        reasons: list[str] = []
        store = ReportStore(config_of(path, **changed), on_set_aside=reasons.append)
        assert "it was made for" in reasons[0]
        assert 0 == store.count
        store.close()


def test_a_file_that_is_lost_is_created_again_on_reopening(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    store = filled(reports_of(ONE * 9), path)
    for left in tmp_path.iterdir():
        left.unlink()
    store.reopen()
    assert (0, {}) == (store.count, store.offsets)
    store.apply(fetched(reports_of(ONE * 9)), NOW)
    assert 9.0 == value_of(store)
    store.close()


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.duckdb").mkdir()
    (tmp_path / "folder.duckdb" / "file").touch()
    (tmp_path / "folder.duckdb.aside").mkdir()
    (tmp_path / "folder.duckdb.aside" / "file").touch()
    with pytest.raises(StoreError, match="cannot be created"):
        ReportStore(config_of(tmp_path / "folder.duckdb"))


def test_who_only_reads_changes_and_moves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    filled(reports_of(ONE * 9), path).close()
    store = ReportStore(config_of(path), read_only=True)
    assert 9.0 == value_of(store)
    with pytest.raises(StoreError, match="cannot be written"):
        store.apply(fetched(reports_of(ONE * 9, rule="more")), NOW)
    store.close()
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreError, match="cannot be used"):
        ReportStore(config_of(path), read_only=True)
    assert ["history.duckdb"] == [each.name for each in tmp_path.iterdir()]


def test_what_is_too_old_is_removed_with_its_subjects() -> None:
    store = ReportStore(config_of(retention_ms=HOUR))
    store.apply(fetched(reports_of(ONE * 9, rule="old")), START + 9 * PANE)
    store.apply(fetched(reports_of(ONE * 9, first=300)), START + 309 * PANE)
    assert (18, START + PANE) == (store.count, store.oldest_ms)
    assert 0 == store.trim(START + PANE + HOUR - 1)
    assert 2 == store.trim(START + 2 * PANE + HOUR)
    assert 7 == store.trim(START + 10 * PANE + HOUR)
    assert (9, ["rule:r"], START + 301 * PANE) == (
        store.count,
        list(store.subjects),
        store.oldest_ms,
    )
    assert 9 == store.trim(START + 400 * PANE + HOUR)
    assert (0, {}, 0) == (store.count, dict(store.subjects), store.oldest_ms)
    store.close()


def test_of_too_many_reports_the_oldest_hours_go() -> None:
    store = ReportStore(config_of(max_reports=400))
    reports = reports_of(ONE * (3 * 360))
    store.apply(fetched(reports), START + 3 * HOUR)
    removed = store.trim(START + 3 * HOUR)
    assert 3 * 360 == removed + store.count
    assert 0 < store.count <= 400
    assert (store.oldest_ms - 1) // HOUR > reports[-401].window_end // HOUR - 1
    assert 0 == store.trim(START + 3 * HOUR)
    store.close()


def test_slides_of_which_every_report_is_there_are_known_after_opening(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    store = ReportStore(config_of(path))
    store.apply(fetched(reports_of(ONE * 5, slide=2)), NOW)
    store.apply(fetched(reports_of(ONE * 3, rule="s", slide=2), first=5), NOW)
    store.apply(fetched(reports_of(ONE * 9, rule="other"), part=1), NOW)
    store.close()
    store = ReportStore(config_of(path))
    assert {0: START + 3 * PANE, 1: START + 9 * PANE} == store.complete_until_ms
    store.close()


def test_the_file_can_reach_nothing_but_itself(tmp_path: Path) -> None:
    store = filled([], tmp_path / "history.duckdb")
    with pytest.raises(duckdb.Error, match="disabled"):
        store.reader().execute("SELECT * FROM read_text('/etc/hostname')").fetchall()
    store.close()
