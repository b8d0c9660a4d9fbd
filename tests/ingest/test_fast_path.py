"""The typed loop reads what it can, exactly as the reference, and hands over the rest in order."""

from typing import Any

import pytest

from detector.logs.event_time import EARLIEST_MS, LATEST_MS
from detector.logs.fields import FieldMapping, LatencyUnit
from detector.rules.rules import Filter, Operator
from detector.tables.windows import WindowTimes
from tests.builders import (
    START,
    Message,
    document,
    emf,
    event,
    rule,
)
from tests.support.loop_bench import Bench, rule_values

FAULTY = Filter(("Faults",), Operator.GREATER_THAN, 0.0)


def test_records_of_the_learned_shape_are_read_without_the_reference() -> None:
    bench = Bench(document(), [rule(filters=[FAULTY], value_of=["Faults"])])
    (first,) = bench.read(
        event(0, Faults=2), event(10, InstanceId="h2"), event(20, Faults=1, Latency=2_000)
    )
    assert [] == bench.handed_over
    assert {("h1",): 3.0} == rule_values(first, "faults-by-host")
    assert ["h1", "h2"] == first.fleets[0].hosts
    assert [(0, "c1", 3.0)] == first.fleets[0].callers


@pytest.mark.parametrize(
    "raw",
    [
        emf(Requests=2),
        emf(drop=["Faults"]),
        emf(Faults="1"),
        emf(Faults=-1),
        emf(Faults=True),
        emf(Faults=None),
        emf(Faults=10**400),
        emf(Latency=[1.0, 2.0]),
        emf(Latency={"Max": 1, "Min": 1, "Count": 1, "Sum": 1}),
        emf(InstanceId=""),
        emf(InstanceId=7),
        emf(InstanceId="h" * 257),
        emf(metadata={"Timestamp": "1700000000000"}),
        emf(metadata={"Timestamp": START + 0.5}),
        emf(metadata={"Timestamp": EARLIEST_MS - 1}),
        emf(metadata={"Timestamp": LATEST_MS}),
        emf(metadata={"Timestamp": 10**30}),
        emf(metadata={}),
        emf(Latency=1).replace(b'"Latency": 1', b'"Latency": 1e999'),
        emf(junk="x" * 1_048_576),
        emf(junk="?").replace(b"?", b"\xff"),
        emf(junk="?").replace(b"?", b"\\q"),
        emf() + emf(),
        b"[" + emf() + b"]",
        b"\xef\xbb\xbf" + emf(),
        b"",
        b"[" * 3_000,
    ],
    ids=lambda raw: raw[-40:].decode(errors="replace"),
)
def test_a_record_that_does_not_fit_is_handed_over_whole(raw: bytes) -> None:
    bench = Bench(document())
    odd = Message(raw, 0, 1)
    bench.read(event(0), odd, event(5, at=2))
    assert [odd] == bench.handed_over


@pytest.mark.parametrize(
    "raw",
    [
        emf(junk="\\ud83d\\ude00 ünï"),
        emf(junk=[1, {"a": None}]),
        emf(junk=1).replace(b'"junk": 1', b'"junk": 1e999'),
        emf(junk=1).replace(b'"junk": 1', b'"junk": ' + b"9" * 5_000),
        emf(junk=1).replace(b'"junk": 1', b'"junk": ' + b"[" * 500 + b"]" * 500),
        emf(Faults=1).replace(b'"Faults": 1', b'"Faults": 0, "Faults": 1'),
        emf(Faults=1).replace(b'"Faults"', b'"\\u0046aults"'),
        b" " + emf() + b"\n",
        emf(Faults=0.5, Latency=0),
        emf(Faults=-0.0),
        emf(Faults=2**64),
        emf(InstanceId="h" * 256),
        emf(InstanceId="höst 😀"),
    ],
    ids=lambda raw: raw[-40:].decode(errors="replace"),
)
def test_what_nobody_reads_and_odd_spellings_stay_with_the_loop(raw: bytes) -> None:
    bench = Bench(document())
    bench.read(event(0), Message(raw, START), event(5))
    assert [] == bench.handed_over


def test_nesting_beyond_every_stack_is_the_same_both_ways() -> None:
    raw = emf(junk=1).replace(b'"junk": 1', b'"junk": ' + b"[" * 5_000 + b"]" * 5_000)
    bench = Bench(document())
    (first,) = bench.read(Message(raw, START))
    assert ["h1"] == first.fleets[0].hosts


