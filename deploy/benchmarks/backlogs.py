"""Inputs of the benchmarks: backlogs and paced load, as 590-byte ``benchmark_event`` records."""

import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from detector.gameday.emf import benchmark_bodies, benchmark_events
from tests.support.deployment import PARTITIONS, Deployment
from tests.support.producing import produce_all

EVENT_RATE = 20_000
"""Events per second of event time: a backlog of 2,000,000 covers 100 s, ten panes."""
CHUNK = 200_000


def write_backlog(deployment: Deployment, *, events: int, hosts: int, pane_ms: int) -> int:
    """Fill the input topic; return the start of its last pane, closed by one more event each."""
    first_ms = int(time.time() * 1000) - events * 1000 // EVENT_RATE - 60_000
    bodies = benchmark_bodies(1, max(20_000, hosts), hosts=hosts, zones=3)
    values = benchmark_events(bodies, events, first_ms, EVENT_RATE)
    for _ in range(0, events, CHUNK):
        chunk = list(islice(values, CHUNK))
        produce_all(deployment.bootstrap, deployment.topics.logs, chunk, partitions=PARTITIONS)
    last_ms = first_ms + events * 1000 // EVENT_RATE
    closing = list(benchmark_events(bodies[:1], 1, last_ms + 2 * pane_ms + 20_000, EVENT_RATE))
    produce_all(
        deployment.bootstrap, deployment.topics.logs, closing * PARTITIONS, partitions=PARTITIONS
    )
    return last_ms - last_ms % pane_ms


def write_rules(directory: Path, count: int) -> Path:
    """Write ``count`` contributor rules: one in ten counts everything, the others faults alone.

    Of those on faults one half is plain. The other half asks besides, in turn, for a text that
    contains, ends with or matches something, for a range, for one of several groups, for equal
    text, or for a ratio; the filter on faults stays the first question of each.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for number, (name, body) in enumerate(_rules(count)):
        (directory / f"{number:03d}-{name}.json").write_text(json.dumps(body), encoding="utf-8")
    return directory


_EXTENSIONS: tuple[tuple[str, dict[str, object]], ...] = (
    ("contains", {"Filters": [{"Match": "$.Operation", "Contains": ["Get", "Put"]}]}),
    ("ends-with", {"Filters": [{"Match": "$.AZ-ID", "EndsWith": ["az1", "az2"]}]}),
    ("matches", {"Filters": [{"Match": "$.Caller", "Matches": "^cust-[0-9]{4}[1-9]$"}]}),
    ("between", {"Filters": [{"Match": "$.Status", "Between": [500, 599]}]}),
    (
        "any-of",
        {
            "AnyOf": [
                [{"Match": "$.Latency", "GreaterThan": 50}],
                [{"Match": "$.Service", "EqualTo": "checkout"}],
            ]
        },
    ),
    ("equal-text", {"Filters": [{"Match": "$.Service", "NotEqualTo": "checkout"}]}),
    (
        "ratio",
        {"Ratio": {"Numerator": {"Filters": [{"Match": "$.Latency", "GreaterThan": 50}]}}},
    ),
)
"""What every second rule on faults asks in addition, by turns, and its name for it."""


def _rules(count: int) -> Iterator[tuple[str, dict[str, object]]]:
    keys = (
        ["$.InstanceId"], ["$.AZ-ID"], ["$.Caller"], ["$.Operation"], ["$.Service"],
        ["$.AZ-ID", "$.Operation"], ["$.Service", "$.Operation"], ["$.AZ-ID", "$.Service"],
        ["$.Service", "$.InstanceId"], ["$.Operation", "$.Caller"],
    )  # fmt: skip
    for number in range(count):
        every_event = number % 10 == 0
        filters = [] if every_event else [{"Match": "$.Faults", "GreaterThan": 0}]
        body: dict[str, object] = {
            "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
            "LogGroupNames": ["*"],
            "LogFormat": "JSON",
            "Contribution": {
                "Keys": keys[number // 10 % len(keys) if every_event else number % len(keys)],
                "Filters": filters,
            },
            "AggregateOn": "Count",
        }
        name = "all" if every_event else "faults"
        if not every_event and number // 10 % 2:
            asked, extensions = _EXTENSIONS[number % len(_EXTENSIONS)]
            name, body["Extensions"] = f"faults-{asked}", extensions
        yield name, body
