"""The kill switch: whatever is not surely off is on."""

import json

import pytest

from detector.decisions.kill_switch import ControlView, decode_kill_switch, encode_kill_switch

GOOD = {
    "schema": "detector.control.v1",
    "engaged": False,
    "reason": "topics created",
    "by": "detector topics create",
    "at": 1_800_000_000.0,
}


def test_the_record_is_the_documented_json() -> None:
    value = encode_kill_switch(
        engaged=False, reason="topics created", by="detector topics create", at=1_800_000_000.0
    )
    assert json.loads(value) == GOOD
    record = decode_kill_switch(value)
    assert record is not None
    assert (record.engaged, record.reason) == (False, "topics created")


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"off",
        b"\xff\xfe",
        b"[]",
        json.dumps(GOOD | {"engaged": "false"}).encode(),
        json.dumps(GOOD | {"engaged": 0}).encode(),
        json.dumps(GOOD | {"schema": "detector.control.v2"}).encode(),
        json.dumps({k: v for k, v in GOOD.items() if k != "engaged"}).encode(),
        json.dumps(GOOD | {"reason": "x" * 20_000}).encode(),
        json.dumps(GOOD).encode().replace(b"topics created", b"\xff"),
    ],
)
def test_anything_but_exactly_one_record_is_unknown(value: bytes | None) -> None:
    assert decode_kill_switch(value) is None


@pytest.mark.parametrize(
    ("view", "allows", "state"),
    [
        (ControlView(known=True, engaged=False, reason="", read_at=1.0), True, "off"),
        (ControlView(known=True, engaged=True, reason="", read_at=1.0), False, "on"),
        (ControlView(known=False, engaged=False, reason="", read_at=1.0), False, "unknown"),
        (ControlView.unknown("no broker"), False, "unknown"),
    ],
)
def test_only_known_and_off_allows(view: ControlView, allows: bool, state: str) -> None:
    assert (view.allows, view.state) == (allows, state)
