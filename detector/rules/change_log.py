"""Changes of contributor rules as records on the control topic.

Law: each change is one record with its own key, ``rule/<name>/<id>``, so compaction keeps the
history. Every record except a deletion holds the whole rule after the change; ``change`` says for
people what was changed. ``replaces`` names the change that the writer built upon. When another
change was written in between, readers pass the record over and its writer tries again: no change is
lost and all readers agree.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from detector.core.vocabulary import RuleChangeKind, RuleRejection, RuleState

RULE_SCHEMA = "detector.rule-change.v1"
RULE_KEY_PREFIX = b"rule/"
MAX_RECORD_BYTES = 900_000
MAX_TAGS = 50
TAG_KEY_CHARACTERS = 128
TAG_VALUE_CHARACTERS = 256


class ManagedBy(msgspec.Struct, frozen=True):
    """The template and the resource that a managed rule was made from."""

    template: str
    resource: str


class RuleChange(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One change. ``at`` in epoch seconds; ``effective_from`` in epoch milliseconds of event time.

    The change takes effect at the first pane that begins at ``effective_from`` or later, but never
    before all readers can know of it; 0 means as soon as possible. ``replaces`` is the id of the
    change before it, "" when the writer saw none, and missing when the writer does not check.
    """

    schema: str
    name: str
    change: RuleChangeKind
    by: str
    at: float
    effective_from: int = 0
    definition: str = ""
    state: RuleState = RuleState.ENABLED
    tags: dict[str, str] = {}
    managed: ManagedBy | None = None
    replaces: str | None = None
    reason: str = ""


def rule_key(name: str, change_id: str) -> bytes:
    """Return the record's key; ``change_id`` holds no slash."""
    return RULE_KEY_PREFIX + f"{name}/{change_id}".encode()


def read_rule_key(key: bytes | None) -> tuple[str, str] | None:
    """Return (name, change id) of a rule record's key; ``None`` for any other key."""
    if key is None or not key.startswith(RULE_KEY_PREFIX):
        return None
    name, slash, change_id = key[len(RULE_KEY_PREFIX) :].decode(errors="replace").rpartition("/")
    return (name, change_id) if name and slash and change_id else None


def encode_rule_change(change: RuleChange) -> bytes:
    """Return the record's value as JSON."""
    return msgspec.json.encode(change)


def decode_rule_change(name: str, value: bytes) -> RuleChange | RuleRejection:
    """Read the value of a record about rule ``name``, or return why it cannot be used."""
    if len(value) > MAX_RECORD_BYTES:
        return RuleRejection.UNREADABLE
    try:
        change = msgspec.json.decode(value, type=RuleChange)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return RuleRejection.UNREADABLE
    if change.schema != RULE_SCHEMA or change.name != name:
        return RuleRejection.UNREADABLE
    return RuleRejection.INVALID_TAGS if tag_fault(change.tags) else change


def tag_fault(tags: Mapping[Any, Any]) -> str:
    """Return what is wrong with the tags of a rule, "" for nothing. Limits are CloudWatch's."""
    if len(tags) > MAX_TAGS:
        return f"found {len(tags)} tags, expected at most {MAX_TAGS}"
    for key, value in tags.items():
        if not 1 <= len(key) <= TAG_KEY_CHARACTERS:
            return f"found a tag key of {len(key)} characters, expected 1 to {TAG_KEY_CHARACTERS}"
        if len(value) > TAG_VALUE_CHARACTERS:
            return (
                f"found a tag value of {len(value)} characters, "
                f"expected at most {TAG_VALUE_CHARACTERS}"
            )
    return ""
