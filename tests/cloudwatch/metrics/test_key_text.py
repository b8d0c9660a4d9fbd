"""Keys as one text keep their order and come back as they were, whatever a producer writes."""

from hypothesis import given
from hypothesis import strategies as st

from detector.cloudwatch.metrics.key_text import key_text, keys_of

# Mostly the characters that are written in another way, and their neighbours.
texts = st.text(alphabet=st.sampled_from("\x00\x01\x02\x03\x04\x05 ab\U0001f600"), max_size=4)
keys = st.lists(texts | st.text(max_size=4), max_size=4).map(tuple)


@given(keys)
def test_keys_come_back_as_they_were_and_hold_no_nul(given_keys: tuple[str, ...]) -> None:
    assert given_keys == keys_of(key_text(given_keys))
    assert "\x00" not in key_text(given_keys)


@given(keys, keys)
def test_texts_are_in_the_order_of_the_keys(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (one < other, one == other) == (
        key_text(one) < key_text(other),
        key_text(one) == key_text(other),
    )


@given(keys, keys)
def test_the_bytes_that_a_database_compares_are_in_the_same_order(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert (one < other) == (key_text(one).encode() < key_text(other).encode())
