"""The table of one rule: exact up to its limit, a bounded over-estimate beyond."""

import json

import pytest
from datasketches import frequent_strings_sketch
from hypothesis import given
from hypothesis import strategies as st

from detector.tables.contributor_table import ContributorTable, Key, Sketch, sketch_item


def new_sketch() -> Sketch:
    sketch: Sketch = frequent_strings_sketch(5)
    return sketch


def fill(table: ContributorTable, amounts: list[tuple[Key, float]], limit: int) -> None:
    for key, value in amounts:
        table.insert(key, value, limit=limit, new_sketch=new_sketch)


keys = st.sampled_from("abcdef") | st.tuples(st.sampled_from("xy"), st.sampled_from('é"]'))


@given(st.lists(st.tuples(keys, st.sampled_from((0.0, 0.25, 1.0, 3.0)))), st.integers(1, 8))
def test_early_keys_stay_exact_and_the_rest_is_counted_whole(
    amounts: list[tuple[Key, float]], limit: int
) -> None:
    table = ContributorTable()
    fill(table, amounts, limit)
    early = list(dict.fromkeys(key for key, _ in amounts))[:limit]
    totals = {k: sum(value for key, value in amounts if key == k) for k in early}
    assert totals == table.values
    late = [value for key, value in amounts if key not in totals]
    assert (table.sketch is not None) is bool(late)
    assert sum(-(-value // 1) for value in late) == table.sketch_weight


def test_a_fraction_in_the_sketch_is_rounded_up() -> None:
    table = ContributorTable()
    fill(table, [("a", 1.0), ("b", 0.25), ("b", 2.0)], 1)
    assert table.sketch is not None
    read = frequent_strings_sketch.deserialize(table.sketch.serialize())
    assert 3 == read.get_estimate('["b"]') == table.sketch_weight


@pytest.mark.parametrize("key", ["plain", 'é"\\', ("a", "b"), ("]", '"')])
def test_a_sketch_item_is_the_json_of_all_keys(key: Key) -> None:
    assert ([key] if isinstance(key, str) else list(key)) == json.loads(sketch_item(key))


def test_observations_keep_their_number_and_extremes() -> None:
    table = ContributorTable()
    table.observe(3.0, 1.0, 9.0)
    table.observe(1.0, 4.0, 4.0)
    assert (4.0, 1.0, 9.0) == (table.samples, table.minimum, table.maximum)
