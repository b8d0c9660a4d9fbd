"""The writers print what the real libraries printed when their lines were recorded."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.gameday.emf import (
    BENCHMARK_PREFIX,
    EmfDocument,
    Instance,
    Library,
    Metric,
    benchmark_bodies,
    benchmark_body,
    benchmark_event,
    benchmark_events,
    line,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "emf"


def _golden() -> list[Any]:
    return [
        pytest.param(library, case, id=f"{library}-{case['name']}")
        for library in Library
        for case in json.loads((GOLDEN / f"{library}.json").read_text())["cases"]
    ]


def _document(given_document: dict[str, Any]) -> EmfDocument:
    instance = given_document.get("instance")
    return EmfDocument(
        namespace=given_document["namespace"],
        timestamp_ms=given_document["timestamp_ms"],
        dimension_sets=tuple(given_document["dimension_sets"]),
        properties=given_document["properties"],
        metrics=tuple(
            Metric(name, tuple(values), unit, *rest)
            for name, values, unit, *rest in given_document["metrics"]
        ),
        log_group=given_document.get("log_group"),
        log_stream=given_document.get("log_stream"),
        instance=None if instance is None else Instance(**instance),
    )


def _plain(metrics: tuple[Metric, ...], properties: dict[str, object] | None = None) -> EmfDocument:
    return EmfDocument(
        namespace="N",
        timestamp_ms=1,
        dimension_sets=({"D": "d"},),
        properties=properties or {},
        metrics=metrics,
    )


@pytest.mark.parametrize(("library", "case"), _golden())
def test_a_writer_prints_the_bytes_that_its_library_printed(
    library: Library, case: dict[str, Any]
) -> None:
    assert case["printed"] == line(library, _document(case["document"])) + "\n"


def test_the_node_writer_lists_metrics_in_the_order_of_the_librarys_heap() -> None:
    golden = json.loads((GOLDEN / f"{Library.NODE}-metric-order.json").read_text())
    for case in golden["cases"]:
        metrics = tuple(
            Metric(str(i), tuple(range(n))) for i, n in enumerate(case["values_by_metric"])
        )
        printed = json.loads(line(Library.NODE, _plain(metrics)))
        listed = [int(metric["Name"]) for metric in _directive(printed)["Metrics"]]
        assert case["printed_order"] == listed


def test_javascript_prints_whole_numbers_without_a_fraction_at_any_depth() -> None:
    properties: dict[str, object] = {"a": {"b": [2.0, {"c": 3.0}, 0.5]}}
    printed = line(Library.NODE, _plain((Metric("M", (1.0,)),), properties))
    assert '"a":{"b":[2,{"c":3},0.5]}' in printed


@pytest.mark.parametrize(
    "metrics",
    [
        pytest.param(tuple(Metric(str(i), (1,)) for i in range(101)), id="metrics"),
        pytest.param((Metric("M", tuple(range(101))),), id="values"),
    ],
)
def test_what_a_library_would_split_into_two_lines_is_refused(metrics: tuple[Metric, ...]) -> None:
    with pytest.raises(ValueError, match="expected at most 100 of each"):
        line(Library.PYTHON, _plain(metrics))


@given(
    library=st.sampled_from(Library),
    caller=st.text(max_size=20),
    latency=st.floats(min_value=0.001, max_value=1e6),
)
def test_every_line_is_one_json_object_with_the_values_that_were_put(
    library: Library, caller: str, latency: float
) -> None:
    printed = line(library, _plain((Metric("Latency", (latency,)),), {"Caller": caller}))
    read = msgspec.json.decode(printed.encode("utf-8", "surrogatepass"))
    expected = [latency] if library is Library.POWERTOOLS else latency
    assert (caller, expected) == (read["Caller"], read["Latency"])
    assert "\n" not in printed


def test_benchmark_events_have_590_bytes_in_the_mean_and_name_every_host_zone_and_service() -> None:
    bodies = benchmark_bodies(7, 5000, hosts=1000, fault_share=0.05)
    events = [benchmark_event(1_790_000_000_000 + i, body) for i, body in enumerate(bodies)]
    assert 585 <= sum(map(len, events)) / len(events) <= 595
    read = [json.loads(event) for event in events]
    assert 1000 == len({event["InstanceId"] for event in read})
    assert {"use1-az1", "use1-az2", "use1-az3"} == {event["AZ-ID"] for event in read}
    assert {"checkout", "search"} == {event["Service"] for event in read}
    assert 1000 == len({(event["InstanceId"], event["AZ-ID"], event["Service"]) for event in read})
    assert 180 <= sum(event["Faults"] for event in read) <= 320
    assert all((event["Status"] >= 500) == (event["Faults"] == 1) for event in read)
    assert 5000 == len({event["RequestId"] for event in read})


def test_a_benchmark_event_has_the_members_of_the_benchmark_record() -> None:
    expected = [
        *"_aws InstanceId AZ-ID Service Operation Caller Status Latency".split(),
        *"Faults ConnectionFailures RequestId Msg".split(),
    ]
    event = benchmark_event(1_790_000_000_123, benchmark_bodies(1, 1)[0])
    read = json.loads(event)
    assert expected == list(read)
    assert 1_790_000_000_123 == read["_aws"]["Timestamp"]
    assert event == json.dumps(read, separators=(",", ":")).encode()


def test_a_benchmark_event_without_room_for_its_message_is_longer_but_whole() -> None:
    body = benchmark_body(
        host="h" * 400,
        zone_id="z",
        service="s",
        operation="o",
        customer="c",
        status=200,
        latency_ms=1.5,
        faults=0,
        request_id="r",
    )
    read = json.loads(benchmark_event(1_790_000_000_000, body))
    assert ("h" * 400, "") == (read["InstanceId"], read["Msg"])


def test_prepared_benchmark_events_use_bodies_in_turn_and_time_evenly() -> None:
    bodies = benchmark_bodies(1, 3)
    expected = [
        benchmark_event(1_790_000_000_000 + ms, bodies[i])
        for ms, i in ((0, 0), (0, 1), (1, 2), (1, 0), (2, 1))
    ]
    assert expected == list(benchmark_events(bodies, 5, 1_790_000_000_000, 2000))
    assert all(event.startswith(BENCHMARK_PREFIX) for event in expected)


def _directive(printed: dict[str, Any]) -> dict[str, Any]:
    directive: dict[str, Any] = printed["_aws"]["CloudWatchMetrics"][0]
    return directive
