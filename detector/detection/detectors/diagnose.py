"""The diagnosis: one answer from the findings of all detectors in one window.

Law: the wider cause wins, because an action on the narrower one would be wrong: a shared cause
before a zone, a zone before its hosts, a caller before the hosts that it calls. Trouble on which
the detectors do not agree is ``unknown``. A diagnosis never confirms a finding; it only holds
actions back (``fleet_event``), so no detector can make another one act.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from detector.core.diagnosis import MAX_NAMED, Diagnosis
from detector.core.vocabulary import Culprit
from detector.detection.detectors.fleet_guard import FLEET
from detector.detection.explanations import plain_name
from detector.detection.findings import Contributor, DetectorRole, Finding
from detector.detection.rollout import DetectorSlot
from detector.detection.zone_test import ZoneGate

Findings = Mapping[Contributor, Finding]

_CLEARED_BY: Final = {
    ZoneGate.CALLER_EXPLAINS_IT.value: (Culprit.CALLER, "one caller explains it"),
    ZoneGate.WORST_HOST_EXPLAINS_IT.value: (Culprit.HOST, "one of its hosts explains it"),
}


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """The contributors of one kind: which detectors name each, and its strongest finding."""

    detectors: Mapping[Contributor, tuple[str, ...]]
    findings: Mapping[Contributor, Finding]

    def says(self, kind: Culprit, because: str) -> Diagnosis:
        """Return a diagnosis that names all contributors, most excess faults first."""
        ranked = sorted(
            self.findings, key=lambda key: (-self.findings[key].evidence.excess_faults, key)
        )
        agreeing = sorted({name for names in self.detectors.values() for name in names})
        evidence = self.findings[ranked[0]].evidence
        return Diagnosis(
            kind=kind,
            named=tuple("/".join(map(plain_name, key)) for key in ranked[:MAX_NAMED]),
            count=len(ranked),
            detectors=tuple(agreeing),
            because=because,
            p_value=evidence.p_value,
            rate_ratio=evidence.rate_ratio,
            excess_faults=sum(self.findings[key].evidence.excess_faults for key in ranked),
        )

    def only(self, key: Contributor) -> "FindingGroup":
        """Return the group with one contributor alone."""
        return FindingGroup({key: self.detectors[key]}, {key: self.findings[key]})


@dataclass(frozen=True, slots=True)
class WindowDiagnosis:
    """The findings of all detectors that are switched on, in one window."""

    guard: Finding | None
    zones: FindingGroup
    hosts: FindingGroup
    callers: FindingGroup
    doubted: FindingGroup

    @property
    def whole(self) -> Diagnosis | None:
        """The diagnosis of the window; ``None`` when nothing is found."""
        if self._is_shared or (self.guard is not None and not self.zones.findings):
            return self._fleet()
        if self.zones.findings:
            return self.zones.says(Culprit.ZONE, _ONE_ZONE)
        if self.hosts.findings:
            return self.hosts.says(Culprit.HOST, _ITSELF)
        if self.callers.findings:
            return self.callers.says(Culprit.CALLER, _WITHOUT_IT)
        if self.doubted.findings:
            return self.doubted.says(Culprit.UNKNOWN, _NOT_CONFIRMED)
        return None

    def with_diagnoses(
        self, detector: DetectorSlot[Any], findings: Findings
    ) -> dict[Contributor, Finding]:
        """Return one detector's findings with diagnoses, held back where a wider cause stands."""
        return {key: self._diagnosed(detector.role, key, each) for key, each in findings.items()}

    @property
    def _is_shared(self) -> bool:
        held = self.guard is not None and self.guard.evidence.fleet_event
        return held or len(self.zones.findings) > 1

    def _fleet(self) -> Diagnosis:
        if self.guard is None:
            return self.zones.says(Culprit.FLEET, "several zones stand out at once")
        reasons = ", ".join(self.guard.evidence.failed_gates).replace("_", " ")
        return Diagnosis(Culprit.FLEET, (), self.guard.evidence.suspects, ("guard",), reasons)

    def _diagnosed(self, role: DetectorRole, key: Contributor, finding: Finding) -> Finding:
        if role is DetectorRole.ZONE:
            held, verdict = self._is_shared, self._of_zone(key, finding)
        elif role is DetectorRole.HOST:
            held = self._is_shared or self.guard is not None
            verdict = self._of_host(key, finding)
        else:
            held, verdict = False, self._of_other(key, finding)
        evidence = finding.evidence
        if held and not evidence.fleet_event:
            evidence = msgspec.structs.replace(evidence, fleet_event=True)
        return replace(finding, evidence=evidence, verdict=verdict)

    def _of_host(self, key: Contributor, finding: Finding) -> Diagnosis:
        zone = key[:1]
        if self._is_shared:
            return self._fleet()
        if zone in self.zones.findings:
            return self.zones.only(zone).says(Culprit.ZONE, "its whole zone stands out")
        if self.guard is not None:
            return self._fleet()
        if finding.evidence.blamed_caller:
            return _of(finding, Culprit.CALLER, (finding.evidence.blamed_caller,), _WITHOUT_IT)
        if key in self.hosts.findings:
            return self.hosts.only(key).says(Culprit.HOST, _ITSELF)
        return _of(finding, Culprit.UNKNOWN, key, _NOT_CONFIRMED)

    def _of_zone(self, key: Contributor, finding: Finding) -> Diagnosis:
        if self._is_shared:
            return self._fleet()
        if finding.evidence.fleet_event:
            return _of(finding, Culprit.FLEET, (), "another zone stands out too")
        if key in self.zones.findings:
            return self.zones.only(key).says(Culprit.ZONE, _ONE_ZONE)
        for gate, (culprit, because) in _CLEARED_BY.items():
            if gate in finding.evidence.failed_gates:
                return _of(finding, culprit, key, because)
        return _of(finding, Culprit.UNKNOWN, key, _NOT_CONFIRMED)

    def _of_other(self, key: Contributor, finding: Finding) -> Diagnosis:
        """Diagnose a finding that requests no action: a caller, the guard itself, or silence."""
        if key == FLEET and self.guard is not None:
            return self._fleet()
        if key in self.callers.findings:
            return self.callers.only(key).says(Culprit.CALLER, _WITHOUT_IT)
        if key[:1] in self.zones.findings:
            return self.zones.only(key[:1]).says(Culprit.ZONE, "its whole zone stands out")
        return _of(finding, Culprit.UNKNOWN, key, _NOT_CONFIRMED)


