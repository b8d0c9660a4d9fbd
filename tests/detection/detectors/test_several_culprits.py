"""A few hosts that together own the trouble: the 40/40/20 that the rule of the talk cannot see."""

import pytest

from detector.core.vocabulary import ActionKind
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.several_culprits import SeveralCulprits
from detector.detection.evidence import HostGroup
from detector.detection.findings import Contributor, Finding
from detector.detection.persistence import Persistence
from tests.support.detectors import measured
from tests.support.windows import Host, fleet_of, peers

CONFIG = EvaluateConfig()


def found(hosts: list[Host], asked: tuple[Contributor, ...] = ()) -> dict[Contributor, Finding]:
    return dict(SeveralCulprits(CONFIG).examine(FleetView(fleet_of(hosts), CONFIG), asked))


def names(hosts: list[Host]) -> list[str]:
    return [key[-1] for key, finding in found(hosts).items() if finding.met]


def test_two_halves_are_two_culprits() -> None:
    hosts = [Host("a", 100.0), Host("b", 100.0), *peers(98)]
    assert ["a", "b"] == names(hosts)
    finding = found(hosts)["az1", "a"]
    assert (True, 0.66) == (
        finding.evidence.confirmed,
        measured(finding.evidence, HostGroup).share_threshold,
    )
    assert measured(finding.evidence, HostGroup).group_share == pytest.approx(1.0)


def test_the_fewest_that_own_more_than_66_percent_are_named() -> None:
    """40/40/20: two own 80 %; a fleet of 400 may lose four."""
    hosts = [Host("a", 80.0), Host("b", 80.0), Host("c", 40.0), *peers(397)]
    assert ["a", "b"] == names(hosts)
    hosts = [*(Host(name, 50.0) for name in "abcd"), *peers(396)]
    assert ["a", "b", "c"] == names(hosts)


@pytest.mark.parametrize(
    "hosts",
    [
        [Host("a", 100.0), *peers(99)],  # one alone is the other rule's
        [*(Host(name, 50.0) for name in "abcde"), *peers(95)],  # four of 100 are too many
        [Host("a", 12.0), Host("b", 12.0), *peers(98)],  # 24 faults in all
        [Host("a", 24.0), *(Host(name, 9.0) for name in "bc"), *peers(397)],  # too few of one
        peers(100, faults=3.0),
        peers(3),
    ],
)
def test_otherwise_nobody_is(hosts: list[Host]) -> None:
    assert [] == names(hosts)


def test_a_background_of_faults_hides_nobody() -> None:
    hosts = [Host("a", 200.0), Host("b", 200.0), *peers(298, faults=3.0)]
    assert ["a", "b"] == names(hosts)


def test_a_host_asked_about_that_is_no_culprit_is_measured() -> None:
    hosts = [Host("a", 100.0), Host("b", 100.0), *peers(98)]
    finding = found(hosts, (("az1", "az1-peer-001"),))["az1", "az1-peer-001"]
    assert (False, False, 0.0) == (
        finding.met,
        finding.evidence.confirmed,
        measured(finding.evidence, HostGroup).group_share,
    )


def test_what_it_is_called_and_asks_for() -> None:
    detector = SeveralCulprits(CONFIG)
    assert ("r66k", ActionKind.REPLACE_HOST) == (detector.name, detector.action)
    assert Persistence(3, 5) == detector.persistence("fleet:x")
    assert "host h in z" == detector.who(("z", "h"))
