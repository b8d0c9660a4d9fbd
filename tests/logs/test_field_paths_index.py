"""The index leaves out only names that cannot be there."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detector.logs.field_paths import FieldIndex, field_names, first_present

WORDS = ["a", "b", "c", "a.b", "b.c", "$.a", "$.c.a", "a[0]"]
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=6,
)


def test_names_come_in_the_order_of_precedence_whatever_that_of_the_members() -> None:
    index = FieldIndex({"host": ("x", "y", "host.name"), "zone": ("y", "z")})
    found = index.names_in({"host": 1, "other": 2, "y": 3, "x": 4})
    expected = {"host": field_names(["x", "y", "host.name"]), "zone": field_names(["y"])}
    assert expected == found


@given(
    st.dictionaries(st.sampled_from("mno"), st.lists(st.sampled_from(WORDS), unique=True)),
    st.dictionaries(st.sampled_from(WORDS), values),
)
def test_reading_through_the_index_changes_nothing(
    names_by_meaning: dict[str, list[str]], document: dict[str, Any]
) -> None:
    found = FieldIndex(names_by_meaning).names_in(document)
    for meaning, names in names_by_meaning.items():
        expected = first_present(document, field_names(names))
        assert expected == first_present(document, found.get(meaning, ()))
