"""The share test alone finds gray hosts under a background that hides them from the 66 % rule."""

from detector.core.vocabulary import ActionKind
from detector.detection import constants
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.host_66_percent import Host66Percent
from detector.detection.detectors.share_outlier import ShareOutlier
from detector.detection.findings import Contributor, Finding
from detector.detection.persistence import Persistence
from detector.detection.share_test import ShareTestConfig
from tests.support.windows import Host, fleet_of, peers

CONFIG = EvaluateConfig()


def found(hosts: list[Host], asked: tuple[Contributor, ...] = ()) -> dict[Contributor, Finding]:
    return dict(ShareOutlier(CONFIG).examine(FleetView(fleet_of(hosts), CONFIG), asked))


def test_a_gray_host_under_a_background_is_found_where_the_rule_of_the_talk_is_blind() -> None:
    """50 faults of 1,049 are 5 %, and fifty times the rate of the peers."""
    hosts = [Host("gray", 50.0), *peers(999, faults=1.0)]
    view = FleetView(fleet_of(hosts), CONFIG)
    assert {} == Host66Percent(CONFIG).examine(view, ())
    ((key, finding),) = found(hosts).items()
    assert (("az1", "gray"), True, True) == (key, finding.met, finding.evidence.confirmed)
    assert finding.words.startswith("host gray in az1 has 50 of the 1,049 faults of checkout")
    assert "times the rate of its 999 peers" in finding.words


def test_several_gray_hosts_are_found_side_by_side() -> None:
    hosts = [Host("a", 40.0), Host("b", 40.0), *peers(98, faults=1.0)]
    assert [("az1", "a"), ("az1", "b")] == list(found(hosts))


def test_alone_it_is_stricter_than_when_it_confirms() -> None:
    """Eight faults against one: p about 1e-5, enough at q = 1e-3 over 20 hosts, not at 1e-5."""
    hosts = [Host("odd", 8.0), *peers(19, faults=0.5)]
    view = FleetView(fleet_of(hosts), CONFIG)
    row = view.window.hosts.index("odd")
    assert view.share_test.suspect[row]
    assert constants.SHARE_ALONE_Q < float(view.share_test.p_value[row]) * 20
    assert {} == found(hosts)
    finding = found(hosts, (("az1", "odd"),))["az1", "odd"]
    assert (False, False) == (finding.met, finding.evidence.confirmed)


def test_the_worst_are_named_and_no_more_than_a_report_lists() -> None:
    """600 of 1,400 hosts are bad, the first of them least."""
    bad = [Host(f"b{n:03}", 500.0 + n) for n in range(600)]
    named = found([*bad, *peers(800)])
    assert constants.MOST_NAMED == len(named)
    assert ("az1", "b599") in named
    assert ("az1", "b000") not in named
    assert ("az1", "b000") in found([*bad, *peers(800)], (("az1", "b000"),))


def test_hosts_of_one_name_in_two_zones_are_two() -> None:
    hosts = [Host("same", 50.0, zone="az1"), Host("same", 1.0, zone="az2"), *peers(50, faults=1.0)]
    assert [("az1", "same")] == list(found(hosts, (("az1", "same"),)))
    assert [("az1", "same"), ("az2", "same")] == list(found(hosts, (("az2", "same"),)))


def test_what_it_is_called_and_asks_for() -> None:
    detector = ShareOutlier(CONFIG)
    assert ("share", ActionKind.REPLACE_HOST) == (detector.name, detector.action)
    assert Persistence(3, 5) == detector.persistence("fleet:x")
    assert "host h in z" == detector.who(("z", "h"))


def test_a_host_that_its_caller_clears_says_so() -> None:
    poisoned = Host("victim", 300.0, caller="poison", caller_faults=300.0)
    finding = found([poisoned, *peers(20)], (("az1", "victim"),))["az1", "victim"]
    assert not finding.met
    assert finding.words.endswith("without caller poison it is like its peers")


def test_in_a_fleet_event_the_words_say_that_the_cause_is_shared() -> None:
    config = EvaluateConfig(share_test=ShareTestConfig(fleet_event_fraction=0.01))
    view = FleetView(fleet_of([Host("b0", 300.0), *peers(39, faults=1.0)]), config)
    finding = ShareOutlier(config).examine(view, (("az1", "b0"),))["az1", "b0"]
    assert (False, True) == (finding.met, finding.evidence.fleet_event)
    assert finding.words.endswith("the cause is shared")
