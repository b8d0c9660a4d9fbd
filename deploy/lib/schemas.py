"""Writes the JSON Schemas of all public records from the types that encode them.

Usage: ``.venv/bin/python deploy/lib/schemas.py [DIRECTORY]`` (default ``deploy/schemas``). The
schema of alarms of version 1, which are still read and no longer written, is kept as it was.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from detector.cloudwatch.alarms.alarm_history import SCHEMA as HISTORY_SCHEMA
from detector.cloudwatch.alarms.alarm_history import HistoryItem
from detector.cloudwatch.alarms.alarm_records import (
    AlarmRecord,
    MetricAlarmStateRecord,
    MuteRecord,
    ThroughRecord,
)
from detector.decisions.actions import (
    ACTION_SCHEMA,
    DECISION_SCHEMA,
    OUTCOME_SCHEMA,
    Action,
    DecisionRecord,
    Outcome,
)
from detector.decisions.kill_switch import CONTROL_SCHEMA, KillSwitch
from detector.detection.alarms import ALARM_SCHEMA, AlarmChange
from detector.rules.change_log import RULE_SCHEMA, RuleChange
from detector.tables.reports import REPORT_SCHEMA, Report

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

RECORDS: dict[str, tuple[Any, str]] = {
    "report.v1": (Report, "detector.reports: one window of one subject, ranked"),
    "alarm.v2": (AlarmChange, "detector.alarms: one change of an alarm"),
    "decision.v1": (DecisionRecord, "detector.decisions: one yes or no, with the chain of checks"),
    "action.v1": (Action, "detector.actions: what an executor may do"),
    "outcome.v1": (Outcome, "detector.outcomes: what came of an action"),
    "kill-switch.v1": (KillSwitch, "detector.control, key kill_switch"),
    "rule-change.v1": (RuleChange, "detector.control, key rule/<name>/<id>"),
    "metric-alarm.v1": (AlarmRecord, "detector.metric-alarms, key alarm/<name>"),
    "metric-alarm-state.v1": (MetricAlarmStateRecord, "detector.metric-alarms, key state/<name>"),
    "metric-alarm-mute.v1": (MuteRecord, "detector.metric-alarms, key mute/<name>"),
    "metric-alarm-through.v1": (ThroughRecord, "detector.metric-alarms, key through"),
    "metric-alarm-history.v1": (HistoryItem, "detector.metric-alarm-history: one item"),
}
"""Type and place of every public record that the product writes as JSON."""

SCHEMA_MEMBERS: dict[str, str | int] = {
    "report.v1": REPORT_SCHEMA,
    "alarm.v2": ALARM_SCHEMA,
    "decision.v1": DECISION_SCHEMA,
    "action.v1": ACTION_SCHEMA,
    "outcome.v1": OUTCOME_SCHEMA,
    "kill-switch.v1": CONTROL_SCHEMA,
    "rule-change.v1": RULE_SCHEMA,
    "metric-alarm.v1": 1,
    "metric-alarm-state.v1": 1,
    "metric-alarm-mute.v1": 1,
    "metric-alarm-through.v1": 1,
    "metric-alarm-history.v1": HISTORY_SCHEMA,
}
"""What the member ``schema`` of each record must be."""


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of one record; members that later releases add are allowed."""
    kind, place = RECORDS[name]
    (schema,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    own = definitions[kind.__name__]["properties"]
    own["schema"] = {"const": SCHEMA_MEMBERS[name]}
    return {"$schema": DIALECT, "title": name, "description": place, **schema, "$defs": definitions}


def text_of(schema: dict[str, Any]) -> str:
    """Write a schema as it stands in its file."""
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def main() -> None:
    """Write every schema to its file."""
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else SCHEMAS
    for name in RECORDS:
        (place / f"{name}.schema.json").write_text(text_of(schema_of(name)))


if __name__ == "__main__":
    main()
