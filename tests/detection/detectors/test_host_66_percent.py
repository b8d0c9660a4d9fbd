"""What the detectors say of a fleet: who dominates, who is confirmed, and who is not to blame."""

from detector.core.vocabulary import ActionKind, AlarmMode
from detector.detection.alarms import Target
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.detectors.host_66_percent import Host66Percent
from detector.detection.evidence import HostShare
from detector.detection.findings import Contributor, Finding
from detector.detection.persistence import Persistence
from detector.detection.share_test import ShareTestConfig
from tests.support.detectors import measured
from tests.support.windows import Host, fleet_of, peers

CONFIG = EvaluateConfig()
GRAY = Host("gray", faults=300.0, zone="az1")


def hosts_found(
    hosts: list[Host], asked: tuple[Contributor, ...] = (), config: EvaluateConfig = CONFIG
) -> dict[Contributor, Finding]:
    return dict(Host66Percent(config).examine(FleetView(fleet_of(hosts), config), asked))


def test_a_gray_host_is_found_and_confirmed_with_all_its_numbers() -> None:
    hosts = [GRAY, *peers(39, faults=1.0), *peers(20, "az2", 1.0)]
    ((contributor, finding),) = hosts_found(hosts).items()
    evidence = finding.evidence
    assert (("az1", "gray"), True, True) == (contributor, finding.met, evidence.confirmed)
    assert Target("checkout", "az1", "az1", "name-of-az1", "gray") == finding.target
    assert (359.0, 300.0, 300 / 359) == (
        measured(evidence, HostShare).fleet_faults,
        measured(evidence, HostShare).faults,
        measured(evidence, HostShare).share,
    )
    assert (0.66, ("az1", "az1-peer-000"), 1 / 359) == (
        measured(evidence, HostShare).share_threshold,
        measured(evidence, HostShare).runner_up,
        measured(evidence, HostShare).runner_up_share,
    )
    assert (1000.0, 60_000.0) == (
        measured(evidence, HostShare).requests,
        measured(evidence, HostShare).fleet_requests,
    )
    assert (59, 60, 40, 2, 1) == (
        evidence.peers,
        evidence.fleet_hosts,
        evidence.zone_hosts,
        evidence.zones,
        evidence.suspects,
    )
    assert evidence.p_value < 1e-80
    assert 299.0 == evidence.excess_faults
    assert (False, "") == (evidence.fleet_event, evidence.blamed_caller)
    assert "host gray in az1 owns 83.6 % of the 359 faults of checkout" in finding.words


def test_without_dominance_nobody_is_found_but_those_asked_about_are_measured() -> None:
    hosts = [Host("a", 30.0), Host("b", 29.0), *peers(8)]
    assert {} == hosts_found(hosts)
    found = hosts_found(hosts, (("az1", "b"), ("az1", "gone")))
    assert [(("az1", "b"), False)] == [(key, finding.met) for key, finding in found.items()]
    assert ("az1", "a") == measured(found["az1", "b"].evidence, HostShare).runner_up


def test_a_fleet_without_faults_has_nothing_to_find() -> None:
    assert {} == hosts_found(peers(5))
    finding = hosts_found(peers(5), (("az1", "az1-peer-001"),))["az1", "az1-peer-001"]
    assert (0.0, (), False) == (
        measured(finding.evidence, HostShare).share,
        measured(finding.evidence, HostShare).runner_up,
        finding.evidence.confirmed,
    )


def test_a_host_that_serves_most_of_the_requests_dominates_without_being_confirmed() -> None:
    hosts = [Host("busy", 90.0, requests=90_000.0), *peers(10, faults=1.0)]
    finding = hosts_found(hosts)["az1", "busy"]
    assert (True, False) == (finding.met, finding.evidence.confirmed)
    assert finding.words.endswith("the share test does not confirm it")


def test_a_poison_caller_is_blamed_instead_of_its_host() -> None:
    """One caller's bad input sticks to one host; other callers meet faults elsewhere."""
    poisoned = Host("victim", 300.0, caller="poison", caller_faults=298.0)
    others = [Host(f"h{n}", 1.0, caller="someone", caller_faults=1.0) for n in range(20)]
    finding = hosts_found([poisoned, *others])["az1", "victim"]
    assert (True, False, "poison") == (
        finding.met,
        finding.evidence.confirmed,
        finding.evidence.blamed_caller,
    )
    assert 1 == finding.evidence.suspects


def test_a_caller_that_meets_faults_on_one_host_alone_is_blamed_too() -> None:
    poisoned = Host("victim", 300.0, caller="poison", caller_faults=300.0)
    finding = hosts_found([poisoned, *peers(20)])["az1", "victim"]
    assert "poison" == finding.evidence.blamed_caller


def test_a_service_with_a_single_caller_blames_its_gray_host() -> None:
    """The only caller meets faults on a quarter of the hosts, so it is everybody's caller."""
    gray = Host("gray", 300.0, caller="gateway", caller_faults=300.0)
    touched = [Host(f"h{n}", 1.0, caller="gateway", caller_faults=1.0) for n in range(5)]
    finding = hosts_found([gray, *touched, *peers(14)])["az1", "gray"]
    assert (True, "") == (finding.evidence.confirmed, finding.evidence.blamed_caller)


def test_taking_callers_out_can_be_switched_off() -> None:
    poisoned = Host("victim", 300.0, caller="poison", caller_faults=300.0)
    config = EvaluateConfig(caller_out=False)
    finding = hosts_found([poisoned, *peers(20)], config=config)["az1", "victim"]
    assert finding.evidence.confirmed


def test_in_a_fleet_event_nobody_is_confirmed() -> None:
    """More hosts are suspect than the share test takes for a local cause."""
    config = EvaluateConfig(share_test=ShareTestConfig(fleet_event_fraction=0.01))
    finding = hosts_found([GRAY, *peers(39, faults=1.0)], config=config)["az1", "gray"]
    assert (True, False, True) == (
        finding.met,
        finding.evidence.confirmed,
        finding.evidence.fleet_event,
    )


def test_modes_change_the_persistence_of_a_subject() -> None:
    config = EvaluateConfig(modes={"fleet:a": AlarmMode.CLASSIC, "fleet:b": AlarmMode.OFF})
    host = Host66Percent(config)
    assert (Persistence(1, 1), None) == (host.persistence("fleet:a"), host.persistence("fleet:b"))
    assert ("r66", ActionKind.REPLACE_HOST) == (host.name, host.action)
