"""The kill switch: its record on the control topic, and what a reader may conclude from it.

Law: an unknown state counts as engaged. Actions are allowed only by a readable record, read from a
topic whose end was reached a moment ago.
"""

from dataclasses import dataclass

import msgspec

CONTROL_SCHEMA = "detector.control.v1"
KILL_SWITCH_KEY = b"kill_switch"
MAX_RECORD_BYTES = 16_384


class KillSwitch(msgspec.Struct, frozen=True):
    """The record under the key ``kill_switch``: ``at`` in epoch seconds, the rest for people."""

    schema: str
    engaged: bool
    reason: str
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class ControlView:
    """What is known of the kill switch; ``read_at`` is the epoch second of the last proof."""

    known: bool
    engaged: bool
    reason: str
    read_at: float

    @property
    def allows(self) -> bool:
        """Whether actions are allowed: the state is known and not engaged."""
        return self.known and not self.engaged

    @property
    def state(self) -> str:
        """The state as a word: ``off``, ``on`` or ``unknown``."""
        if not self.known:
            return "unknown"
        return "on" if self.engaged else "off"

    @staticmethod
    def unknown(reason: str, read_at: float = 0.0) -> "ControlView":
        """Return the view of a reader that cannot read the state, which counts as engaged."""
        return ControlView(known=False, engaged=True, reason=reason, read_at=read_at)


def encode_kill_switch(*, engaged: bool, reason: str, by: str, at: float) -> bytes:
    """Return the record's value as JSON."""
    return msgspec.json.encode(KillSwitch(CONTROL_SCHEMA, engaged, reason, by, at))


def decode_kill_switch(value: bytes | None) -> KillSwitch | None:
    """Return the record; ``None`` when it is absent, too large, unreadable or of another schema."""
    if value is None or len(value) > MAX_RECORD_BYTES:
        return None
    try:
        record = msgspec.json.decode(value, type=KillSwitch)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return record if record.schema == CONTROL_SCHEMA else None
