"""Both readers count latency alike, in microseconds, whatever unit it was logged in."""

import numpy as np
import pytest

from detector.logs.fields import FieldMapping, LatencyUnit
from tests.builders import document, event
from tests.support.loop_bench import Bench


@pytest.mark.parametrize(
    ("unit", "logged"),
    [
        (LatencyUnit.MICROSECONDS, [12_500.0, 7.0]),
        (LatencyUnit.MILLISECONDS, [12.5, 0.007]),
        (LatencyUnit.SECONDS, [0.0125, 0.000007]),
    ],
)
def test_latency_is_summed_in_microseconds(unit: LatencyUnit, logged: list[float]) -> None:
    bench = Bench(document(), mapping=FieldMapping(latency_unit=unit))
    # Three observations are not what the loop reads; they count as what they are.
    several = {"Values": [logged[1], logged[0]], "Counts": [1, 2]}
    (record,) = bench.read(
        event(Latency=logged[0]), event(1, Latency=logged[1]), event(2, Latency=several)
    )
    (fleet,) = record.fleets
    assert [37_500.0 + 14.0] == np.frombuffer(fleet.latency_us, "<f8").tolist()
    assert [5.0] == np.frombuffer(fleet.latencies, "<f8").tolist()


def test_hosts_that_log_no_latency_have_none() -> None:
    bench = Bench(document(drop=["Latency"]))
    (record,) = bench.read(event(drop=["Latency"]))
    assert (b"", b"") == (record.fleets[0].latency_us, record.fleets[0].latencies)
