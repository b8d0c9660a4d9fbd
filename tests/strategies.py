"""Hypothesis strategies: what producers write, right and wrong, and what operators write.

A producer is drawn first, as a shape (which members, of which kind); then its records, most of
which keep to the shape. That is how the typed loops get anything to read at all.
"""

import json
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from detector.logs.field_paths import FieldPath
from detector.rules.rules import Filter, Operator, Percentiles, Ratio, RuleSet
from tests.builders import START, Message, rule

DEEP = "[" * 40 + "]" * 40

TEXTS = (
    '"h1"', '"h2"', '"use1-az1"', '"checkout"', '"h\\u00f6st \\ud83d\\ude00"', '"gr\\"\\\\n"',
    '"ünï"', '"503"', json.dumps("x" * 20),
)  # fmt: skip
LONG_TEXTS = tuple(json.dumps("y" * length) for length in (255, 256, 257, 299, 300, 301))
WHOLE = ("0", "0", "1", "1", "3", "500", "503", "200", "7", str(2**53))
NUMBERS = (
    *WHOLE, "12.5", "1500.25", "0.1", "0.2", "1e3", "503.0", "-0.0", "-0", str(2**53 + 1),
    str(2**64), "1e300",
)  # fmt: skip
JUNK = (
    "null", "true", "false", '""', '"12"', "-1", "-0.5", "[]", "[1,2,3]", "[0.5,1500]", "[1]",
    "[-1]", "[true]", "[[1]]", '["a"]', "1e999", "[1e999]", "9" * 400, "9" * 5000,
    '{"Max":9,"Min":1,"Count":4,"Sum":20}', '{"Max":1,"Min":9,"Count":4,"Sum":20}',
    '{"Values":[1,2000],"Counts":[3,1]}', '{"Values":[1],"Counts":[1,2]}', '{"name":"nested"}',
    '{"node":{"name":"deep host"}}', '{"availability_zone":"az9"}', "{}", '{"id":"42"}', DEEP,
)  # fmt: skip
BROKEN = ('"\\q"', '"\\ud800"', '"a\x01b"', "01", "nul", "{,}", "'x'", '"open', "[1,]", "NaN")

HOSTS = ("InstanceId", "host", "Host", "host.name", "privateIp", "k8s.node.name")
ZONE_IDS = ("AZ-ID", "az_id")
ZONE_NAMES = ("availabilityZone", "AZ", "zone", "cloud.availability_zone")
NAMES = ("Service", "service", "service.name", "service_name", "Caller", "Customer")
COUNTS = (
    "Faults", "faults", "Latency", "latency", "ConnectionFailures", "Requests", "requests",
    "Status", "status", "StatusCode",
)  # fmt: skip
EXTRAS = (
    "Operation", "Bytes", "RequestId", "k8s", "cloud", "junk", "message", "log", "timestamp", "ä",
)  # fmt: skip
MEMBERS = (*HOSTS, *ZONE_IDS, *ZONE_NAMES, *NAMES, *COUNTS, *EXTRAS)

text_values = st.sampled_from(TEXTS * 20 + LONG_TEXTS)
whole_values = st.sampled_from(WHOLE)
number_values = st.sampled_from(NUMBERS) | st.integers(0, 2_000).map(str)
lone_values = number_values.map(lambda number: f"[{number}]")
any_values = st.one_of(
    text_values, number_values, lone_values, st.sampled_from(JUNK), st.sampled_from(JUNK)
)
values_by_kind = {
    "text": text_values, "whole": whole_values, "number": number_values, "lone": lone_values,
}  # fmt: skip
PLAUSIBLE = ("text", "text", "whole", "number", "lone")

LOG_GROUPS = ('""', '"logs"', '"/aws/checkout"', '"/aws/checkout"', '"/aws/cart"')


