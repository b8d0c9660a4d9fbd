"""Members are found on the lines where a person sees them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detector.rules.json_lines import JsonPath, source_lines

TEXT = """{
  "a": 1,
  "b": {"c": [], "d": [10,

    "x\\n\\"}", {"e":
       null}]},

  "a": true
}"""


def test_every_member_and_item_has_its_line() -> None:
    lines = source_lines(TEXT)
    assert {
        (): 1,
        ("a",): 8,
        ("b",): 3,
        ("b", "c"): 3,
        ("b", "d"): 3,
        ("b", "d", 0): 3,
        ("b", "d", 1): 5,
        ("b", "d", 2): 5,
        ("b", "d", 2, "e"): 5,
    } == lines.line_by_path


def test_a_member_that_is_written_twice_is_listed() -> None:
    assert [("a",)] == source_lines(TEXT).repeated


def test_a_text_may_be_a_single_value() -> None:
    assert {(): 2} == source_lines("\n3").line_by_path


def paths_in(value: Any, path: JsonPath = ()) -> set[JsonPath]:
    """Recount of the paths, by recursion over what the standard library built."""
    items: Any = enumerate(value) if isinstance(value, list) else ()
    items = value.items() if isinstance(value, dict) else items
    return {path}.union(*(paths_in(item, (*path, step)) for step, item in items))


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.floats() | st.text('a"\\[{},:\n'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('a"\\[{}', max_size=3), inner)
    ),
    max_leaves=10,
)


@given(json_values, st.sampled_from([None, 2]))
def test_all_paths_of_any_text_are_found(value: Any, indent: int | None) -> None:
    lines = source_lines(json.dumps(value, indent=indent))
    assert (paths_in(value), []) == (set(lines.line_by_path), lines.repeated)
