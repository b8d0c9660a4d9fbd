"""Evidence adds up pane by pane: fast against gray hosts, and deaf to bursts and shared trouble."""

import math

import msgspec
import numpy as np
import pytest

from detector.core.vocabulary import ActionKind
from detector.detection import constants
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.sequential import SequentialTest
from detector.detection.findings import Contributor, Finding
from detector.detection.persistence import Persistence
from detector.tables.reports import FleetWindow
from tests.support.windows import Host, fleet_of, meta_of, paned, peers

CONFIG = EvaluateConfig()
FLEET = 100
GRAY = ("az1", "gray")


def window(number: int, before: float, now: float, background: float = 0.0) -> FleetWindow:
    """A hundred hosts at 100 requests a pane; the first had and has so many faults."""
    hosts = [Host("gray", before + now, 600.0), *peers(FLEET - 1, faults=6 * background)]
    for place, host in enumerate(hosts[1:], start=1):
        hosts[place] = Host(host.name, host.faults, 600.0)
    return paned(fleet_of(hosts, meta_of(number)), [now, *[background] * (FLEET - 1)])


def see(
    test: SequentialTest, fleet: FleetWindow, *asked: Contributor
) -> dict[Contributor, Finding]:
    return dict(test.examine(FleetView(fleet, CONFIG), asked))


def test_the_evidence_is_the_sum_of_the_likelihood_ratios() -> None:
    """Recount in plain words: before and in the pane 59,400 and 9,900 requests without a fault."""
    test = SequentialTest(CONFIG)
    finding = see(test, window(0, 0.0, 5.0), GRAY)[GRAY]
    usual = 0.5 / 9_901  # the larger of the two: the pane has fewer requests
    bad = max(10 * usual, 0.02)
    ratio = 5 * math.log(bad / usual) + 95 * math.log((1 - bad) / (1 - usual))
    limited = min(ratio, 0.75 * constants.SEQUENTIAL_ALARM)
    assert math.exp(-limited) == pytest.approx(finding.evidence.p_value, rel=1e-3)


def test_a_gray_host_is_pending_after_one_pane_and_in_alarm_after_two() -> None:
    test = SequentialTest(CONFIG)
    first = see(test, window(0, 0.0, 6.0))[GRAY]
    assert (False, True, False) == (first.met, first.hinted, first.evidence.confirmed)
    second = see(test, window(1, 6.0, 5.0))[GRAY]
    assert (True, False, True) == (second.met, second.hinted, second.evidence.confirmed)
    assert second.evidence.p_value < 1e-9


def test_one_burst_however_large_never_suffices() -> None:
    test = SequentialTest(CONFIG)
    finding = see(test, window(0, 0.0, 100.0))[GRAY]
    assert (False, True) == (finding.met, finding.hinted)
    see(test, window(1, 100.0, 0.0))
    assert {} == see(test, window(20, 0.0, 0.0))


def test_evidence_fades_while_the_host_is_well() -> None:
    test = SequentialTest(CONFIG)
    see(test, window(0, 0.0, 6.0))
    for number in range(1, 12):
        see(test, window(number, 6.0, 0.0))
    assert [["fleet:checkout", [meta_of(11).window.end_ms, []]]] == test.snapshot()


def test_what_happens_to_all_hosts_is_no_evidence_against_one() -> None:
    """From no faults to ten of a hundred requests everywhere, in one pane and the next."""
    test = SequentialTest(CONFIG)
    for number in range(5):
        assert {} == see(test, window(number, 10.0 * number, 10.0, background=10.0))


def test_a_rate_of_nearly_all_leaves_the_test_silent_and_finite() -> None:
    test = SequentialTest(CONFIG)
    finding = see(test, window(0, 500.0, 100.0, background=99.9), GRAY)[GRAY]
    assert np.isfinite(finding.evidence.p_value)


def test_where_counts_clump_the_evidence_is_divided() -> None:
    """Every fifth healthy host had four faults at once: X2 over N - 1 is about three."""
    counts = [3.0, *(4.0 if n % 5 == 0 else 0.0 for n in range(99))]
    hosts = [Host("gray", 3.0, 600.0)]
    hosts += [Host(f"h{n:02}", count, 600.0) for n, count in enumerate(counts[1:])]
    fleet = paned(fleet_of(hosts, meta_of(0)), [3.0, *[0.0] * 99])
    finding = see(SequentialTest(CONFIG), fleet, GRAY)[GRAY]
    mean = sum(counts) / 100
    scatter = sum((count - mean) ** 2 / mean for count in counts) / 99
    usual = 80.5 / 49_501
    bad = 0.02
    ratio = 3 * math.log(bad / usual) + 97 * math.log((1 - bad) / (1 - usual))
    assert scatter > constants.ZONE_MAX_DISPERSION
    assert math.exp(-ratio / scatter) == pytest.approx(finding.evidence.p_value, rel=1e-3)


