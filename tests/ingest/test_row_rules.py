"""Rules whose keys a fleet row already holds: counts per row equal counts per event."""

import random
from collections import Counter
from typing import Any
from unittest import mock

import pytest

from detector.ingest import intake as intake_module
from detector.rules.rules import Filter, Operator, RuleSet
from detector.tables.tally import TallyLimits
from tests.builders import Message, encoded, event, finished, new_intake, new_tally, rule

RULES = RuleSet(
    (
        rule("by-host"),
        rule("by-zone", keys=[("AZ-ID",)]),
        rule("by-service-and-host", keys=[("Service",), ("InstanceId",)]),
        rule("by-caller", keys=[("Caller",)]),
        rule("of-one-group", groups=["shop"]),
        rule("faulty", filters=[Filter(("Faults",), Operator.GREATER_THAN, 0.0)]),
    )
)


def drawn(seed: int, count: int) -> list[Message]:
    """Events of two schemas and of records that only the tolerant decoder reads, interleaved."""
    chance = random.Random(seed)
    found = []
    for at in range(count):
        host, zone = f"h{chance.randrange(12)}", f"use1-az{chance.randrange(3)}"
        members: dict[str, Any] = {
            "InstanceId": host,
            "AZ-ID": zone,
            "Caller": f"c{chance.randrange(4)}",
        }
        shape = chance.randrange(6)
        if shape == 0:
            members["Faults"] = [1.0]
        elif shape == 1:
            members["Latency"] = [1.0, 2.0]
        found.append(event(at, at=at, Service=chance.choice(("a", "b")), **members))
    return found


def panes(seed: int, *, schemas: int, exact: int) -> list[bytes]:
    """Tally the same events with at most ``schemas`` compiled loops."""
    with (
        mock.patch.object(intake_module, "MIN_SAMPLES", 3),
        mock.patch.object(intake_module, "MAX_SCHEMAS", schemas),
    ):
        intake = new_intake(RULES)
        tally = new_tally(RULES, limits=TallyLimits(exact_contributors=exact))
        events = drawn(seed, 900)
        for begin in range(0, len(events), 70):
            intake.read(events[begin : begin + 70], tally)
        return encoded(finished(tally))


@pytest.mark.parametrize("exact", [50_000, 20, 7, 2, 1])
def test_counts_per_row_equal_counts_per_event(exact: int) -> None:
    """Byte for byte, also when keys overflow into the sketch in the middle of a pane."""
    for seed in range(8):
        expected = panes(seed, schemas=0, exact=exact)
        assert expected == panes(seed, schemas=8, exact=exact)
        assert expected == panes(seed, schemas=1, exact=exact)


def test_a_row_counts_every_event_of_its_host() -> None:
    """Against a count of the events themselves."""
    with mock.patch.object(intake_module, "MIN_SAMPLES", 1):
        intake, tally = new_intake(RULES), new_tally(RULES)
        events = [event(at % 900, InstanceId=f"h{at % 7}") for at in range(500)]
        for begin in range(0, len(events), 9):
            intake.read(events[begin : begin + 9], tally)
        [pane] = [record for record in finished(tally) if record.pane_ms >= 0]
    [table] = [each for each in pane.rules if each.rule == "by-host"]
    expected = Counter(f"h{at % 7}" for at in range(500))
    assert [(host,) for host in sorted(expected)] == [tuple(key) for key in table.keys]
    assert 500.0 == table.samples