_ONE_ZONE: Final = "many of its hosts, with and without the worst, and no other zone"
_ITSELF: Final = "worse than its peers with and without its worst caller, and its zone is not"
_WITHOUT_IT: Final = "without this caller its hosts are like their peers"
_NOT_CONFIRMED: Final = "something is wrong, and no test confirms whose fault it is"


def diagnose(found: Iterable[tuple[DetectorSlot[Any], Findings]]) -> WindowDiagnosis:
    """Group the findings of all detectors that are switched on."""
    guard: Finding | None = None
    zones: list[tuple[str, Contributor, Finding]] = []
    hosts, callers, doubted = list(zones), list(zones), list(zones)
    for detector, findings in found:
        for key, finding in findings.items():
            if not finding.met or detector.is_shadow:
                continue
            entry = (detector.name, key, finding)
            match detector.role:
                case DetectorRole.ZONE:
                    zones.append(entry)
                case DetectorRole.HOST if finding.evidence.confirmed:
                    hosts.append(entry)
                case DetectorRole.FLEET:
                    guard = finding
                case DetectorRole.CALLER:
                    callers.append(entry)
                case _:
                    doubted.append(entry)
    return WindowDiagnosis(
        guard,
        _group_findings(zones),
        _group_findings(hosts),
        _group_findings(callers),
        _group_findings(doubted),
    )


def _group_findings(named: Sequence[tuple[str, Contributor, Finding]]) -> FindingGroup:
    detectors: dict[Contributor, tuple[str, ...]] = {}
    findings: dict[Contributor, Finding] = {}
    for name, key, finding in named:
        detectors[key] = (*detectors.get(key, ()), name)
        known = findings.get(key)
        if known is None or finding.evidence.p_value < known.evidence.p_value:
            findings[key] = finding
    return FindingGroup(detectors, findings)


def _of(finding: Finding, kind: Culprit, named: tuple[str, ...], because: str) -> Diagnosis:
    evidence = finding.evidence
    names = ("/".join(map(plain_name, named)),) if named else ()
    return Diagnosis(
        kind,
        names,
        len(names),
        (),
        because,
        evidence.p_value,
        evidence.rate_ratio,
        evidence.excess_faults,
    )
