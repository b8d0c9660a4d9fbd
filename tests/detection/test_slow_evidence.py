"""Slow hosts are found in as many records as noise demands, and healthy ones never."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.detection import constants
from detector.detection.fleet_noise import FleetNoise, Key
from detector.detection.peer_ratios import log_ratios
from detector.detection.slow_evidence import SlowEvidence, records_needed
from tests.detection.test_fleet_noise import autoregression, keys_of

SLICE = Path(__file__).parents[1] / "golden" / "failslow" / "slice.csv"
Floats = NDArray[np.float64]


def read_all(
    ratios: Floats, evidence: SlowEvidence | None = None, keys: dict[Key, int] | None = None
) -> tuple[dict[Key, int], SlowEvidence]:
    """Return the record that first found each host slow, from 1, and what is remembered then."""
    evidence = evidence or SlowEvidence()
    keys = keys or keys_of(ratios.shape[1])
    first: dict[Key, int] = {}
    for number, record in enumerate(ratios, 1):
        evidence.read(record, keys, room=4_096, panel_room=4_096)
        for key in evidence.slow():
            first.setdefault(key, number)
    return first, evidence


def quiet(records: int, hosts: int = 40) -> Floats:
    return np.zeros((records, hosts))


@pytest.mark.parametrize(
    ("ratio", "records"),
    # 6 x (ln 2 / ln L)^1.5 for the best level that lies well below the ratio.
    [(1.0, None), (1.2, None), (1.3, 33), (1.6, 14), (2.0, 8), (10.0, 8)],
)
def test_in_a_quiet_fleet_a_slowdown_takes_the_records_of_its_level(
    ratio: float, records: int | None
) -> None:
    ratios = quiet(120)
    ratios[:, 7] = math.log(ratio)
    first, _ = read_all(ratios)
    assert ({} if records is None else {("az1", "h7"): records}) == first


def test_what_is_needed_grows_with_noise_and_with_how_long_it_lasts() -> None:
    floor = records_needed(FleetNoise(sigma=0.05, inflation=1.0))
    assert [32.8, 13.4, 7.7] == pytest.approx(floor, abs=0.06)
    noisy = records_needed(FleetNoise(sigma=0.4, inflation=4.0))
    lasting = records_needed(FleetNoise(sigma=0.4, inflation=9.0))
    assert 11.5 * 4.0 * 0.4**1.5 / 6.0 * floor == pytest.approx(noisy)
    assert 9.0 / 4.0 * noisy == pytest.approx(lasting)
    large = records_needed(FleetNoise(sigma=0.05, inflation=1.0, hosts=20_000))
    assert (1.0 + 0.15 * math.log(50.0)) * floor == pytest.approx(large)


@pytest.mark.parametrize(("rho", "sigma"), [(0.0, 0.3), (0.5, 0.1), (0.5, 0.3), (0.8, 0.1)])
def test_a_healthy_fleet_with_lasting_noise_has_no_slow_host(
    seed: int, rho: float, sigma: float
) -> None:
    """Log-normal latency whose logarithm is an autoregression, eight hours of 300 hosts."""
    ratios = autoregression(np.random.default_rng(seed), 480, 300, rho, sigma)
    first, _ = read_all(ratios)
    assert {} == first


def test_a_doubled_latency_is_found_in_noise_of_forty_per_cent(seed: int) -> None:
    ratios = autoregression(np.random.default_rng(seed), 180, 300, 0.3, 0.4)
    ratios[:, 5] += math.log(2.0)
    first, _ = read_all(ratios)
    assert [("az2", "h5")] == list(first)
    assert first["az2", "h5"] < 120


def test_a_burst_is_one_record_however_large_it_is() -> None:
    ratios = quiet(30)
    ratios[::3, 4] = 20.0
    first, evidence = read_all(ratios)
    assert ({}, 0.0) == (first, evidence.score(("az1", "h4")))


def test_a_host_that_was_repaired_clears_in_minutes() -> None:
    ratios = quiet(1_000)
    ratios[:900, 3] = 1.0
    _, evidence = read_all(ratios[:900])
    assert pytest.approx(constants.LATENCY_MOST_EVIDENCE, abs=0.01) == evidence.score(("az0", "h3"))
    needed = records_needed(evidence.noise).max()
    _, evidence = read_all(
        ratios[900 : 900 + int(needed / constants.LATENCY_TAKEN_RECORDS) + 1], evidence
    )
    assert {} == evidence.slow()


def test_missing_records_neither_add_nor_take_until_the_host_is_forgotten() -> None:
    key, keys = ("az1", "h1"), keys_of(40)
    ratios = quiet(10)
    ratios[:, 1] = 0.5
    _, evidence = read_all(ratios)
    before = evidence.score(key)
    silent = quiet(constants.LATENCY_FORGET_RECORDS)
    silent[:, 1] = np.nan
    read_all(silent[:-1], evidence)
    assert before == evidence.score(key)
    gone = {other: row for other, row in keys.items() if other != key}
    one = quiet(1)[:, :-1]
    shifted = {other: number for number, other in enumerate(gone)}
    read_all(one, evidence, shifted)
    assert before == evidence.score(key)
    read_all(one, evidence, shifted)
    assert {} == evidence.against


def test_nothing_is_read_while_there_are_fewer_than_eight_hosts() -> None:
    ratios = np.zeros((20, 7))
    ratios[:, 0] = 1.0
    first, evidence = read_all(ratios)
    assert ({}, {}, 0) == (first, evidence.against, evidence.noise.records)


def test_of_more_hosts_than_there_is_room_for_the_strongest_are_kept() -> None:
    ratios = quiet(1)
    ratios[0, :6] = [0.0, 0.24, 0.9, 0.45, 0.9, np.nan]
    evidence, keys = SlowEvidence(), keys_of(40)
    evidence.read(ratios[0], keys, room=3, panel_room=40)
    assert {("az2", "h2"), ("az0", "h3"), ("az1", "h4")} == set(evidence.against)
    # Absent hosts keep their evidence before those that have a ratio.
    absent = {key: row for key, row in keys.items() if key != ("az2", "h2")}
    evidence.read(ratios[0], absent | {("az2", "h2-new"): 2}, room=1, panel_room=40)
    assert {("az2", "h2")} == set(evidence.against)


def test_names_change_nothing_but_names(seed: int) -> None:
    chance = np.random.default_rng(seed)
    ratios = autoregression(chance, 60, 50, 0.4, 0.2)
    ratios[:, :3] += 0.9
    first, _ = read_all(ratios)
    order = chance.permutation(50)
    renamed = {("zone", f"n{place}"): int(row) for place, row in enumerate(order)}
    by_row = {row: key for key, row in keys_of(50).items()}
    other, _ = read_all(ratios[:, order], keys={key: at for at, key in enumerate(renamed)})
    assert first == {by_row[renamed[key]]: number for key, number in other.items()}
    assert first


def test_a_snapshot_in_the_middle_changes_nothing(seed: int) -> None:
    ratios = autoregression(np.random.default_rng(seed), 80, 60, 0.4, 0.3)
    ratios[::7, 9] = np.nan
    _, whole = read_all(ratios)
    _, half = read_all(ratios[:37])
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(half.snapshot()))
    _, continued = read_all(ratios[37:], SlowEvidence.restored(plain))
    assert whole.snapshot() == continued.snapshot()
    assert whole.against


def slice_of_production() -> tuple[Sequence[str], Sequence[str], list[bool], Floats]:
    """Return devices, nodes, labels and latency of two hours of two nodes of cluster J."""
    with SLICE.open() as lines:
        rows = [row for row in csv.reader(lines) if not row[0].startswith("#")]
    devices, nodes, slow, *minutes = rows
    latency = [[float(value or "nan") for value in minute] for minute in minutes]
    return devices, nodes, [each == "1" for each in slow], np.array(latency)


def test_of_two_nodes_in_production_exactly_the_labelled_devices_are_found() -> None:
    devices, nodes, slow, latency = slice_of_production()
    zones = np.array([sorted(set(nodes)).index(node) for node in nodes], np.int64)
    ratios = np.array([log_ratios(minute, zones) for minute in latency])
    keys = {place: row for row, place in enumerate(zip(nodes, devices, strict=True))}
    first, _ = read_all(ratios, keys=keys)
    labelled = {key for key, row in keys.items() if slow[row]}
    assert labelled == set(first)
    assert 3 == len(labelled)