@dataclass(frozen=True, slots=True)
class Shape:
    """One producer: its members and their kinds, in its order."""

    kinds: tuple[tuple[str, str], ...]
    logs_group: bool


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Draw a producer, most of them with host and zone."""
    kinds: dict[str, str] = {}
    for names in (HOSTS, ZONE_IDS + ZONE_NAMES):
        if draw(st.integers(0, 19)):
            kinds[draw(st.sampled_from(names))] = "text"
    for name in draw(st.lists(st.sampled_from(ZONE_NAMES + NAMES), max_size=3)):
        kinds[name] = "text"
    for name in draw(st.lists(st.sampled_from(COUNTS), max_size=4)):
        is_status = name.lower().startswith("status")
        kinds[name] = "whole" if is_status else draw(st.sampled_from(("number", "lone")))
    for name in draw(st.lists(st.sampled_from(EXTRAS), max_size=3)):
        kinds[name] = draw(st.sampled_from(PLAUSIBLE))
    order = draw(st.permutations(list(kinds.items())))
    return Shape(tuple(order), draw(st.booleans()))


@st.composite
def records(draw: st.DrawFn, shape: Shape) -> bytes:
    """Draw a record of a producer; about every fourth differs somewhere from the shape."""
    members = [(name, draw(values_by_kind[kind])) for name, kind in shape.kinds]
    if draw(st.integers(0, 3)) == 0:
        members = draw(changed(members))
    after = draw(st.integers(-6_000, 9_000) | st.sampled_from((0, 1_000, 60_000, 3_600_000)))
    stamp = draw(st.sampled_from([str(START + after)] * 27 + [f"{START + after}.0", "0", "null"]))
    metadata = [f'"Timestamp":{stamp}', f'"CloudWatchMetrics":[{{"Dimensions":[["{after}"]]}}]']
    if shape.logs_group:
        group = draw(st.sampled_from(LOG_GROUPS * 8 + ("null", "7")))
        metadata.append(f'"LogGroupName":{group}')
    root = f'"_aws":{{{",".join(metadata)}}}'
    texts = [f"{json.dumps(name, ensure_ascii=False)}:{value}" for name, value in members]
    at = draw(st.integers(0, len(texts)))
    raw = f"{{{','.join([*texts[:at], root, *texts[at:]])}}}".encode()
    return draw(spoilt(raw)) if draw(st.integers(0, 19)) == 0 else raw


@st.composite
def changed(draw: st.DrawFn, members: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Draw members added (also twice), dropped, or with any value at all."""
    changed_members = list(members)
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(MEMBERS + tuple(name for name, _ in members)))
        value = draw(any_values)
        match draw(st.integers(0, 2)):
            case 0:
                changed_members.append((name, value))
            case 1 if changed_members:
                del changed_members[draw(st.integers(0, len(changed_members) - 1))]
            case _:
                changed_members = [
                    (known, value if known == name else old) for known, old in changed_members
                ]
    return changed_members


def spoilt(raw: bytes) -> st.SearchStrategy[bytes]:
    """Return ways in which a record is broken, wrapped, doubled or empty."""
    broken = [raw[:-1] + f',"junk":{value}}}'.encode() for value in BROKEN]
    others = [
        raw[:-1],
        raw + raw,
        b"[" + raw + b"]",
        json.dumps(raw.decode()).encode(),
        json.dumps({"message": raw.decode()}).encode(),
        b"\xef\xbb\xbf" + raw,
        b" " + raw + b"\n",
        raw[:-1] + b',"junk":"\xff"}',
        raw[:-1] + b',"junk":' + b" " * 3_000 + b"1}",
        raw.replace(b'"_aws"', b'"_AWS"'),
        b"",
        b"plain text",
        b'{"host":"h1","zone":"az1","status":503,"time":"2023-11-14T22:13:21Z"}',
    ]
    return st.sampled_from(broken + others)


@st.composite
def messages(draw: st.DrawFn, *, max_size: int = 40) -> list[Message]:
    """Draw the messages of one partition, of one to three producers, in offset order."""
    producers = draw(st.lists(shapes(), min_size=1, max_size=3))
    count = draw(st.integers(1, max_size))
    drawn = []
    for offset in range(count):
        raw = draw(records(draw(st.sampled_from(producers))))
        record_ms = START + draw(st.sampled_from((0, 0, 1_000, 5_000, 8_000, -START)))
        drawn.append(Message(raw, record_ms, offset))
    return drawn


