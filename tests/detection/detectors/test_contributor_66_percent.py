"""The 66 % rule on contributor rules tells people and asks for nothing."""

import dataclasses

import numpy as np

from detector.detection.config import EvaluateConfig
from detector.detection.detectors.contributor_66_percent import Contributor66Percent
from detector.detection.evidence import ContributorShare
from detector.detection.findings import Contributor, Finding
from detector.tables.pane_records import MeasureKind
from detector.tables.reports import WindowMeasure
from tests.support.detectors import measured
from tests.support.windows import rule_of

DETECTOR = Contributor66Percent(EvaluateConfig())


def found(
    values: dict[tuple[str, ...], float],
    asked: tuple[Contributor, ...] = (),
    others: float = 0.0,
) -> dict[Contributor, Finding]:
    return dict(DETECTOR.examine(rule_of(values, others=others), asked))


def test_a_dominant_contributor_is_found() -> None:
    ((contributor, finding),) = found({("a", "x"): 80.0, ("b", "y"): 15.0, ("c", "z"): 5.0}).items()
    evidence = finding.evidence
    assert (("a", "x"), True, None) == (contributor, finding.met, finding.target)
    assert (100.0, 80.0, 0.8, ("b", "y"), 0.15) == (
        measured(evidence, ContributorShare).total,
        measured(evidence, ContributorShare).value,
        measured(evidence, ContributorShare).share,
        measured(evidence, ContributorShare).runner_up,
        measured(evidence, ContributorShare).runner_up_share,
    )
    assert (100.0, 2, False) == (
        measured(evidence, ContributorShare).observations,
        evidence.peers,
        evidence.confirmed,
    )
    assert "contributor a/x owns 80 % of the 100 total of rule faults-by-caller" in finding.words
    assert DETECTOR.action is None


def test_what_only_a_sketch_holds_counts_in_the_total() -> None:
    assert {} == found({("a",): 80.0}, others=60.0)
    assert [("a",)] == list(found({("a",): 80.0}, others=30.0))


def test_those_asked_about_are_measured() -> None:
    values: dict[tuple[str, ...], float] = {("a",): 5.0, ("b",): 95.0}
    findings = found(values, (("a",), ("gone",)))
    assert {("a",): False, ("b",): True} == {key: item.met for key, item in findings.items()}
    assert ("b",) == measured(findings["a",].evidence, ContributorShare).runner_up


def test_a_sum_of_nothing_has_no_shares() -> None:
    finding = found({("a",): 0.0}, (("a",),))["a",]
    assert (0.0, (), 0.0) == (
        measured(finding.evidence, ContributorShare).share,
        measured(finding.evidence, ContributorShare).runner_up,
        measured(finding.evidence, ContributorShare).runner_up_share,
    )
    assert {} == found({})


def test_nobody_dominates_ratios_or_percentiles() -> None:
    plain = rule_of({("a",): 90.0, ("b",): 1.0})
    measure = WindowMeasure(
        kind=MeasureKind.PERCENTILES,
        minimum=1.0,
        at=(99.0,),
        denominators=np.ones(2),
        numerators=None,
        percentiles=np.array([[90.0], [1.0]]),
        below_minimum=0,
        unheld=0.0,
        numerator=0.0,
        denominator=2.0,
        relative_error=0.01,
    )
    assert DETECTOR.examine(plain, ())
    assert not DETECTOR.examine(dataclasses.replace(plain, measure=measure), [("a",)])
