"""One verdict for all detectors: the wider cause wins, and no detector makes another one act."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from detector.core.diagnosis import MAX_NAMED
from detector.core.vocabulary import Culprit, Switch
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.caller_out import CallerOut
from detector.detection.detectors.diagnose import WindowDiagnosis, diagnose
from detector.detection.detectors.fleet_guard import FLEET, FleetGuard
from detector.detection.detectors.host_66_percent import Host66Percent
from detector.detection.detectors.share_outlier import ShareOutlier
from detector.detection.detectors.silence import Silence
from detector.detection.detectors.zone_outlier import ZONE_SLOW, ZoneOutlier
from detector.detection.evidence import NoMeasure
from detector.detection.findings import Contributor, Finding, evidence_of
from detector.detection.rollout import DetectorSlot
from tests.support.windows import meta_of

CONFIG = EvaluateConfig()
R66 = DetectorSlot(Host66Percent(CONFIG), Switch.ON)
SHARE = DetectorSlot(ShareOutlier(CONFIG), Switch.ON)
ZONE = DetectorSlot(ZoneOutlier(CONFIG), Switch.ON)
SLOW = DetectorSlot(ZoneOutlier(CONFIG, ZONE_SLOW), Switch.ON)
CALLER = DetectorSlot(CallerOut(CONFIG), Switch.ON)
SILENCE = DetectorSlot(Silence(CONFIG), Switch.ON)
GUARD = DetectorSlot(FleetGuard(CONFIG), Switch.ON)
HOST = ("az1", "h")
AZ1, AZ2 = ("az1",), ("az2",)

Found = list[tuple[DetectorSlot[Any], dict[Contributor, Finding]]]


def finding(*, met: bool = True, confirmed: bool = True, **numbers: object) -> Finding:
    return Finding(
        met, None, evidence_of(meta_of(), NoMeasure(), confirmed=confirmed, **numbers), "words"
    )


def held(*, zones: bool) -> Finding:
    return finding(confirmed=False, fleet_event=zones, failed_gates=("rate_of_all",), suspects=4)


def whole(found: Found) -> tuple[Culprit, tuple[str, ...]] | None:
    verdict = diagnose(found).whole
    return None if verdict is None else (verdict.kind, verdict.named)


def with_diagnoses(
    joint: WindowDiagnosis, detector: DetectorSlot[Any], key: Contributor, each: Finding
) -> Finding:
    return joint.with_diagnoses(detector, {key: each})[key]


def test_a_window_without_findings_has_no_verdict() -> None:
    assert whole([]) is None
    assert whole([(R66, {HOST: finding(met=False)})]) is None


@pytest.mark.parametrize(
    ("found", "kind", "named"),
    [
        ([(R66, {HOST: finding()})], Culprit.HOST, ("az1/h",)),
        ([(R66, {HOST: finding(confirmed=False)})], Culprit.UNKNOWN, ("az1/h",)),
        ([(CALLER, {("c",): finding(confirmed=False)})], Culprit.CALLER, ("c",)),
        ([(SILENCE, {AZ1: finding(confirmed=False)})], Culprit.UNKNOWN, ("az1",)),
        ([(ZONE, {AZ1: finding()}), (R66, {HOST: finding()})], Culprit.ZONE, ("az1",)),
        ([(ZONE, {AZ1: finding()}), (SLOW, {AZ2: finding()})], Culprit.FLEET, ("az1", "az2")),
        ([(GUARD, {FLEET: held(zones=True)}), (ZONE, {AZ1: finding()})], Culprit.FLEET, ()),
        ([(GUARD, {FLEET: held(zones=False)}), (ZONE, {AZ1: finding()})], Culprit.ZONE, ("az1",)),
        ([(GUARD, {FLEET: held(zones=False)}), (R66, {HOST: finding()})], Culprit.FLEET, ()),
    ],
)
def test_the_wider_cause_wins(found: Found, kind: Culprit, named: tuple[str, ...]) -> None:
    assert (kind, named) == whole(found)


def test_a_verdict_names_who_agrees_and_carries_the_evidence_of_the_worst() -> None:
    small = finding(p_value=1e-9, rate_ratio=4.0, excess_faults=5.0)
    large = finding(p_value=1e-20, rate_ratio=9.0, excess_faults=50.0)
    weaker = finding(p_value=1e-3, rate_ratio=9.0, excess_faults=50.0)
    verdict = diagnose([(R66, {HOST: weaker}), (SHARE, {HOST: large, ("az1", "i"): small})]).whole
    assert verdict is not None
    assert (("az1/h", "az1/i"), 2, ("r66", "share")) == (
        verdict.named,
        verdict.count,
        verdict.detectors,
    )
    assert (1e-20, 9.0, 55.0) == (verdict.p_value, verdict.rate_ratio, verdict.excess_faults)
    assert verdict == msgspec.json.decode(msgspec.json.encode(verdict), type=type(verdict))


def test_ten_are_named_and_all_are_counted() -> None:
    verdict = diagnose([(SHARE, {("az1", f"h{n}"): finding() for n in range(30)})]).whole
    assert verdict is not None
    assert (MAX_NAMED, 30) == (len(verdict.named), verdict.count)


def test_names_out_of_logs_are_made_plain() -> None:
    verdict = diagnose([(R66, {("az1", "bad\x1b[31m"): finding()})]).whole
    assert verdict is not None
    assert "\x1b" not in verdict.named[0]


def test_a_detector_in_shadow_has_no_vote_and_still_hears_the_verdict() -> None:
    shadow = replace(SHARE, switch=Switch.SHADOW)
    joint = diagnose([(shadow, {HOST: finding()})])
    assert joint.whole is None
    each = with_diagnoses(joint, shadow, HOST, finding(confirmed=False)).verdict
    assert each is not None
    assert (Culprit.UNKNOWN, ()) == (each.kind, each.detectors)


@pytest.mark.parametrize(
    ("found", "kind", "fleet_event"),
    [
        ([(R66, {HOST: finding()})], Culprit.HOST, False),
        ([(SHARE, {("az9", "other"): finding()})], Culprit.UNKNOWN, False),
        ([(ZONE, {AZ1: finding()})], Culprit.ZONE, False),
        ([(ZONE, {AZ1: finding()}), (SLOW, {AZ2: finding()})], Culprit.FLEET, True),
        ([(GUARD, {FLEET: held(zones=True)})], Culprit.FLEET, True),
        ([(GUARD, {FLEET: held(zones=False)})], Culprit.FLEET, True),
        ([(GUARD, {FLEET: held(zones=False)}), (ZONE, {AZ1: finding()})], Culprit.ZONE, True),
    ],
)
def test_a_host_is_blamed_where_nothing_wider_is(
    found: Found, kind: Culprit, *, fleet_event: bool
) -> None:
    each = with_diagnoses(diagnose(found), R66, HOST, finding())
    assert each.verdict is not None
    assert (kind, fleet_event, True) == (
        each.verdict.kind,
        each.evidence.fleet_event,
        each.evidence.confirmed,
    )


def test_a_host_that_a_caller_clears_names_the_caller() -> None:
    cleared = finding(confirmed=False, blamed_caller="poison")
    each = with_diagnoses(diagnose([(R66, {HOST: cleared})]), R66, HOST, cleared)
    assert each.verdict is not None
    assert (Culprit.CALLER, ("poison",)) == (each.verdict.kind, each.verdict.named)


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ({}, Culprit.ZONE),
        ({"fleet_event": True}, Culprit.FLEET),
    ],
)
def test_a_zone_that_is_flagged(numbers: dict[str, object], kind: Culprit) -> None:
    flagged = finding(**numbers)  # type: ignore[arg-type]
    each = with_diagnoses(diagnose([(ZONE, {AZ1: flagged})]), ZONE, AZ1, flagged)
    assert each.verdict is not None
    assert kind == each.verdict.kind


@pytest.mark.parametrize(
    ("gates", "kind"),
    [
        (("caller_explains_it",), Culprit.CALLER),
        (("worst_host_explains_it", "too_few_hosts_elevated"), Culprit.HOST),
        (("not_significant",), Culprit.UNKNOWN),
    ],
)
def test_a_zone_that_is_not_flagged_says_who_explains_it(
    gates: tuple[str, ...], kind: Culprit
) -> None:
    cleared = finding(met=False, confirmed=False, failed_gates=gates)
    each = with_diagnoses(diagnose([]), ZONE, AZ1, cleared)
    assert each.verdict is not None
    assert (kind, ("az1",)) == (each.verdict.kind, each.verdict.named)


def test_the_guard_holds_zones_back_only_when_the_cause_lies_beyond_one_zone() -> None:
    for zones in (True, False):
        joint = diagnose([(GUARD, {FLEET: held(zones=zones)}), (ZONE, {AZ1: finding()})])
        each = with_diagnoses(joint, ZONE, AZ1, finding())
        assert each.verdict is not None
        assert (zones, Culprit.FLEET if zones else Culprit.ZONE) == (
            each.evidence.fleet_event,
            each.verdict.kind,
        )


def test_what_asks_for_nothing_is_never_held_back() -> None:
    joint = diagnose(
        [
            (GUARD, {FLEET: held(zones=True)}),
            (CALLER, {("c",): finding(confirmed=False)}),
            (SLOW, {AZ1: finding()}),
        ]
    )
    kinds = {}
    for detector, key in ((GUARD, FLEET), (CALLER, ("c",)), (SILENCE, AZ1), (SILENCE, AZ2)):
        each = with_diagnoses(joint, detector, key, finding(confirmed=False))
        assert not each.evidence.fleet_event
        assert each.verdict is not None
        kinds[detector.name, key] = each.verdict.kind
    assert [Culprit.FLEET, Culprit.CALLER, Culprit.ZONE, Culprit.UNKNOWN] == list(kinds.values())
