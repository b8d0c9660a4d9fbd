"""An independent count of contributor rules that change, from the input topic alone.

Nothing of the product is used: the input is read as JSON, the tallies as plain msgpack.
"""

import json
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.support.recount import read_topic

Table = Counter[tuple[str, ...]]
Place = tuple[int, int, str]
"""Source partition, start of the pane in milliseconds, rule."""


@dataclass(frozen=True, slots=True)
class Phase:
    """How a rule counts from pane ``from_ms`` on: one for each event, under the values of ``keys``.

    ``None`` for a rule that is not in force.
    """

    from_ms: int
    keys: tuple[str, ...] | None
    matches: Callable[[Mapping[str, Any]], bool] = lambda _: True


def in_force(phases: Sequence[Phase], pane_ms: int) -> Phase | None:
    """Return what counts in a pane."""
    started = [phase for phase in phases if phase.from_ms <= pane_ms]
    return started[-1] if started and started[-1].keys is not None else None


def count_rules(
    bootstrap: str, topic: str, rules: Mapping[str, Sequence[Phase]], *, pane_ms: int
) -> dict[Place, Table]:
    """Count every event of the topic under the rules of its pane. Late events must not be there."""
    tables: dict[Place, Table] = defaultdict(Counter)
    for message in read_topic(bootstrap, topic):
        document = json.loads(message.value() or b"")
        time_ms = document["_aws"]["Timestamp"]
        pane = time_ms - time_ms % pane_ms
        for name, phases in rules.items():
            phase = in_force(phases, pane)
            if phase is not None and phase.matches(document):
                key = tuple(str(document[member]) for member in phase.keys or ())
                tables[message.partition() or 0, pane, name][key] += 1
    return dict(tables)


def tallied_rules(bootstrap: str, topic: str) -> tuple[dict[Place, Table], dict[Place, str]]:
    """Read what the tallies say of rules, the first record of an identity winning; and versions."""
    tables: dict[Place, Table] = {}
    versions: dict[Place, str] = {}
    through: dict[tuple[int, int], int] = {}
    for message in read_topic(bootstrap, topic):
        record: Any = msgspec.msgpack.decode(message.value() or b"")
        partition, pane, through_ms = record[2], record[4], record[5]
        owner = (message.partition() or 0, partition)
        if through_ms <= through.get(owner, -1):
            continue
        through[owner] = through_ms
        assert 1 == record[14], "records of this test fit into one chunk"
        for rule, version, keys, values, *_ in record[12]:
            numbers = struct.unpack(f"<{len(keys)}d", values)
            place = (partition, pane, rule)
            assert place not in tables, "a pane holds one version of a rule"
            tables[place] = Counter(dict(zip(map(tuple, keys), map(int, numbers), strict=True)))
            versions[place] = version
    return tables, versions
