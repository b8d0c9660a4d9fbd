"""A detector in shadow says everything and asks for nothing; one that is off is not asked."""

from collections.abc import Collection, Mapping

import pytest

from detector.core.vocabulary import ActionKind, Switch
from detector.detection.config import EvaluateConfig
from detector.detection.evidence import NoMeasure
from detector.detection.findings import Contributor, DetectorRole, Finding, evidence_of
from detector.detection.persistence import Persistence
from detector.detection.rollout import DetectorSlot, slots_of
from tests.support.windows import meta_of

ALWAYS = Persistence(1, 1)


class Accuser:
    """Accuses the contributor ``a`` whatever it sees."""

    name = "accuser"
    action = ActionKind.REPLACE_HOST
    role = DetectorRole.HOST

    def persistence(self, subject: str) -> Persistence | None:
        return ALWAYS

    def who(self, contributor: Contributor) -> str:
        return "/".join(contributor)

    def examine(
        self, view: object, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        evidence = evidence_of(meta_of(), NoMeasure(), confirmed=True)
        return {("a",): Finding(True, None, evidence, "words")}


@pytest.mark.parametrize(
    ("switch", "action", "persistence", "confirmed"),
    [
        (Switch.ON, ActionKind.REPLACE_HOST, ALWAYS, True),
        (Switch.SHADOW, None, ALWAYS, False),
        (Switch.OFF, ActionKind.REPLACE_HOST, None, True),
    ],
)
def test_the_switch_says_what_is_left_of_a_detector(
    switch: Switch, action: ActionKind | None, persistence: Persistence | None, *, confirmed: bool
) -> None:
    (found,) = slots_of([Accuser()], EvaluateConfig(switches={"accuser": switch}))
    assert ("accuser", action, persistence, switch is Switch.SHADOW, "x/y") == (
        found.name,
        found.action,
        found.persistence("fleet:s"),
        found.is_shadow,
        found.who(("x", "y")),
    )
    finding = found.examine(None, ())["a",]
    assert (True, confirmed, "words") == (finding.met, finding.evidence.confirmed, finding.words)


def test_a_detector_is_on_unless_it_is_named() -> None:
    accuser = Accuser()
    assert (DetectorSlot(accuser, Switch.ON),) == slots_of([accuser], EvaluateConfig())
