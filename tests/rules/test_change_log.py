"""Records of rule changes: what is read back is what was written; bad records are recognised."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.vocabulary import RuleChangeKind, RuleRejection, RuleState
from detector.rules.change_log import (
    MAX_RECORD_BYTES,
    RULE_SCHEMA,
    ManagedBy,
    RuleChange,
    decode_rule_change,
    encode_rule_change,
    read_rule_key,
    rule_key,
    tag_fault,
)

NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)
CHANGE = RuleChange(
    schema=RULE_SCHEMA, name="a", change=RuleChangeKind.PUT, by="ada", at=1.0, definition="{}"
)


@given(NAMES, st.text("0123456789abcdef", min_size=1))
def test_a_key_gives_back_the_name_and_the_id_whatever_the_name_holds(name: str, id_: str) -> None:
    assert (name, id_) == read_rule_key(rule_key(name, id_))


@pytest.mark.parametrize(
    "key", [None, b"kill_switch", b"rule/", b"rule/name", b"rule//1", b"rule/a/"]
)
def test_other_keys_are_no_rule_keys(key: bytes | None) -> None:
    assert read_rule_key(key) is None


@given(
    NAMES,
    st.sampled_from(RuleChangeKind),
    st.text(),
    st.sampled_from(RuleState),
    st.dictionaries(NAMES, st.text(max_size=256), max_size=3),
    st.none() | st.just(ManagedBy("t", "r")),
    st.none() | st.just("") | st.just("abc"),
)
def test_what_is_written_is_read_back(
    name: str,
    kind: RuleChangeKind,
    definition: str,
    state: RuleState,
    tags: dict[str, str],
    managed: ManagedBy | None,
    replaces: str | None,
) -> None:
    change = RuleChange(
        schema=RULE_SCHEMA,
        name=name,
        change=kind,
        by="ada",
        at=12.5,
        effective_from=7,
        definition=definition,
        state=state,
        tags=tags,
        managed=managed,
        replaces=replaces,
        reason="why",
    )
    assert change == decode_rule_change(name, encode_rule_change(change))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no json",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b" " * (MAX_RECORD_BYTES + 1),
        encode_rule_change(msgspec.structs.replace(CHANGE, schema="detector.rule-change.v2")),
        encode_rule_change(msgspec.structs.replace(CHANGE, name="b")),
    ],
)
def test_what_is_no_change_of_the_rule_of_its_key_is_unreadable(value: bytes) -> None:
    assert decode_rule_change("a", value) is RuleRejection.UNREADABLE


def test_tags_beyond_the_limits_of_cloudwatch_are_refused_with_what_was_found() -> None:
    assert "" == tag_fault({f"k{n}": "v" * 256 for n in range(50)})
    assert "found 51 tags, expected at most 50" == tag_fault({f"k{n}": "" for n in range(51)})
    assert "found a tag key of 0 characters, expected 1 to 128" == tag_fault({"": ""})
    assert "found a tag key of 129 characters, expected 1 to 128" == tag_fault({"k" * 129: ""})
    assert "found a tag value of 257 characters, expected at most 256" == tag_fault(
        {"k": "v" * 257}
    )
    tagged = encode_rule_change(msgspec.structs.replace(CHANGE, tags={"": ""}))
    assert decode_rule_change("a", tagged) is RuleRejection.INVALID_TAGS
