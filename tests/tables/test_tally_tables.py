"""What the tables of a pane hold: rows, blamed callers, contributors within their bounds."""

import json
from typing import Any

import numpy as np
from datasketches import frequent_items_error_type, frequent_strings_sketch

from detector.rules.contribution import Contribution
from detector.rules.rules import RuleSet
from detector.tables.open_pane import CALLERS_PER_HOST
from detector.tables.pane_records import PaneRecord
from detector.tables.tally import PartitionTally, TallyLimits
from tests.builders import START, drained, finished, log_event, new_tally, rule

SUMS = rule(value_of=["Faults"])


def add(tally: PartitionTally, after_ms: int, **changed: Any) -> None:
    contributions = changed.pop("contributions", ())
    tally.add(log_event(after_ms, **changed), contributions, record_ms=START)


def first_pane(tally: PartitionTally) -> PaneRecord:
    """Close everything and return the pane at START."""
    return next(r for r in drained(tally) + finished(tally) if r.pane_ms == START)


def test_rows_are_kept_apart_by_service_and_zone() -> None:
    tally = new_tally()
    add(tally, 0, faults=1.0)
    add(tally, 1, service="cart")
    add(tally, 2, service="cart")
    add(tally, 3, zone_id="", zone_name="us-east-1b", slow=1.0, connection_failures=2.0)
    add(tally, 4, host="")
    add(tally, 5, zone_id="", zone_name="")
    record = first_pane(tally)
    cart, checkout = record.fleets
    assert (["h1"], [2.0]) == (cart.hosts, np.frombuffer(cart.requests, "<f8").tolist())
    assert [
        ("us-east-1b", "", "us-east-1b"), ("use1-az1", "use1-az1", "us-east-1a")
    ] == checkout.zones  # fmt: skip
    assert [1.0, 0.0] == np.frombuffer(checkout.slow, "<f8").tolist()
    assert [2.0, 0.0] == np.frombuffer(checkout.connection_failures, "<f8").tolist()
    assert [START + 3, START] == np.frombuffer(checkout.last_seen_ms, "<f8").tolist()
    assert [(1, "c1", 1.0)] == checkout.callers


def test_faults_are_blamed_on_callers_within_the_bound() -> None:
    tally = new_tally()
    add(tally, 0, caller="", faults=5.0)
    for number in range(CALLERS_PER_HOST + 5):
        add(tally, 0, caller=f"c{number}", faults=1.0)
    add(tally, 0, caller="c7", faults=2.5)
    add(tally, 0, caller=f"c{CALLERS_PER_HOST}", faults=100.0)
    record = first_pane(tally)
    assert (0, "c7", 3.5) == record.fleets[0].callers[0]


def contribution(*keys: str, value: float = 1.0) -> tuple[tuple[int, Contribution], ...]:
    return ((0, Contribution(keys, value, 1.0, value, value)),)


def test_contributors_beyond_the_limit_go_to_a_sketch_that_keeps_its_bound() -> None:
    """Of 3 exact keys each stays exact for the pane; 400 others share a sketch of 64 counters."""
    limits = TallyLimits(exact_contributors=3, sketch_lg_size=6)
    tally = new_tally(RuleSet((SUMS,)), limits=limits)
    truth: dict[str, int] = {}
    for number in range(3_000):
        key = f"k{number % 7 if number % 2 else number % 403}"
        truth[key] = truth.get(key, 0) + 2
        add(tally, 0, contributions=contribution(key, value=1.5))
    record = first_pane(tally)
    (table,) = record.rules
    exact = dict(zip(table.keys, np.frombuffer(table.values, "<f8").tolist(), strict=True))
    assert {(key,): truth[key] * 0.75 for key in ("k0", "k1", "k2")} == exact
    assert sum(n for key, n in truth.items() if (key,) not in exact) == table.sketch_weight
    assert (3_000.0, 1.5, 1.5) == (table.samples, table.minimum, table.maximum)
    sketch = frequent_strings_sketch.deserialize(table.sketch)
    bound = sketch.epsilon * table.sketch_weight
    items = sketch.get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES, 0)
    for item, _, lower, upper in items:
        (key,) = json.loads(item)
        assert lower <= truth[key] <= upper <= lower + bound


def test_counting_rules_have_one_sample_of_one_per_event() -> None:
    tally = new_tally(RuleSet((rule("b", keys=[("a",), ("b",)]), rule("a"))))
    add(tally, 0, contributions=contribution("x", "y"))
    add(tally, 0, contributions=contribution("x", "y"))
    record = first_pane(tally)
    (table,) = record.rules
    assert ("b", [("x", "y")], 2.0, 1.0, 1.0) == (
        table.rule, table.keys, table.samples, table.minimum, table.maximum,
    )  # fmt: skip
