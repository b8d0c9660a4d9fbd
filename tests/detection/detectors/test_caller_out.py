"""A caller whose requests fail wherever they go is named, and nothing is done to it."""

from detector.detection.config import EvaluateConfig
from detector.detection.detectors.caller_out import CallerOut
from detector.detection.detectors.fleet_view import FleetView
from detector.detection.evidence import CallerFaults
from detector.detection.findings import Contributor, Finding
from detector.detection.persistence import Persistence
from tests.support.detectors import measured
from tests.support.windows import Host, fleet_of, peers

CONFIG = EvaluateConfig()
POISONED = Host("victim", 300.0, caller="poison", caller_faults=298.0)
OTHERS = [Host(f"h{n}", 1.0, caller="someone", caller_faults=1.0) for n in range(20)]


def found(hosts: list[Host], asked: tuple[Contributor, ...] = ()) -> dict[Contributor, Finding]:
    return dict(CallerOut(CONFIG).examine(FleetView(fleet_of(hosts), CONFIG), asked))


def test_the_caller_is_named_with_what_it_met() -> None:
    ((key, finding),) = found([POISONED, *OTHERS]).items()
    evidence = finding.evidence
    assert (("poison",), True, None, False) == (
        key,
        finding.met,
        finding.target,
        evidence.confirmed,
    )
    assert (298.0, 320.0, "poison", 1) == (
        measured(evidence, CallerFaults).faults,
        measured(evidence, CallerFaults).fleet_faults,
        evidence.blamed_caller,
        evidence.peers,
    )
    assert finding.words.startswith("caller poison met 298 of the 320 faults of checkout")
    assert finding.words.endswith("without it 1 accused hosts are like their peers")


def test_a_gray_host_that_many_call_names_no_caller() -> None:
    gray = Host("gray", 300.0, caller="someone", caller_faults=100.0)
    assert {} == found([gray, *OTHERS])


def test_a_caller_asked_about_that_is_well_again_is_measured() -> None:
    finding = found(OTHERS, (("poison",),))["poison",]
    assert (False, 0.0, "") == (
        finding.met,
        measured(finding.evidence, CallerFaults).faults,
        finding.evidence.blamed_caller,
    )
    assert 0.0 == measured(found(peers(3), (("poison",),))["poison",].evidence, CallerFaults).share


def test_what_it_is_called_and_asks_for() -> None:
    detector = CallerOut(CONFIG)
    assert ("caller", None) == (detector.name, detector.action)
    assert Persistence(3, 5) == detector.persistence("fleet:x")
    assert "caller c" == detector.who(("c",))
