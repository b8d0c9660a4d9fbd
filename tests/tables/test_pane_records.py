"""Pane records survive their journey, and those of another schema are refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import ClosedBy
from detector.tables.pane_records import PaneRecord, decode_pane_record, encode_pane_record
from tests.support.panes import Event, progress_of, record_of

events = st.builds(
    Event,
    pane=st.just(0),
    service=st.sampled_from(("checkout", "cart")),
    host=st.text(max_size=5),
    caller=st.text(max_size=5),
    requests=st.floats(0, 1e15),
    faults=st.sampled_from((0.0, 1.0, 2.5)),
)


@given(st.lists(events, max_size=8), st.booleans(), st.integers(0, 2**40))
def test_decoding_is_the_reverse_of_encoding(logged: list[Event], partial: bool, late: int) -> None:
    record = record_of(logged, pane=0, partial=partial, late=late)
    assert record == decode_pane_record(encode_pane_record(record))


def test_progress_alone_travels_too() -> None:
    record = progress_of(through=3)
    assert (-1, ClosedBy.IDLE) == (record.pane_ms, record.closed_by)
    assert record == decode_pane_record(encode_pane_record(record))


def test_another_schema_is_refused() -> None:
    newer = msgspec.structs.replace(progress_of(through=3), schema=2)
    with pytest.raises(ValueError, match="tally record of schema 2, expected 1"):
        decode_pane_record(encode_pane_record(newer))


@pytest.mark.parametrize(
    "raw", [b"", b"\xc1", b"{}", encode_pane_record(progress_of(through=1))[:-1]]
)
def test_what_is_no_record_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_pane_record(raw)


def test_chunks_default_to_a_whole_record() -> None:
    record: PaneRecord = progress_of(through=1)
    assert (0, 1) == (record.chunk, record.chunks)
