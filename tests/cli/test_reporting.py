"""``detector report``: from the file of the history, or from the topic where there is none."""

import json
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from detector.cli.reporting import ReportOptions, ReportRequestError, range_request
from detector.cloudwatch.history import ReportStore
from detector.cloudwatch.metrics.ranges import RangeRequest, RankOrder
from detector.kafka.embedded_broker import EmbeddedBroker
from detector.settings import load
from detector.telemetry.clock import Clock
from tests.cli.conftest import Invoke
from tests.support.history import NOW, PANE, START, Pane, config_of, fetched, reports_of

PANES: list[Pane] = [{("h\x1b[2J",): [3.0, 1.0], ("h2",): [2.0]}] * 9
RANGE = ("--start", "2023-11-14T22:14:00Z", "--end", "2023-11-14T22:16:00+00:00")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of one rule; the clock stands an hour after it begins."""
    monkeypatch.setattr(Clock, "now", lambda _self: NOW / 1000)
    path = tmp_path / "detector-history.duckdb"
    store = ReportStore(config_of(path, topic="detector.reports"))
    store.apply(fetched(reports_of(PANES, top_n=1, incomplete=[3])), NOW)
    store.close()
    return path


def test_the_file_is_reported_as_tables(invoke: Invoke, path: Path) -> None:
    done = invoke("report", "r", *RANGE)
    assert 0 == done.exit_code, done.stderr
    assert "h\\x1b[2J" in done.stdout
    assert "\x1b" not in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["2023-11-14T22:14:00.000Z", "no", "2", "24", "18", "36", "1", "3", "18"] in rows
    assert ["1", "h\\x1b[2J", "36", "66.7%", "24", "2"] in rows
    assert [
        "54 in total, from at least 2 contributors",
        "a contributor may have up to 18 more than shown",
        "1 of 9 panes are incomplete",
    ] == done.stderr.splitlines()


def test_the_file_is_reported_as_one_line_of_json(invoke: Invoke, path: Path) -> None:
    done = invoke(
        "report", "r", *RANGE, "--period", "10", "--top", "1", "--order-by", "Maximum", "-o", "json"
    )
    assert (0, 1) == (done.exit_code, len(done.stdout.splitlines()))
    document = json.loads(done.stdout)
    assert ("rule:r", 10, ["host"], 54.0, 2, 18.0, 9, 1) == tuple(
        document[name]
        for name in (
            "subject", "period_seconds", "key_labels", "value", "unique", "understated_by",
            "panes", "incomplete_panes",
        )
    )  # fmt: skip
    [contributor] = document["contributors"]
    assert (["h\x1b[2J"], 36.0, 4.0, 9) == (
        contributor["keys"],
        contributor["value"],
        contributor["largest"],
        len(contributor["datapoints"]),
    )
    assert {"time": "2023-11-14T22:14:00.000Z", "value": 4.0} == contributor["datapoints"][0]
    assert [True] * 3 + [False] + [True] * 5 == [
        each["complete"] for each in document["datapoints"]
    ]


def test_an_unknown_rule_is_reported(invoke: Invoke, path: Path) -> None:
    done = invoke("report", "another", *RANGE)
    assert (1, "") == (done.exit_code, done.stdout)
    assert "no report of 'rule:another'" in done.stderr


@pytest.mark.embedded
def test_without_a_file_or_with_a_broken_one_the_topic_is_read(
    invoke: Invoke,
    path: Path,
    broker_tansu: EmbeddedBroker,
    unique_prefix: str,
) -> None:
    topic = f"{unique_prefix}reports"
    admin = AdminClient({"bootstrap.servers": broker_tansu.bootstrap})
    for created in admin.create_topics([NewTopic(topic, 2, 1)]).values():
        created.result()
    producer = Producer({"bootstrap.servers": broker_tansu.bootstrap})
    for rule in ("r", "s"):
        for report in reports_of(PANES, rule=rule, top_n=1):
            producer.produce(topic, msgspec.json.encode(report), report.subject.encode())
            producer.flush()
    where = {"DETECTOR_BROKER": broker_tansu.bootstrap, "DETECTOR_TOPIC_PREFIX": unique_prefix}
    why = []
    for content in (None, b"nonsense" * 1000):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        done = invoke("report", "r", *RANGE, "-o", "json", **where)
        assert 0 == done.exit_code, done.stderr
        assert 54.0 == json.loads(done.stdout)["value"]
        why.append(done.stderr)
    assert "no history at detector-history.duckdb: reading the reports topic" in why[0]
    assert "cannot be used" in why[1]


def options(**changed: object) -> ReportOptions:
    plain = {
        "rule": "r", "start": "1h", "end": "now", "period": 60, "top": 10, "order": RankOrder.SUM,
    }  # fmt: skip
    return msgspec.convert(plain | changed, ReportOptions)


def test_times_are_instants_or_how_long_ago() -> None:
    settings = load(None, {})
    hour = 3_600_000
    assert RangeRequest("rule:r", NOW - hour, NOW, 60_000) == range_request(
        settings, options(), NOW / 1000
    )
    request = range_request(
        settings,
        options(rule="fleet:checkout", start="2d", end="2023-11-14T22:14:00", period=30, top=500),
        NOW / 1000,
    )
    expected = RangeRequest("fleet:checkout", NOW - 48 * hour, START, 3 * PANE, 500)
    assert expected == request


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"start": "soon"}, "--start 'soon', expected a time such as 2026-11-23T10:00:00Z"),
        ({"start": "1h", "end": "2h"}, "--start '1h' is not before --end '2h'"),
        ({"period": 15}, "--period 15, expected a multiple of 10 seconds"),
        ({"period": 0}, "--period 0, expected a multiple of 10 seconds"),
        ({"top": 0}, "--top 0, expected 1 to 500"),
        ({"top": 501}, "--top 501, expected 1 to 500"),
    ],
)
def test_what_cannot_be_reported_is_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ReportRequestError) as refused:
        range_request(load(None, {}), options(**changed), NOW / 1000)
    assert message in str(refused.value)