PATHS: tuple[FieldPath, ...] = (
    ("InstanceId",), ("host",), ("AZ-ID",), ("AZ",), ("Caller",), ("Service",), ("Operation",),
    ("Status",), ("RequestId",), ("ä",),
)  # fmt: skip
ODD_PATHS: tuple[FieldPath, ...] = (
    ("host", "name"),
    ("junk", 0),
    ("_aws",),
    ("Bytes",),
    ("cloud", "availability_zone"),
)
PATTERNS = ("^h[0-9]$", "az1", "", "(?i)CHECK|503", "^.{3}$", "ü")
AMOUNTS: tuple[FieldPath, ...] = (("Faults",), ("Latency",), ("Bytes",), ("Status",), ("Requests",))
ODD_AMOUNTS: tuple[FieldPath, ...] = (("junk", "Sum"), ("Operation",))
NUMERIC = (Operator.GREATER_THAN, Operator.LESS_THAN, Operator.EQUAL_TO, Operator.NOT_EQUAL_TO)


@st.composite
def filters(draw: st.DrawFn, *, odd: bool) -> Filter:
    """Draw a condition with any operator; an odd one on any field, too."""
    operator = draw(st.sampled_from(Operator))
    if operator in NUMERIC or operator is Operator.BETWEEN:
        numbers = st.sampled_from((0.0, 1.0, 0.1, 500.0, -1.0, 2.0**53))
        low, high = sorted((draw(numbers), draw(numbers)))
        operand = (low, high) if operator is Operator.BETWEEN else low
        return Filter(
            draw(st.sampled_from(AMOUNTS + (ODD_AMOUNTS if odd else ()))), operator, operand
        )
    path = draw(st.sampled_from(PATHS + (ODD_PATHS + AMOUNTS if odd else ())))
    if operator is Operator.IS_PRESENT and odd:
        return Filter(path, operator, draw(st.booleans()))
    if operator is Operator.MATCHES:
        return Filter(path, operator, (draw(st.sampled_from(PATTERNS)),))
    texts = st.sampled_from(("h1", "h", "use1-az1", "", "ünï", "503", "checkout", "y" * 256))
    if operator is Operator.IS_PRESENT:
        operator = Operator.IN
    return Filter(path, operator, tuple(draw(st.lists(texts, min_size=1, max_size=3))))


@st.composite
def measures(draw: st.DrawFn, *, odd: bool) -> Ratio | Percentiles:
    """Draw a ratio or percentiles, mostly of plain fields."""
    amounts = st.sampled_from(AMOUNTS + (ODD_AMOUNTS if odd else ()))
    if draw(st.booleans()):
        conditions = draw(st.lists(filters(odd=odd), max_size=2))
        return Ratio(tuple(conditions), draw(st.none() | amounts), 1.0)
    at = draw(st.sampled_from(((50.0,), (99.0, 0.0, 100.0))))
    return Percentiles(draw(amounts), at, 1.0, draw(st.sampled_from((1, 2, 1_000))))


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Draw up to five rules, some with the same filters.

    Odd ones (on a nested path, on presence) are left to the reference; only some sets hold any.
    """
    odd = draw(st.integers(0, 3)) == 0
    paths = PATHS + (ODD_PATHS if odd else ())
    shared = draw(st.lists(filters(odd=odd), max_size=2))
    rules = []
    for number in range(draw(st.integers(0, 5))):
        keys = draw(st.lists(st.sampled_from(paths), min_size=1, max_size=4, unique=True))
        own = draw(st.lists(filters(odd=odd), max_size=3))
        any_of = draw(
            st.just([])
            | st.lists(st.lists(filters(odd=odd), min_size=1, max_size=2), min_size=1, max_size=3)
        )
        groups = draw(
            st.sampled_from((("*",), ("*",), ("logs",), ("lo*",), ("/aws/*", "x"), ("nobody",)))
        )
        measure = draw(st.none() | measures(odd=odd))
        amounts = st.sampled_from(AMOUNTS + (ODD_AMOUNTS if odd else ()))
        value_of = None if isinstance(measure, Percentiles) else draw(st.none() | amounts)
        rules.append(
            rule(
                f"rule-{number}",
                keys=keys,
                filters=draw(st.sampled_from((shared, own, ()))),
                value_of=value_of,
                groups=groups,
                any_of=any_of,
                measure=measure,
            )
        )
    return RuleSet(tuple(rules))


@st.composite
def batches(draw: st.DrawFn, drawn: list[Message]) -> list[list[Message]]:
    """Draw a way to cut messages into batches, also empty ones."""
    cuts = sorted(draw(st.lists(st.integers(0, len(drawn)), max_size=5)))
    edges = [0, *cuts, len(drawn)]
    return [drawn[begin:end] for begin, end in pairwise(edges)]
