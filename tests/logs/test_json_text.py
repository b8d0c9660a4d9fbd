"""JSON texts are read whole, within their limits, or refused with a reason."""

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import DeadLetterReason
from detector.logs.events import Unreadable
from detector.logs.json_text import cut_deeper, nests_deeper, parse_values

Reason = DeadLetterReason

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab[{\\"', max_size=4), inner)
    ),
    max_leaves=20,
)


def parsed(raw: bytes, *, nesting: int = 32, max_values: int = 10_000) -> list[Any] | Unreadable:
    return parse_values(raw, nesting=nesting, max_values=max_values)


def depth_of(value: Any) -> int:
    """Recount of nesting, by recursion over what the standard library built."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return 1 + max((depth_of(item) for item in value), default=0)
    return 0


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b'{"a":1}', [{"a": 1}]),
        (b'{"a":1}{"b":2}', [{"a": 1}, {"b": 2}]),
        (b'{"a":1}\n{"b":2}\r\n\n [3] ', [{"a": 1}, {"b": 2}, [3]]),
        (b'  {"a":1}', [{"a": 1}]),
        (b"1 2 3", [1, 2, 3]),
        (b'"a""b"', ["a", "b"]),
        (b" \n", []),
        (b"", []),
        (b'{"a":1,"a":2}', [{"a": 2}]),
        ('{"é":"ü"}'.encode(), [{"é": "ü"}]),
    ],
)
def test_all_values_of_a_text_are_read(raw: bytes, values: list[Any]) -> None:
    assert values == parsed(raw)


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b'{"a":1e999}', [{"a": {}}]),
        (b'{"a":-1e999,"b":"1e999"}', [{"a": {}, "b": "1e999"}]),
        (b'{"a":' + b"9" * 5000 + b"}", [{"a": {}}]),
        (b'{"a":1e999,"b":0.' + b"1" * 5000 + b"}", [{"a": {}, "b": 1 / 9}]),
        (b'{"\\"1e999":[1e999, 2]} {"c":3}', [{'"1e999': [{}, 2]}, {"c": 3}]),
    ],
)
def test_a_number_out_of_range_spoils_only_itself(raw: bytes, values: list[Any]) -> None:
    assert values == parsed(raw)


@pytest.mark.parametrize(
    ("raw", "reason", "message"),
    [
        (b'{"a":"\xff"}', Reason.BAD_UTF8, "the text is not valid utf-8 at byte 6"),
        (b'{"a"', Reason.BAD_JSON, "the text is not json: input data was truncated"),
        (b'{"a":1,}', Reason.BAD_JSON, "the text is not json: trailing comma in object at byte 7"),
        (b'{"a":1} {"b":x}', Reason.BAD_JSON, "the text is not json: invalid character at byte 13"),
        (b'{"a":NaN}', Reason.BAD_JSON, "the text is not json: invalid character at byte 5"),
        (b'{"a":Infinity}', Reason.BAD_JSON, "the text is not json: invalid character at byte 5"),
        (b'"\\ud800"', Reason.BAD_JSON, "the text is not json: input data was truncated"),
        (
            b"1e999e",
            Reason.BAD_JSON,
            "the text is not json: a number out of range runs into other text",
        ),
        (b"1e999 x", Reason.BAD_JSON, "the text is not json: invalid character at byte 3"),
        (b"[" * 33, Reason.TOO_DEEP, "the json nests deeper than 32 objects and lists"),
        (b"1 2 3 4", Reason.TOO_MANY_EVENTS, "the record holds more than 3 events"),
    ],
)
def test_what_cannot_be_read_says_why(raw: bytes, reason: DeadLetterReason, message: str) -> None:
    assert Unreadable(reason, message) == parsed(raw, max_values=3)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert isinstance(parsed(b"[" * 32 + b"]" * 32), list)
    assert isinstance(parsed(b"[" * 33 + b"]" * 33), Unreadable)


def test_brackets_in_strings_are_text() -> None:
    raw = json.dumps({"a": "[{" * 40, 'b"\\': ["}" * 40, '"[[[[\\']}).encode()
    assert not nests_deeper(raw, 2)
    assert nests_deeper(raw, 1)


@given(json_values, st.integers(0, 4))
def test_the_depth_is_that_of_the_value(value: Any, limit: int) -> None:
    raw = json.dumps(value).encode()
    assert (depth_of(value) > limit) is nests_deeper(raw, limit)


@given(st.lists(json_values, max_size=5), st.sampled_from(["", " ", "\n", "\r\n\t"]))
def test_values_are_those_of_the_standard_library(values: list[Any], between: str) -> None:
    # Two numbers or words in a row cannot be separated without white space.
    wrapped = [value if isinstance(value, dict | list | str) else [value] for value in values]
    raw = between.join(json.dumps(value, ensure_ascii=False) for value in wrapped).encode()
    assert wrapped == parsed(raw)


@given(st.binary(max_size=200) | st.text('[]{}",:\\ 1e9-.tn\n').map(str.encode))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    read = parsed(raw)
    assert isinstance(read, Unreadable) or all(
        math.isfinite(v) for v in read if isinstance(v, float)
    )


@pytest.mark.parametrize(
    "piece",
    [b"[", b'"', b'"\\"', b'{"a":', b"1 ", b"-", b"1e", b"{}", b'"a', b'\\"', b"1e999", b"1e999,"],
)
def test_a_mebibyte_of_anything_is_read_or_refused_in_a_moment(piece: bytes) -> None:
    raw = piece * (1_048_576 // len(piece))
    begin = time.process_time()
    parsed(raw)
    parsed(b"[1e999," * 30 + raw)
    cut_deeper(raw, 32)
    assert time.process_time() - begin < 4.0


@pytest.mark.parametrize(
    ("raw", "limit", "cut"),
    [
        (b'{"a":[1]}', 2, b'{"a":[1]}'),
        (b'{"a":[1]}', 1, b'{"a":{}}'),
        (b'{"a":[[1],{"b":[]}],"c":[]}', 2, b'{"a":[{},{}],"c":[]}'),
        (b'{"a":{"[":"]"},"b\\"[":2}', 1, b'{"a":{},"b\\"[":2}'),
        (b"[[[ not json ]]]", 1, b"[{}]"),
        (b"[[[", 1, b"[{}"),
        (b"]]]", 1, b"]]]"),
    ],
)
def test_what_nests_too_deep_becomes_an_empty_object(raw: bytes, limit: int, cut: bytes) -> None:
    assert cut == cut_deeper(raw, limit)


def shallow(value: Any, limit: int) -> Any:
    """Cut a value by recursion over what the standard library built."""
    if isinstance(value, dict):
        return {name: shallow(item, limit - 1) for name, item in value.items()} if limit else {}
    if isinstance(value, list):
        return [shallow(item, limit - 1) for item in value] if limit else {}
    return value


@given(json_values, st.integers(1, 4))
def test_cutting_leaves_all_that_is_not_too_deep(value: Any, limit: int) -> None:
    assert shallow(value, limit) == json.loads(cut_deeper(json.dumps(value).encode(), limit))
