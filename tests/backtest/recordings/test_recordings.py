"""Recordings: every record of the range, in one order, from files and from both brokers."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
from confluent_kafka import Producer

from detector.backtest.recording import Recording, TimeRange
from detector.backtest.recordings import LineRecording, ParquetRecording, TopicRecording
from detector.core.errors import DetectorError
from detector.core.topics import TopicSpec
from detector.kafka.topic_admin import TopicAdmin

START = 1_764_000_000_000
ALL = TimeRange()


def read(recording: Recording) -> list[tuple[bytes, int, int]]:
    """Read a recording twice and return its records: it must say the same again."""
    first, second = [
        [
            (message.value(), message.timestamp()[1], message.partition)
            for chunk in recording.chunks(lambda _: None)
            for message in chunk
        ]
        for _ in range(2)
    ]
    assert first == second
    return first


def emf(after_ms: int) -> bytes:
    return json.dumps({"_aws": {"Timestamp": START + after_ms}, "Host": "h"}).encode()


LINES = [emf(0), b'{"timestamp" : 1764000002000}', b"plain", emf(1_000), b"", emf(5_000)]
IN_LINES = [
    (LINES[0], START, 0),
    (LINES[1], START + 2_000, 0),
    (b"plain", START + 2_000, 0),
    (LINES[3], START + 1_000, 0),
    (LINES[5], START + 5_000, 0),
]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_each_line_is_a_record_with_its_own_time_or_that_of_the_newest_before(
    tmp_path: Path, end: bytes
) -> None:
    path = tmp_path / "logs.ndjson"
    path.write_bytes(end.join(LINES))
    assert read(LineRecording(path, "logs", ALL)) == IN_LINES


def test_a_packed_file_reads_as_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "logs.ndjson.gz"
    path.write_bytes(gzip.compress(b"\n".join(LINES)))
    assert read(LineRecording(path, "logs", ALL)) == IN_LINES


def test_the_range_is_half_open(tmp_path: Path) -> None:
    path = tmp_path / "logs.ndjson"
    path.write_bytes(b"\n".join(LINES))
    span = TimeRange(START + 1_000, START + 5_000)
    assert read(LineRecording(path, "logs", span)) == IN_LINES[1:4]


def test_progress_ends_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "logs.ndjson"
    path.write_bytes(b"\n".join(emf(at) for at in range(12_000)))
    shares: list[float] = []
    assert 12_000 == sum(
        len(chunk) for chunk in LineRecording(path, "l", ALL).chunks(shares.append)
    )
    assert (shares, 1.0) == (sorted(shares), shares[-1])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.ndjson", None, "no such file or directory"),
        ("broken.gz", b"no gzip", "not a gzipped file"),
        ("short.gz", gzip.compress(b"x" * 99)[:20], "compressed file ended"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DetectorError, match=reason) as caught:
        read(LineRecording(path, "logs", ALL))
    assert str(caught.value).startswith(f"cannot read {str(path)!r}: ")


def parquet(path: Path, select: str) -> Path:
    duckdb.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


def test_records_of_parquet_come_by_time(tmp_path: Path) -> None:
    select = (
        "SELECT * FROM (VALUES ('b'::BLOB, 2000, 1), ('a'::BLOB, 1000, 0), ('c'::BLOB, 2000, 0),"
        " (NULL, 3000, 0)) AS rows(value, timestamp_ms, partition)"
    )
    recording = ParquetRecording(parquet(tmp_path / "r.parquet", select), "logs", ALL)
    assert 2 == recording.partitions
    assert read(recording) == [(b"a", 1000, 0), (b"b", 2000, 1), (b"c", 2000, 0)]


@pytest.mark.parametrize(
    "kind", ["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"]
)
def test_a_timestamp_is_read_in_utc_and_text_as_bytes(tmp_path: Path, kind: str) -> None:
    stamp = "2025-11-24 16:00:00" + ("+00" if "ZONE" in kind else "")
    select = f"SELECT 'é' AS \"Value\", '{stamp}'::{kind} AS \"Time\""
    recording = ParquetRecording(parquet(tmp_path / "r.parquet", select), "logs", ALL)
    assert read(recording) == [("é".encode(), START, 0)]


def test_a_table_of_events_is_one_document_a_row(tmp_path: Path) -> None:
    select = f'SELECT {START} AS time, \'h1\' AS "InstanceId", 3 AS "Faults", [1, 2] AS list'
    recording = ParquetRecording(parquet(tmp_path / "r.parquet", select), "logs", ALL)
    [(value, time_ms, _)] = read(recording)
    assert START == time_ms
    assert {"time": START, "InstanceId": "h1", "Faults": 3, "list": [1, 2]} == json.loads(value)


def test_the_range_of_parquet_is_half_open(tmp_path: Path) -> None:
    select = "SELECT range::VARCHAR::BLOB AS value, range AS timestamp FROM range(10)"
    recording = ParquetRecording(parquet(tmp_path / "r.parquet", select), "logs", TimeRange(3, 6))
    assert [3, 4, 5] == [time_ms for _, time_ms, _ in read(recording)]


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (
            "SELECT 1 AS a, 2 AS b",
            "has the columns a, b, expected one of timestamp, time, timestamp_ms",
        ),
        ("SELECT 1 AS time, 1000 AS partition", "has a partition 1000, expected 0 to 999"),
    ],
)
def test_parquet_without_what_is_needed_is_refused(
    tmp_path: Path, select: str, message: str
) -> None:
    with pytest.raises(DetectorError, match=message):
        ParquetRecording(parquet(tmp_path / "r.parquet", select), "logs", ALL)


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(b"no parquet at all")
    with pytest.raises(DetectorError, match=r"cannot read .*r\.parquet"):
        ParquetRecording(path, "logs", ALL)


@pytest.fixture(
    params=[
        pytest.param("broker_tansu", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def bootstrap(request: pytest.FixtureRequest) -> str:
    """Address of each broker in turn."""
    address: str = request.getfixturevalue(request.param).bootstrap
    return address


@pytest.fixture
def topic(bootstrap: str, unique_prefix: str) -> str:
    """Name of a new topic of two partitions."""
    name = f"{unique_prefix}logs"
    TopicAdmin({"bootstrap.servers": bootstrap}).create([TopicSpec(name, 2, {})])
    return name


def write(bootstrap: str, topic: str, records: Sequence[tuple[bytes | None, int, int]]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for value, time_ms, partition in records:
        producer.produce(topic, value, partition=partition, timestamp=time_ms)
        assert 0 == producer.flush(30)


def test_partitions_are_read_side_by_side_by_time(bootstrap: str, topic: str) -> None:
    records: list[tuple[bytes | None, int, int]] = [
        (b"a", START, 0),
        (b"b", START + 1_000, 1),
        (b"c", START + 2_000, 0),
        (b"d", START + 2_000, 1),
        (None, START + 2_500, 1),
        (b"e", START + 3_000, 0),
    ]
    write(bootstrap, topic, [*records[3:5], *records[:3], records[5]][2:] + records[3:5])
    found = read(TopicRecording({"bootstrap.servers": bootstrap}, topic, ALL))
    assert [record for record in records if record[0] is not None] == found


def test_a_range_of_a_topic_is_half_open(bootstrap: str, topic: str) -> None:
    write(bootstrap, topic, [(b"%d" % at, START + at, at % 2) for at in range(8)])
    span = TimeRange(START + 2, START + 6)
    found = read(TopicRecording({"bootstrap.servers": bootstrap}, topic, span))
    assert [b"2", b"3", b"4", b"5"] == [value for value, _, _ in found]


def test_a_range_after_the_end_and_an_empty_topic_have_nothing(bootstrap: str, topic: str) -> None:
    client = {"bootstrap.servers": bootstrap}
    assert [] == read(TopicRecording(client, topic, ALL))
    write(bootstrap, topic, [(b"a", START, 0)])
    assert [] == read(TopicRecording(client, topic, TimeRange(START + 1)))


def test_a_topic_that_is_not_there_is_reported(bootstrap: str, unique_prefix: str) -> None:
    with pytest.raises(DetectorError, match="name one that exists after topic:"):
        TopicRecording({"bootstrap.servers": bootstrap}, f"{unique_prefix}none", ALL)
