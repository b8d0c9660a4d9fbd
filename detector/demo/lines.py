"""The demo as plain lines: one line per event, for output without a live screen.

Law: text from producers is escaped, so one event never takes more than one line.
"""

from detector.core.safe_text import escape_controls
from detector.core.topics import Topics
from detector.core.vocabulary import ActionKind, AlarmState, Decision
from detector.decisions.actions import Action, DecisionRecord, Outcome
from detector.demo.state import DemoState, Record
from detector.detection.alarms import AlarmChange, Target
from detector.tables.reports import Report

_ACTION_TEXTS = {ActionKind.REPLACE_HOST: "replace host", ActionKind.SHIFT_AWAY: "shift away from"}
HEALTHY = "all hosts are healthy: one request in a thousand fails"
_RECOVERED = (
    "healthy again: host {0.host} has been replaced",
    "healthy again: traffic has been shifted away from zone {0.zone}",
    "healthy again: zone {0.second_zone} has recovered, traffic still stays away from {0.zone}",
)


def clock(seconds: float) -> str:
    """Format seconds since the start as minutes and seconds."""
    return f"{int(max(0.0, seconds)) // 60:02d}:{int(max(0.0, seconds)) % 60:02d}"


def action_text(kind: ActionKind, target: Target | None) -> str:
    """Return the action and its target in a few words."""
    if target is None:
        return f"{_ACTION_TEXTS[kind]} nobody"
    place = f"{target.host} in {target.zone}" if target.host else target.zone
    return escape_controls(f"{_ACTION_TEXTS[kind]} {place} ({target.service})")


def reason_text(decision: DecisionRecord) -> str:
    """Return the reason of a decision: the first failed check, or the evidence if all passed."""
    failed = next((check for check in decision.checks if not check.passed), None)
    if failed is None:
        excess = decision.evidence.excess_faults
        return f"all {len(decision.checks)} checks passed, {excess:.0f} excess faults"
    reason = decision.refusal.value if decision.refusal else failed.name
    return escape_controls(f"{reason}: saw {failed.saw}; demanded {failed.demanded}")


def story(state: DemoState, now: float) -> str:
    """Describe the condition of the fleet at epoch second ``now``."""
    at_ms = int(now * 1000)
    phase = state.script.phase_at(at_ms)
    if phase is not None:
        return phase.story
    over = sum(phase.until_ms <= at_ms for phase in state.script.phases)
    return _RECOVERED[over - 1].format(state.script.expected()) if over else HEALTHY


def sentence(record: Record) -> str:
    """Return the line of a record; empty if it has none."""
    match record:
        case AlarmChange() if record.state in {AlarmState.ALARM, AlarmState.PENDING}:
            return f"{record.state.value:8} {alarm_text(record)}"
        case AlarmChange() if record.previous is AlarmState.ALARM:
            return f"{record.state.value:8} {alarm_text(record)}"
        case DecisionRecord(verdict=Decision.REFUSED):
            return (
                f"refused  {action_text(record.kind, record.target)}, because {reason_text(record)}"
            )
        case DecisionRecord():
            named = action_text(record.kind, record.target)
            return f"{record.verdict.value:8} {named}: {reason_text(record)}"
        case Action():
            return (
                f"action   {escape_controls(record.id)}: {action_text(record.kind, record.target)}"
            )
        case Outcome():
            reason = escape_controls(record.reason or record.executor)
            named = action_text(record.kind, record.target)
            return f"outcome  {record.state.value}: {named} ({reason})"
        case AlarmChange() | Report():
            return ""


def alarm_text(change: AlarmChange) -> str:
    """Return the text of an alarm: the diagnosis of all detectors, and what this one found."""
    verdict = f"verdict {change.verdict.kind.value}: " if change.verdict else ""
    return escape_controls(f"{verdict}{change.sentence}")


def heartbeat(state: DemoState) -> str:
    """Return one line with the current figures."""
    parts = [f"{state.events_per_second:,.0f} events/s", f"{state.events:,} written"]
    if state.delay_seconds is not None:
        parts.append(f"newest window came {state.delay_seconds:.1f} s after its end")
    if state.late or state.dead_letters:
        parts.append(f"{state.late} late, {state.dead_letters} dead letters")
    for service, report in sorted(state.reports.items()):
        if report.contributors:
            top = report.contributors[0]
            name = "/".join(top.keys)
            parts.append(f"{service}: {name} has {top.share:.0%} of {report.sum:.0f} faults")
    return escape_controls("; ".join(parts))


def kcat_lines(topics: Topics, config: str) -> list[str]:
    """Return kcat commands that tail the demo's topics; ``config`` is kcat's configuration."""
    tailed = (topics.actions, topics.decisions, topics.alarms, topics.outcomes)
    return [f"kcat -F {config} -C -q -t {topic} -p 0 -o 0" for topic in tailed]


KCAT_CONFIG = """\
# Old versions of librdkafka misread the embedded broker's list of API versions: do not ask for it.
bootstrap.servers={broker}
api.version.request=false
broker.version.fallback=0.9.0.1
"""