def test_status_counts_as_a_fault_where_no_field_does() -> None:
    sample = document(drop=["Faults"], Status=200)
    bench = Bench(sample)
    plain: dict[str, Any] = {"drop": ["Faults"]}
    (first,) = bench.read(
        event(0, Status=500, **plain), event(0, Status=499, **plain), event(0, Status=503, **plain)
    )
    assert [] == bench.handed_over
    assert [(0, "c1", 2.0)] == first.fleets[0].callers


def test_neither_fault_nor_caller_nor_latency_nor_service_is_needed() -> None:
    names = ["Faults", "Caller", "Latency", "ConnectionFailures", "Service", "AZ"]
    bench = Bench(document(drop=names))
    (first,) = bench.read(event(0, drop=names))
    assert [] == bench.handed_over
    assert ["default"] == [fleet.service for fleet in first.fleets]
    bench = Bench(document(drop=["Caller"]))
    (first,) = bench.read(event(0, drop=["Caller"], Faults=1))
    assert [] == first.fleets[0].callers


def test_a_zone_is_known_by_its_name_where_it_has_no_id() -> None:
    bench = Bench(document(drop=["AZ-ID"]))
    (first,) = bench.read(event(0, drop=["AZ-ID"]))
    assert [] == bench.handed_over
    assert [("us-east-1a", "", "us-east-1a")] == first.fleets[0].zones


def test_a_host_under_two_zones_and_services_has_a_row_of_each() -> None:
    bench = Bench(document())
    other_zone: dict[str, Any] = {"AZ-ID": "use1-az2"}
    (first,) = bench.read(event(0), event(1, Service="cart"), event(2, **other_zone), event(3))
    assert [] == bench.handed_over
    assert [("cart", ["h1"]), ("checkout", ["h1", "h1"])] == [
        (fleet.service, fleet.hosts) for fleet in first.fleets
    ]


def test_lists_of_one_number_and_weighted_requests_are_read() -> None:
    plain: dict[str, Any] = {
        "Latency": [12.5],
        "Faults": [1],
        "Requests": 3,
        "ConnectionFailures": [0],
    }
    bench = Bench(document(**plain), [rule(value_of=["Latency"])])
    (first,) = bench.read(event(0, **plain), event(0, **(plain | {"Faults": [0], "Requests": 2.5})))
    assert [] == bench.handed_over
    assert {("h1",): 25.0} == rule_values(first, "faults-by-host")


def test_slow_is_above_the_threshold_of_the_service_in_the_unit_of_the_field() -> None:
    mapping = FieldMapping(
        latency_unit=LatencyUnit.SECONDS, slow_threshold_ms_by_service={"cart": 100.0}
    )
    bench = Bench(document(), mapping=mapping)
    bench.read(
        event(0, Latency=1.0), event(0, Latency=1.1), event(0, Latency=0.2, Service="cart"),
        event(0, Latency=0.1, Service="cart"),
    )  # fmt: skip
    assert [] == bench.handed_over


def test_late_future_and_duplicate_events_are_lost_for_the_same_reasons() -> None:
    mapping = FieldMapping(event_id=("RequestId",))
    bench = Bench(document(RequestId="r"), mapping=mapping)
    bench.read(
        event(0, RequestId="r1"),
        event(0, RequestId="r1"),
        event(1, RequestId="r2"),
        event(9_000, RequestId="r3", record_ms=START),
        event(4_000, RequestId="r4"),
        event(900, RequestId="r5"),
        event(3_600, RequestId="r4"),
    )
    assert [] == bench.handed_over
    assert (1, 1, 1) == bench.typed.losses


@pytest.mark.parametrize("edge", [EARLIEST_MS, LATEST_MS])
def test_the_first_and_the_last_readable_time_lie_inside_a_pane(edge: int) -> None:
    """A pane of 7 s spans the edge, so the bounds of the open pane alone are not enough."""
    times = WindowTimes(pane_ms=7_000)
    assert edge % times.pane_ms
    bench = Bench(document(), times=times)
    bench.read(
        *(
            Message(emf(metadata={"Timestamp": edge + by}), 0)
            for by in (1, -1, 0, -2, 3)
        )
    )  # fmt: skip
    assert 5 == len(bench.handed_over) + sum(
        edge + by in range(EARLIEST_MS, LATEST_MS) for by in (1, -1, 0, -2, 3)
    )
