"""Glossary, and the closed lists that code, metrics, topics and documentation share.

Glossary (one word per thing):

- **LogEvent**: one decoded EMF record or plain structured log. **Unreadable**: a record that could
  not be decoded, with the reason.
- **Host, Zone, Service**: what served the request. A zone has an ID (``use1-az1``, the same in all
  accounts) and a name (``us-east-1a``, which each account maps differently); ``zone`` is the ID
  where known, else the name.
- **Pane**: ``pane_seconds`` of event time, half-open, aligned to the epoch. **Window**: a number of
  consecutive panes.
- **Watermark**: the event time up to which a source partition is assumed to be complete.
- **Subject**: what a table is about: ``fleet:<service>`` or ``rule:<contributor rule>``.
- **Contributor**: one combination of key values of a contributor rule, or one host of a fleet.
- **Report**: the closed, ranked table of one subject and window.
- **Alarm**: the state of one detector for one contributor of a subject. **AlarmChange**: one change
  of that state.
- **Detector**: one method of finding failures. **Diagnosis**: the combined result of all detectors
  for one window, which says whose fault it is; the member ``verdict`` of reports and alarms.
- **Decision**: granted, observed or refused, with the results of all checks. **Action**: what a
  granted decision puts on the action topic. **Outcome**: the result of an action.
- **Kill switch**: while it is engaged, or its state is unknown, no action is granted.
"""

from enum import StrEnum


class DeadLetterReason(StrEnum):
    """Why a record is unreadable. Closed list: every value is documented and tested."""

    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_EVENTS = "too_many_events"
    BAD_UTF8 = "bad_utf8"
    BAD_JSON = "bad_json"
    NOT_AN_OBJECT = "not_an_object"
    NO_KNOWN_FIELD = "no_known_field"
    BAD_VALUE = "bad_value"
    BAD_TIME = "bad_time"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    BAD_LINE = "bad_line"


class Loss(StrEnum):
    """Why a readable event is in no window. Closed list: every loss is counted under one value."""

    LATE = "late"
    FUTURE = "future"
    DUPLICATE = "duplicate"


class TimeSource(StrEnum):
    """Source of an event's time, best first."""

    EMF = "emf"
    FIELD = "field"
    RECORD = "record"


class Envelope(StrEnum):
    """How an event was wrapped in its Kafka record: the outermost wrapping that was removed."""

    EMF = "emf"
    EMF_V0 = "emf_v0"
    PLAIN = "plain"
    TEXT = "text"
    PARSED = "parsed"
    JSON_STRING = "json_string"
    VECTOR_NATIVE = "vector_native"
    SEVERAL = "several"
    ARRAY = "array"
    CLF = "clf"
    TOMBSTONE = "tombstone"


class AlarmState(StrEnum):
    """State of one alarm.

    ``ok``: the condition does not hold. ``pending``: it held in the last window, but in too few of
    the last windows. ``alarm``: it held for the same contributor in the required number of the last
    windows. ``insufficient_data``: windows were incomplete or had too little traffic.
    """

    OK = "ok"
    PENDING = "pending"
    ALARM = "alarm"
    INSUFFICIENT_DATA = "insufficient_data"


class AlarmMode(StrEnum):
    """How the 66 % rule is applied: not at all, as the bare expression, or with guards."""

    OFF = "off"
    CLASSIC = "classic"
    GUARDED = "guarded"


class Switch(StrEnum):
    """Whether a detector is in use.

    ``off``: it does not run. ``shadow``: it runs and publishes alarms that are marked ``shadow``;
    these are never confirmed and never ask for an action. ``on``: its alarms count.
    """

    OFF = "off"
    SHADOW = "shadow"
    ON = "on"


class Culprit(StrEnum):
    """Whose fault it is, from all detectors together.

    ``host``: single hosts. ``zone``: one zone as a whole. ``caller``: the requests of one caller
    fail on every host. ``fleet``: many hosts at once, so the cause is shared. ``unknown``:
    something is wrong, but the tests do not agree on the cause.
    """

    HOST = "host"
    ZONE = "zone"
    CALLER = "caller"
    FLEET = "fleet"
    UNKNOWN = "unknown"


class ActionKind(StrEnum):
    """What an executor can be asked to do. Closed list."""

    REPLACE_HOST = "replace_host"
    SHIFT_AWAY = "shift_away"


class Mode(StrEnum):
    """Whether granted actions are carried out.

    ``observe``: decide and record everything, but publish no action. ``enforce``: publish granted
    actions to the action topic.
    """

    OBSERVE = "observe"
    ENFORCE = "enforce"


class Decision(StrEnum):
    """Result of a decision.

    ``granted``: the action is published. ``observed``: it would be, but the mode is ``observe``.
    ``refused``: a check failed.
    """

    GRANTED = "granted"
    OBSERVED = "observed"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why the decider refused an action. Closed list: the first check that fails gives the reason.

    The runbook defines every value under "Why an action is refused".
    """

    KILL_SWITCH = "kill_switch"
    NOT_CONFIRMED = "not_confirmed"
    INCOMPLETE_DATA = "incomplete_data"
    STALE_EVIDENCE = "stale_evidence"
    NO_TARGET = "no_target"
    ALREADY_ACTED = "already_acted"
    ZONE_ALREADY_AWAY = "zone_already_away"
    ANOTHER_ZONE_IS_AWAY = "another_zone_is_away"
    LAST_ZONE = "last_zone"
    ZONE_IMPAIRED = "zone_impaired"
    TOO_MANY_SICK = "too_many_sick"
    FLEET_UNKNOWN = "fleet_unknown"
    HEALTHY_FLOOR = "healthy_floor"
    CAPACITY_SPENT = "capacity_spent"
    BUDGET_SPENT = "budget_spent"
    GLOBAL_BUDGET_SPENT = "global_budget_spent"
    COOL_DOWN = "cool_down"


class OutcomeState(StrEnum):
    """State of an action at the executor.

    ``accepted``: it has started, and its end follows. ``expired``: it was read after its expiry.
    ``interrupted``: the actuator stopped between acceptance and end; the action is never repeated.
    """

    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"


class ClosedBy(StrEnum):
    """What closed a pane of a source partition: its watermark, or proven idleness."""

    WATERMARK = "watermark"
    IDLE = "idle"


class RuleState(StrEnum):
    """Whether a contributor rule is in use, in CloudWatch's terms."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class RuleChangeKind(StrEnum):
    """What an operator did with a contributor rule."""

    PUT = "put"
    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"
    TAG = "tag"


class ReportResult(StrEnum):
    """What the history of reports did with a record of the reports topic."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    OTHER_WINDOWS = "other_windows"
    EXPIRED = "expired"
    FUTURE = "future"
    TOO_MANY_SUBJECTS = "too_many_subjects"


class HistoryTrouble(StrEnum):
    """What stopped the history of reports; it retries by itself."""

    FILE_SET_ASIDE = "file_set_aside"
    FILE_FAILED = "file_failed"
    TOPIC_UNREAD = "topic_unread"


class RuleRejection(StrEnum):
    """Why a rule change is rejected. Closed list: all readers of the log give the same reason."""

    UNREADABLE = "unreadable"
    INVALID_RULE = "invalid_rule"
    INVALID_TAGS = "invalid_tags"
    CONFLICT = "conflict"
    TOO_FAR_AHEAD = "too_far_ahead"
    TOO_MANY_RULES = "too_many_rules"
    TOO_MANY_CHANGES = "too_many_changes"
