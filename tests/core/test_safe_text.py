"""Text out of log records cannot steer a terminal."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from detector.core.safe_text import escape_controls, escape_controls_of_json


def test_an_escape_sequence_is_shown_and_not_obeyed() -> None:
    assert r"\x1b[31mred\x07\r\nnext" == escape_controls("\x1b[31mred\x07\r\nnext")


def test_the_direction_of_text_cannot_be_turned() -> None:
    assert r"a\u202eb" == escape_controls("a\u202eb")


def test_printable_text_of_any_language_stays() -> None:
    text = "höst-3 ホスト \U0001f600 \\n"
    assert text == escape_controls(text)


@given(st.text())
def test_nothing_that_unicode_calls_a_control_is_left(text: str) -> None:
    assert not [each for each in escape_controls(text) if unicodedata.category(each) == "Cc"]


@given(st.text() | st.text(alphabet='\x1b\x7f\x9b\u200f\u2028\u202e\u2069a\\"u'))
def test_json_keeps_its_value_without_its_control_characters(text: str) -> None:
    line = escape_controls_of_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert {text: [text]} == json.loads(line)
    assert line == escape_controls(line)
