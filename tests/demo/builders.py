"""Records of the public topics as the demo meets them; a test states only what matters to it."""

from typing import Any

import msgspec

from detector.core.topics import Topics
from detector.core.vocabulary import (
    ActionKind,
    AlarmState,
    Decision,
    Mode,
    OutcomeState,
    Refusal,
)
from detector.decisions.actions import (
    ACTION_SCHEMA,
    DECISION_SCHEMA,
    OUTCOME_SCHEMA,
    Action,
    BudgetView,
    Check,
    DecisionRecord,
    Outcome,
)
from detector.detection.alarms import ALARM_SCHEMA, AlarmChange, Target
from detector.detection.evidence import Evidence
from detector.detection.evidence_v1 import FlatEvidence, lift_evidence
from detector.gameday.fleet import Fleet
from detector.gameday.script import Script
from detector.tables.reports import REPORT_SCHEMA, Report, ReportContributor

TOPICS = Topics()
START_MS = 1_790_000_000_000
FLEET = Fleet(7)
SCRIPT = Script.default(FLEET, START_MS)
BLAMED = SCRIPT.expected()

FLAT = FlatEvidence(
    window_start=START_MS,
    window_end=START_MS + 60_000,
    total=300.0,
    value=252.0,
    share=0.84,
    threshold=0.66,
    runner_up=("use1-az2", "i-0"),
    runner_up_share=0.02,
    requests=60_000.0,
    sample_count=300.0,
    p_value=1e-99,
    rate_ratio=310.0,
    excess_faults=251.0,
    peers=59,
    fleet_hosts=60,
    zone_hosts=20,
    zones=3,
    suspects=1,
    windows_met=3,
    windows_seen=5,
    complete=True,
    partial=False,
    missing_partitions=(),
    confirmed=True,
)
EVIDENCE = msgspec.convert(
    lift_evidence(msgspec.to_builtins(FLAT), "r66", "fleet:checkout"), Evidence
)
BUDGET = BudgetView("fleet:checkout", 2.0, 1.0, 0, 1, 60, "hosts heard in the window", 6.0)


def at(seconds: float) -> float:
    """Epoch second that lies ``seconds`` after the start of the script."""
    return START_MS / 1000 + seconds


def target(zone: str, host: str = "", service: str = "checkout") -> Target:
    """Something to act upon."""
    name = next(known.zone_name for known in FLEET.zones if known.zone_id == zone)
    return Target(service, zone, zone, name, host)


def alarm(who: Target, state: AlarmState = AlarmState.ALARM, **changed: Any) -> AlarmChange:
    """One change of the alarm on a host or a zone."""
    detector = "r66" if who.host else "zone"
    contributor = (who.zone, who.host) if who.host else (who.zone,)
    alarm_id = "|".join((detector, f"fleet:{who.service}", *contributor))
    change = AlarmChange(
        schema=ALARM_SCHEMA,
        id=f"{alarm_id}|{state}",
        alarm_id=alarm_id,
        detector=detector,
        subject=f"fleet:{who.service}",
        rule="fleet",
        rule_version="1",
        contributor=contributor,
        previous=AlarmState.PENDING,
        state=state,
        changed_at=START_MS + 60_000,
        target=who,
        action=ActionKind.REPLACE_HOST if who.host else ActionKind.SHIFT_AWAY,
        evidence=EVIDENCE,
        sentence=f"{'/'.join(contributor)} of {who.service} has 84 % of 300 faults",
    )
    return msgspec.structs.replace(change, **changed)


def decision(
    who: Target, refusal: Refusal | None = None, *, attempt: int = 1, after: float = 65.0
) -> DecisionRecord:
    """A yes, or a no for ``refusal``."""
    checks = [Check("kill_switch", passed=True, saw="off: topics created", demanded="off")]
    if refusal is not None:
        checks.append(Check(refusal.value, passed=False, saw="use1-az9", demanded="none away"))
    return DecisionRecord(
        schema=DECISION_SCHEMA,
        id=f"{who.key}-{attempt}",
        action_id=who.key,
        kind=_kind(who),
        target=who,
        verdict=Decision.GRANTED if refusal is None else Decision.REFUSED,
        refusal=refusal,
        mode=Mode.ENFORCE,
        alarm_id="alarm",
        decided_at=at(after),
        epoch=1,
        checks=tuple(checks),
        evidence=FLAT,
        sentence="",
    )


def action(who: Target) -> Action:
    """What a yes puts on the actions topic."""
    return Action(
        schema=ACTION_SCHEMA,
        id=who.key,
        kind=_kind(who),
        target=who,
        mode=Mode.ENFORCE,
        reason="",
        evidence=FLAT,
        budget=msgspec.structs.replace(BUDGET, scope=f"fleet:{who.service}"),
        requested_at=at(65.0),
        not_before=at(65.0),
        expires_at=at(665.0),
        effect_seconds=0.0,
        undo="",
        irreversible=True,
        epoch=1,
        correlation={},
    )


def outcome(who: Target, state: OutcomeState = OutcomeState.ACCEPTED) -> Outcome:
    """What came of it."""
    return Outcome(
        schema=OUTCOME_SCHEMA,
        action_id=who.key,
        kind=_kind(who),
        target=who,
        state=state,
        reason="",
        executor="dry-run",
        attempt=1,
        at=at(66.0),
        duration_seconds=0.01,
        provider_reference="",
        epoch=1,
    )


def report(
    subject: str = "fleet:checkout",
    *,
    ended: float = 60.0,
    late: int = 0,
    shares: dict[tuple[str, str], float] | None = None,
) -> Report:
    """A window's table that ended ``ended`` seconds after the start; faults add up to 300."""
    ranked = sorted((shares or {}).items(), key=lambda item: -item[1])
    return Report(
        schema=REPORT_SCHEMA,
        subject=subject,
        rule="fleet",
        rule_version="1",
        key_labels=("zone", "host"),
        window_start=START_MS + round((ended - 60) * 1000),
        window_end=START_MS + round(ended * 1000),
        sum=300.0,
        sample_count=300.0,
        unique_contributors=60,
        max_contributor_value=252.0,
        minimum=1.0,
        maximum=1.0,
        average=1.0,
        error_bound=0.0,
        complete=True,
        partial=False,
        missing_partitions=(),
        late=late,
        contributors=tuple(
            ReportContributor(keys, 300.0 * share, share, rank)
            for rank, (keys, share) in enumerate(ranked, start=1)
        ),
        others=0.0,
        others_share=0.0,
        totals={"requests": 60_000.0},
    )


def _kind(who: Target) -> ActionKind:
    return ActionKind.REPLACE_HOST if who.host else ActionKind.SHIFT_AWAY
