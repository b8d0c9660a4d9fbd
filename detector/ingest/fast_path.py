"""The generated hot loop: decodes, matches and tallies a batch in one function.

A call per stage and event costs more than the work itself. The loop is therefore generated once per
record schema and rule set: one typed decode, one row, filters as plain comparisons, rules with the
same filters under one ``if``.

Law: on every record that the loop accepts, its result equals that of the plain reference,
``Decoder.decode``, ``match`` and ``PartitionTally.add``; a property test compares the two. The
reference reads every other record.

Only names and numbers from checked rules and settings reach the generated text. Member names are
only keys of the typed decoder, never code.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Protocol

import msgspec

from detector.ingest.codegen import LoopSource
from detector.ingest.schema import MemberKind, RecordSchema
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.rules import RuleSet
from detector.tables.windows import WindowTimes

_Amount = Annotated[float, msgspec.Meta(ge=0.0)]
_EXACT = 2**53
"""Up to here every integer is exact as a float, which is what the reference computes with."""


class Message(Protocol):
    """The part of a consumed Kafka message that intake reads."""

    def value(self) -> bytes | None:
        """Return the value of the record."""
        ...

    def timestamp(self) -> tuple[int, int]:
        """Return type and value of the record's timestamp; the value is in epoch milliseconds."""
        ...


Slow = Callable[[Any], None]
Run = Callable[[Iterable[Message], Any, Slow], None]


def compile_loop(
    schema: RecordSchema,
    rules: RuleSet,
    *,
    mapping: FieldMapping,
    limits: DecodeLimits,
    times: WindowTimes,
    topic: str,
    cell: int,
    callbacks: dict[str, object],
) -> Run:
    """Return ``run(messages, tally, slow)`` for one record schema.

    ``run`` adds the records that it can read to ``tally`` and passes every other message to
    ``slow``, in offset order; among those are events of a pane that was opened with another rule
    set. ``cell`` is the index in every fleet row that only this schema uses. ``callbacks`` holds
    ``blame_caller(row, caller, faults)``, ``name_zone(pane, zone, message)`` and
    ``match_whole(tally, pane, message)``, which applies the rules that are not compilable.
    """
    attribute_by_name = {name: f"m{i}" for i, (name, _) in enumerate(schema.members)}
    source = LoopSource(
        schema,
        tuple(rules),
        attribute_by_name,
        mapping=mapping,
        limits=limits,
        times=times,
        cell=cell,
    )
    text = source.text()
    namespace: dict[str, Any] = {
        "decode": _typed_decoder(
            schema, attribute_by_name, limits, log_group=source.reads_log_group
        ),
        "is_utf8": _is_utf8,
        "REFUSED": (msgspec.DecodeError, TypeError, RecursionError, UnicodeDecodeError),
        "UNSET": msgspec.UNSET,
        "masks": _GroupMasks(rules, topic),
        "RULE_SET": rules,
        **source.constants,
        **callbacks,
    }
    exec(compile(text, "<fast path>", "exec"), namespace)  # noqa: S102
    run: Run = namespace["run"]
    return run


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


class _GroupMasks(dict[Any, int]):
    """Bit set of the rules that cover a log group, cached for at most 10,000 groups."""

    def __init__(self, rules: Iterable[Any], topic: str) -> None:
        super().__init__()
        self._rules = tuple(rules)
        self._topic = topic

    def __missing__(self, group: Any) -> int:
        name = group if isinstance(group, str) and group else self._topic
        mask = sum(
            1 << position for position, rule in enumerate(self._rules) if rule.reads_log_group(name)
        )
        if len(self) < 10_000:  # noqa: PLR2004
            self[group] = mask
        return mask


def _typed_decoder(
    schema: RecordSchema,
    attribute_by_name: dict[str, str],
    limits: DecodeLimits,
    *,
    log_group: bool,
) -> Callable[[bytes], Any]:
    """Build the decoder of ``schema``: members with a meaning are required, others optional."""
    types = _types(limits)
    required: list[Any] = []
    optional: list[Any] = []
    renames = {"metadata": "_aws"}
    for name, kind in schema.members:
        attribute = attribute_by_name[name]
        renames[attribute] = name
        strict, loose = types[kind]
        if name in schema.meanings:
            required.append((attribute, strict))
        else:
            optional.append((attribute, loose | msgspec.UnsetType, msgspec.UNSET))
    for position, name in enumerate(schema.absent):
        renames[f"absent{position}"] = name
        optional.append((f"absent{position}", msgspec.UnsetType, msgspec.UNSET))
    metadata_fields: list[Any] = [("Timestamp", int)]
    if log_group:
        metadata_fields.append(("LogGroupName", str | msgspec.UnsetType, msgspec.UNSET))
    metadata = msgspec.defstruct("Metadata", metadata_fields, gc=False)
    struct = msgspec.defstruct(
        "Record", [("metadata", metadata), *required, *optional], rename=renames, gc=False
    )
    return msgspec.json.Decoder(struct).decode


def _types(limits: DecodeLimits) -> dict[MemberKind, tuple[Any, Any]]:
    """Return, by kind, the type of a member with a meaning and of one that only rules read."""
    longest = limits.key_characters
    return {
        MemberKind.TEXT: (
            Annotated[str, msgspec.Meta(min_length=1, max_length=longest)],
            Annotated[str, msgspec.Meta(max_length=longest)],
        ),
        MemberKind.INTEGER: (
            Annotated[int, msgspec.Meta(ge=0, le=_EXACT)],
            Annotated[int, msgspec.Meta(ge=-_EXACT, le=_EXACT)],
        ),
        MemberKind.NUMBER: (_Amount, float),
        MemberKind.LONE: (
            Annotated[list[_Amount], msgspec.Meta(min_length=1, max_length=1)],
            Annotated[list[float], msgspec.Meta(min_length=1, max_length=1)],
        ),
    }
