"""The quality benchmark on labelled data, on three hours of two nodes in production."""

import csv
import json
from pathlib import Path

import duckdb
import numpy as np
import pytest

from deploy.quality_suite import failslow
from deploy.quality_suite.failslow_data import Cluster, clusters_in
from deploy.quality_suite.failslow_score import NEVER, score
from deploy.quality_suite.failslow_trials import choose, chosen_tunings
from deploy.quality_suite.parts import Options

SLICE = Path(__file__).parents[1] / "golden" / "failslow" / "slice.csv"
START = 1_660_395_600


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write the slice as the benchmark expects its data, with a recording gap in the middle."""
    with SLICE.open() as lines:
        devices, nodes, slow, *minutes = (row for row in csv.reader(lines) if row[0][0] != "#")
    with duckdb.connect() as database:
        database.execute(
            "create table t (timestamp int, cluster varchar, node varchar, device varchar,"
            " latency float, throughput float)"
        )
        for number, minute in enumerate(minutes):
            at = START + 60 * number + (75_600 if number >= 20 else 0)
            rows = [
                (at, "cluster_x", node, device, float(latency), 1e4)
                for node, device, latency in zip(nodes, devices, minute, strict=True)
                if latency
            ]
            database.executemany("insert into t values (?, ?, ?, ?, ?, ?)", rows)
        database.execute(f"copy t to '{tmp_path / 'cluster_x.parquet'}' (format parquet)")
    labels = zip(nodes, devices, slow, strict=True)
    text = "cluster,node,device,slow\n" + "".join(f"cluster_x,{','.join(row)}\n" for row in labels)
    (tmp_path / "cluster_x_labels.csv").write_text(text)
    return tmp_path


def test_the_real_way_finds_the_labelled_devices_and_trials_agree(data: Path) -> None:
    said: list[str] = []
    result = failslow.measure(Options(data, quick=True, say=said.append))
    assert [] == result.shortfalls
    figures = json.loads(json.dumps(result.figures))["clusters"]["X"]
    assert {
        "precision": 1.0, "precision_tolerant": 1.0, "recall": 1.0, "true_positives": 3,
        "false_positives": 0, "false_negatives": 0, "false_positives_tolerant": 0,
    } == {name: value for name, value in figures.items() if not name.startswith("ttd")}  # fmt: skip
    assert 5.0 < figures["ttd_median_minutes"] <= figures["ttd_p90_minutes"] < 180.0
    assert said[0].startswith("cluster X: 4,140 events of 23 devices")


def test_without_data_the_part_says_where_it_looked(tmp_path: Path) -> None:
    result = failslow.measure(Options(tmp_path, quick=True, say=print))
    assert [
        f"found no cluster_*.parquet in {tmp_path}, name their directory: --data"
    ] == result.shortfalls
    (tmp_path / "cluster_y.parquet").touch()
    result = failslow.measure(Options(tmp_path, quick=True, say=print))
    expected = tmp_path / "cluster_y_labels.csv"
    assert [f"cluster_y.parquet has no labels, expected {expected}"] == result.shortfalls


def cluster_of(slow: str, zones: str) -> Cluster:
    """Three recorded minutes of devices that are ``slow`` (1) or not (0), by zone."""
    count = len(slow)
    timestamps = np.repeat(np.array([60, 120, 90_000]), count)
    return Cluster(
        name="X",
        timestamps=timestamps,
        device=np.tile(np.arange(count), 3),
        latency=np.ones(3 * count),
        throughput=np.ones(3 * count),
        hosts=tuple(f"h{n}" for n in range(count)),
        zones=tuple(zones),
        slow=np.array([mark == "1" for mark in slow]),
    )


def test_time_counts_in_recorded_minutes_and_siblings_are_left_out() -> None:
    found = score(cluster_of("11000", "aabac"), np.array([0, 2, NEVER, 1, 1]))
    assert (0.5, 2 / 3, 1.0) == (found.precision, found.precision_tolerant, found.recall)
    assert 2.0 == found.ttd_median_minutes
    assert 2.8 == pytest.approx(found.ttd_p90_minutes)
    assert (2, 2, 0, 1) == (
        found.true_positives,
        found.false_positives,
        found.false_negatives,
        found.false_positives_tolerant,
    )


def test_a_device_that_is_missed_takes_for_ever() -> None:
    found = score(cluster_of("1100", "abcd"), np.array([0, NEVER, NEVER, NEVER]))
    assert (1.0, 0.5, None, None) == (
        found.precision,
        found.recall,
        found.ttd_median_minutes,
        found.ttd_p90_minutes,
    )
    nobody = score(cluster_of("00", "ab"), np.array([NEVER, NEVER]))
    assert (1.0, 1.0, None) == (nobody.precision, nobody.recall, nobody.ttd_median_minutes)


def test_the_middle_of_what_reaches_everything_is_chosen() -> None:
    cluster = cluster_of("10", "ab")
    good = score(cluster, np.array([0, NEVER]))
    wrong = score(cluster, np.array([0, 0]))
    missed = score(cluster, np.array([NEVER, 0]))
    rows = [[wrong], [good], [good], [good], [missed]]
    assert 2 == choose(rows)
    assert 1 == choose([[missed], [wrong], [missed]])
    assert len(chosen_tunings()) == len({each.records_per_noise for each in chosen_tunings()})


def test_names_of_the_data_are_hashed_away(data: Path) -> None:
    (cluster,) = clusters_in(data)
    text = repr((cluster.hosts, cluster.zones))
    assert "node-a" not in text
    assert {2, 23} == {len(set(cluster.zones)), len(set(cluster.hosts))}
