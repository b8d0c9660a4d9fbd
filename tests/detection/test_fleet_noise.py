"""Noise is measured on the bulk of the fleet: its spread, and how long deviations last."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.detection import constants
from detector.detection.fleet_noise import FleetNoise, Key

Floats = NDArray[np.float64]


def keys_of(hosts: int) -> dict[Key, int]:
    return {(f"az{row % 3}", f"h{row}"): row for row in range(hosts)}


def autoregression(
    chance: np.random.Generator, records: int, hosts: int, rho: float, sigma: float
) -> Floats:
    """Return x[t] = rho x[t-1] + noise with standard deviation ``sigma``, records by hosts."""
    found = np.empty((records, hosts))
    found[0] = chance.normal(0.0, sigma, hosts)
    for at in range(1, records):
        fresh = chance.normal(0.0, sigma * (1.0 - rho**2) ** 0.5, hosts)
        found[at] = rho * found[at - 1] + fresh
    return found


def measured(ratios: Floats, room: int = 512) -> FleetNoise:
    noise, keys = FleetNoise(), keys_of(ratios.shape[1])
    for record in ratios:
        noise.read(record, keys, room)
    return noise


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_spread_and_inflation_are_those_of_an_autoregression(seed: int, rho: float) -> None:
    """The variance of a weighted mean of x is known: weights k^i, covariance rho^|i-j|."""
    noise = measured(autoregression(np.random.default_rng(seed), 200, 500, rho, 0.3))
    keep = noise.tuning.keep
    lags = np.arange(200)
    weights = keep**lags
    covariance = rho ** np.abs(lags[:, None] - lags[None, :])
    variance = weights @ covariance @ weights / weights.sum() ** 2
    records = weights.sum() ** 2 / (weights**2).sum()
    assert 0.3 == pytest.approx(noise.sigma, rel=0.1)
    assert records * variance == pytest.approx(noise.inflation, rel=0.35)


def test_a_few_slow_hosts_do_not_raise_the_noise(seed: int) -> None:
    ratios = autoregression(np.random.default_rng(seed), 60, 200, 0.5, 0.1)
    clean = measured(ratios)
    ratios[:, :10] += 1.0
    slow = measured(ratios)
    assert clean.sigma == pytest.approx(slow.sigma, rel=0.12)
    assert clean.inflation == pytest.approx(slow.inflation, rel=0.3)


def test_the_first_record_is_measured_strictly() -> None:
    """One record says nothing of how long deviations last: the root of thirty is assumed."""
    noise = measured(np.linspace(-1.0, 1.0, 100)[None, :])
    assert 0.74 == pytest.approx(noise.sigma, abs=0.01)
    # The spread over itself, extended from one record to thirty.
    assert 30**0.5 == pytest.approx(noise.inflation, rel=0.02)


def test_hosts_that_are_all_alike_still_have_some_noise() -> None:
    noise = measured(np.zeros((3, 20)))
    assert (0.05, 1.0) == (noise.sigma, noise.inflation)


def test_without_a_panel_the_usual_inflation_is_assumed() -> None:
    noise = measured(np.zeros((3, 20)), room=0)
    assert [] == noise.panel
    assert constants.LATENCY_USUAL_INFLATION == noise.inflation


def test_the_panel_is_spread_over_the_fleet_and_lets_absent_hosts_go() -> None:
    noise, keys = FleetNoise(), keys_of(100)
    ratios = np.zeros(100)
    noise.read(ratios, keys, 10)
    assert {f"h{10 * n}" for n in range(10)} == {host for _, host in noise.panel}
    gone = {key: row for key, row in keys.items() if row != 10}
    silent = ratios.copy()
    silent[20] = np.nan
    for _ in range(constants.LATENCY_FORGET_RECORDS):
        noise.read(silent, gone, 10)
    assert {("az1", "h10"), ("az2", "h20")} <= set(noise.panel)
    noise.read(silent, gone, 10)
    assert not {("az1", "h10"), ("az2", "h20")} & set(noise.panel)
    noise.read(silent, gone, 10)
    assert 10 == len(noise.panel)


def test_a_snapshot_is_plain_and_restores_everything(seed: int) -> None:
    noise = measured(autoregression(np.random.default_rng(seed), 5, 30, 0.5, 0.2))
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(noise.snapshot()))
    restored = FleetNoise.restored(plain)
    assert plain == msgspec.to_builtins(restored.snapshot())
    assert (noise.panel, noise.sums.tolist()) == (restored.panel, restored.sums.tolist())
