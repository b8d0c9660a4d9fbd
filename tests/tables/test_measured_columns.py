"""Ratios and percentiles travel as columns: packed by key, cut by rows, refused when malformed."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.rules.rules import Percentiles, Ratio
from detector.tables.contributor_table import ContributorTable
from detector.tables.ddsketch import LAST_BUCKET, bucket_of
from detector.tables.measured_columns import (
    check_measured,
    measured_pane,
    measured_rows,
    numerators_of,
    sketched_rows,
)
from detector.tables.pane_chunks import ChunkBuffer, split_record
from detector.tables.pane_encoding import check_record, rule_pane
from detector.tables.pane_records import (
    MeasuredPane,
    MeasureKind,
    PaneRecord,
    RulePane,
    decode_pane_record,
    encode_pane_record,
)
from tests.support.panes import record_of

RATIO = Ratio((), None, 5.0)
AT = Percentiles(("Latency",), (99.0, 50.0), 3.0, 2)


def ratio_table() -> ContributorTable:
    table = ContributorTable()
    table.add_ratio("b", 2.0, 1.0, limit=2)
    table.add_ratio("a", 4.0, 0.0, limit=2)
    table.add_ratio("c", 8.0, 8.0, limit=2)
    table.add_ratio("b", 1.0, 2.0, limit=2)
    return table


def sketched_table() -> ContributorTable:
    table = ContributorTable()
    table.add_observation("b", 10.0, 2)
    table.add_observations("a", 5.0, ((1.0, 2.0), (100.0, 3.0)), 2)
    table.add_observation("b", 10.0, 2)
    table.add_observation("b", 0.0, 2)
    table.add_observation("c", 7.0, 2)
    table.add_observations("a", 4.0, (), 2)
    return table


def test_a_ratio_that_finds_its_table_full_is_only_added_up() -> None:
    table = ratio_table()
    assert {"b": 3.0, "a": 4.0} == table.values
    assert ({"b": 3.0}, 8.0) == (table.numerators, table.unheld)


def test_observations_beyond_the_contributors_or_without_values_are_only_counted() -> None:
    table = sketched_table()
    assert {"b": 3.0, "a": 5.0} == table.values
    assert 5.0 == table.unheld
    assert {bucket_of(10.0): 2.0, bucket_of(0.0): 1.0} == table.buckets["b"]
    assert (4.0, 0.0, 10.0) == (table.samples, table.minimum, table.maximum)


def test_columns_are_in_the_order_of_keys() -> None:
    over = measured_pane(RATIO, ratio_table())
    assert [0.0, 3.0] == np.frombuffer(over.numerators, "<f8").tolist()
    assert (MeasureKind.RATIO, 5.0, [], 8.0) == (over.kind, over.minimum, over.at, over.unheld)
    pane = measured_pane(AT, sketched_table())
    keys = [("a",), ("b",)]
    rows = sketched_rows(keys, pane)
    assert ([2, 2], [2.0, 3.0, 1.0, 2.0]) == (rows.counts.tolist(), rows.weights.tolist())
    assert [bucket_of(each) for each in (1.0, 100.0, 0.0, 10.0)] == rows.buckets.tolist()
    assert (MeasureKind.PERCENTILES, [99.0, 50.0], 5.0) == (pane.kind, pane.at, pane.unheld)
    assert () == sketched_rows(keys, over).keys


def test_keys_of_several_values_are_ordered_as_tuples() -> None:
    table = ContributorTable()
    table.add_ratio(("b", "a"), 1.0, 1.0, 9)
    table.add_ratio(("a", "b"), 1.0, 2.0, 9)
    assert [2.0, 1.0] == np.frombuffer(measured_pane(RATIO, table).numerators, "<f8").tolist()


def rule_of(pane: MeasuredPane | None, keys: int = 2) -> RulePane:
    values: dict[tuple[str, ...], float] = {(chr(ord("a") + row),): 1.0 for row in range(keys)}
    return rule_pane("r", "v", values, samples=2, minimum=1, maximum=1, measured=pane)


def test_a_pane_without_numerators_has_none() -> None:
    assert [0.0, 3.0] == numerators_of(rule_of(measured_pane(RATIO, ratio_table()))).tolist()
    assert [0.0, 0.0] == numerators_of(rule_of(None)).tolist()
    assert [0.0, 0.0] == numerators_of(rule_of(measured_pane(AT, sketched_table()))).tolist()


@given(st.integers(0, 2), st.integers(0, 2))
def test_cut_rows_fit_together_again(one: int, other: int) -> None:
    start, stop = sorted((one, other))
    for pane in (measured_pane(RATIO, ratio_table()), measured_pane(AT, sketched_table())):
        cuts = [measured_rows(pane, 0, start), measured_rows(pane, start, stop)]
        cuts.append(measured_rows(pane, stop, 2))
        for name in ("numerators", "bucket_counts", "buckets", "weights"):
            assert getattr(pane, name) == b"".join(getattr(cut, name) for cut in cuts)
        for cut, rows in zip(cuts, (start, stop - start, 2 - stop), strict=True):
            check_measured("r", cut, rows)
        assert pane.unheld == max(cut.unheld for cut in cuts)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bucket_counts": b"123"}, "buckets of rule 'r' differ in length, expected 2 rows"),
        ({"buckets": b""}, "buckets of rule 'r' differ in length, expected 2 rows"),
        ({"weights": b""}, "buckets of rule 'r' differ in length, expected 2 rows"),
        ({"at": []}, "buckets of rule 'r' differ in length, expected 2 rows"),
        (
            {"buckets": np.array([0, 1, 2, LAST_BUCKET + 1], "<i2").tobytes()},
            "buckets of rule 'r' lie outside -691 to 1382",
        ),
        (
            {"kind": MeasureKind.RATIO, "numerators": b"12345678"},
            "numerators of rule 'r' differ in length, expected 2 rows",
        ),
    ],
)
def test_malformed_columns_are_refused(changed: dict[str, object], message: str) -> None:
    pane = msgspec.structs.replace(measured_pane(AT, sketched_table()), **changed)
    with pytest.raises(ValueError) as caught:
        check_record(record_of([], pane=0, rules=[rule_of(pane)]))
    assert message == str(caught.value)


def measured_record(rows: int) -> PaneRecord:
    ratio, sketched = ContributorTable(), ContributorTable()
    for row in range(rows):
        ratio.add_ratio(f"k{row:03}", 2.0, float(row), rows)
        sketched.add_observations(f"k{row:03}", 3.0, ((float(row), 1.0), (1e3, 2.0)), rows)
    ratio.unheld, sketched.unheld = 7.0, 9.0
    rules = [
        rule_pane(
            name, "v", {(str(key),): value for key, value in table.values.items()},
            samples=1, minimum=1, maximum=1, measured=measured_pane(measure, table),
        )
        for name, measure, table in (("ratio", RATIO, ratio), ("at", AT, sketched))
    ]  # fmt: skip
    return record_of([], pane=0, rules=rules)


def test_a_large_record_arrives_whole() -> None:
    record = measured_record(60)
    chunks = split_record(record, 1_000)
    assert len(chunks) > 5
    buffer = ChunkBuffer()
    whole = None
    for chunk in chunks:
        check_record(chunk)
        whole = buffer.add(decode_pane_record(encode_pane_record(chunk)))
    assert whole is not None
    for name in ("ratio", "at"):
        [before] = [rule for rule in record.rules if rule.rule == name]
        parts = [rule for rule in whole.rules if rule.rule == name]
        assert before.keys == [key for part in parts for key in part.keys]
        measured = [part.measured for part in parts if part.measured is not None]
        assert before.measured is not None
        assert before.measured.unheld == math.fsum(part.unheld for part in measured)
        for column in ("numerators", "bucket_counts", "buckets", "weights"):
            whole_column = b"".join(getattr(part, column) for part in measured)
            assert getattr(before.measured, column) == whole_column


def test_a_record_from_before_there_were_measures_is_read() -> None:
    """Such a record has fewer members in the table of a rule."""
    record = record_of([], pane=0, rules=[rule_of(None)])
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(record))
    plain[12] = [table[:9] for table in plain[12]]
    old = decode_pane_record(msgspec.msgpack.encode(plain))
    assert record.rules == old.rules
    check_record(old)