def test_a_caller_that_explains_the_host_keeps_it_from_being_named() -> None:
    hosts = [Host("gray", 30.0, 600.0, caller="poison", caller_faults=30.0)]
    hosts += [Host(f"h{n:02}", 1.0, 600.0, caller="other", caller_faults=1.0) for n in range(99)]
    test = SequentialTest(CONFIG)
    for number in range(3):
        fleet = paned(fleet_of(hosts, meta_of(number)), [10.0, *[0.2] * 99])
        finding = see(test, fleet, GRAY)[GRAY]
    assert (False, False, "poison") == (
        finding.met,
        finding.hinted,
        finding.evidence.blamed_caller,
    )
    many = [Host("gray", 30.0, 600.0, caller="c1", caller_faults=10.0), *hosts[1:]]
    finding = see(test, paned(fleet_of(many, meta_of(3)), [10.0, *[0.2] * 99]))[GRAY]
    assert (True, "") == (finding.met, finding.evidence.blamed_caller)


def test_after_a_gap_evidence_begins_anew_and_without_panes_nothing_is_said() -> None:
    test = SequentialTest(CONFIG)
    see(test, window(0, 0.0, 6.0))
    finding = see(test, window(7, 0.0, 5.0), GRAY)[GRAY]
    assert not finding.met
    assert {} == test.examine(FleetView(fleet_of(peers(5)), CONFIG), ())


def test_two_hosts_have_no_peers_to_be_compared_with() -> None:
    test = SequentialTest(CONFIG)
    see(test, window(0, 0.0, 6.0))
    pair = paned(fleet_of([Host("a", 50.0), Host("b")], meta_of(1)), [50.0, 0.0])
    assert {} == see(test, pair)
    assert [] == test.snapshot()


@pytest.mark.parametrize("cut", range(5))
def test_a_restart_at_any_pane_changes_nothing(cut: int) -> None:
    panes = [6.0, 0.0, 1.0, 5.0, 4.0]
    whole, first, second = (SequentialTest(CONFIG) for _ in range(3))
    expected = [see(whole, window(n, 0.0, faults), GRAY) for n, faults in enumerate(panes)]
    told = [see(first, window(n, 0.0, faults), GRAY) for n, faults in enumerate(panes[:cut])]
    second.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(first.snapshot())))
    told += [see(second, window(n, 0.0, faults), GRAY) for n, faults in enumerate(panes[cut:], cut)]
    assert expected == told
    assert whole.snapshot() == second.snapshot()


def test_what_is_remembered_is_bounded_over_all_services(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "SEQUENTIAL_REMEMBERED_IN_ALL", 3)
    test = SequentialTest(CONFIG)
    for service in ("a", "b", "c"):
        hosts = [Host(f"h{n}", 2.0 + n, 600.0) for n in range(2)] + peers(50)
        fleet = fleet_of(hosts, meta_of(0), service)
        see(test, paned(fleet, [2.0, 3.0, *[0.0] * 50]))
    kept = {subject: [row[0] for _, rows in zones for row in rows]
            for subject, (_, zones) in test.snapshot()}  # fmt: skip
    assert {"fleet:a": ["h0", "h1"], "fleet:b": ["h1"], "fleet:c": []} == kept


def test_a_healthy_fleet_is_left_alone(seed: int) -> None:
    """1,000 hosts at 10 requests a second and 0.1 % for ten minutes: nobody is near an alarm."""
    chance = np.random.default_rng(seed)
    test = SequentialTest(CONFIG)
    panes: list[np.ndarray] = []
    for number in range(60):
        panes = [*panes[-5:], chance.binomial(100, 0.001, 1000).astype(np.float64)]
        faults = np.sum(panes, axis=0)
        hosts = [Host(f"h{n:03}", float(count), 600.0) for n, count in enumerate(faults)]
        found = see(test, paned(fleet_of(hosts, meta_of(number)), panes[-1].tolist()))
        assert [] == [key for key, finding in found.items() if finding.met]


def test_what_it_is_called_and_asks_for() -> None:
    detector = SequentialTest(CONFIG)
    assert ("sequential", ActionKind.REPLACE_HOST) == (detector.name, detector.action)
    assert Persistence(1, 5) == detector.persistence("fleet:x")
    assert "host h in z" == detector.who(("z", "h"))
