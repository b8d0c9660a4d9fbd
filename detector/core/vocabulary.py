"""The words of the product, and the closed lists that code, metrics, topics and pages share.

Glossary (one word per thing):

- **LogEvent**: one EMF record (or plain structured log) that passed decoding; **Unreadable**: one
  that did not, with the reason.
- **Host, Zone, Service**: who served the request. A zone has an ID (``use1-az1``, the same for
  everyone) and a name (``us-east-1a``, shuffled per account); ``zone`` is the ID where known and
  else the name.
- **Pane**: ``pane_seconds`` of event time, half-open, aligned to the epoch. **Window**: a run of
  panes.
- **Watermark**: the event time before which a source partition is not expected to bring anything
  more.
- **Subject**: what a table is about: ``fleet:<service>`` or ``rule:<contributor rule>``.
- **Contributor**: one combination of key values of a contributor rule, or one host of a fleet.
- **Report**: the closed, ranked table of one subject and window.
- **Alarm, AlarmChange**: a detector's standing for one contributor of a subject; one move between
  two standings.
- **Detector**: one way of finding trouble. **Diagnosis**: what all of them together say of one
  window, whose fault it is; the member ``verdict`` of reports and alarms.
- **Decision**: granted, observed or refused, with the whole chain of checks. **Action**: what a
  granted decision puts on the action topic. **Outcome**: what came of an action.
- **Kill switch**: while it is on, or not known, nothing is done.
"""

from enum import StrEnum


class DeadLetterReason(StrEnum):
    """Why a record could not be understood. Closed: every value is documented and tested."""

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
    """Why a readable event is in no window. Closed; every loss is counted under one of these."""

    LATE = "late"
    FUTURE = "future"
    DUPLICATE = "duplicate"


class TimeSource(StrEnum):
    """Where the event time of an event came from, best first."""

    EMF = "emf"
    FIELD = "field"
    RECORD = "record"


class Envelope(StrEnum):
    """How an event was wrapped in its Kafka record (the outermost wrapping that needed work)."""

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
    """Standing of one alarm.

    ``ok``: the condition does not hold. ``pending``: it held in the last window, but not yet often
    enough. ``alarm``: it held for the same contributor in the required number of the last windows.
    ``insufficient_data``: windows were incomplete, or there was too little traffic to say.
    """

    OK = "ok"
    PENDING = "pending"
    ALARM = "alarm"
    INSUFFICIENT_DATA = "insufficient_data"


class AlarmMode(StrEnum):
    """How the 66 % rule is applied: not at all, as the bare expression, or with its guards."""

    OFF = "off"
    CLASSIC = "classic"
    GUARDED = "guarded"


class Switch(StrEnum):
    """How a detector takes part.

    ``off``: it is not asked. ``shadow``: everything is computed and told, and its alarms say
    ``shadow``; they are never confirmed and ask for nothing. ``on``: it counts.
    """

    OFF = "off"
    SHADOW = "shadow"
    ON = "on"


class Culprit(StrEnum):
    """Whose fault it is, as all detectors together see it.

    ``host``: single hosts. ``zone``: one zone as a whole. ``caller``: one caller's requests fail
    wherever they go. ``fleet``: many at once, so the cause is shared. ``unknown``: something is
    wrong and the tests do not agree on what.
    """

    HOST = "host"
    ZONE = "zone"
    CALLER = "caller"
    FLEET = "fleet"
    UNKNOWN = "unknown"


class ActionKind(StrEnum):
    """What can be asked of an executor. Closed list."""

    REPLACE_HOST = "replace_host"
    SHIFT_AWAY = "shift_away"


class Mode(StrEnum):
    """``observe``: decide and record everything, do nothing.

    ``enforce``: put actions on the action topic.
    """

    OBSERVE = "observe"
    ENFORCE = "enforce"


class Decision(StrEnum):
    """What a decision said: yes; yes, but only observed; no."""

    GRANTED = "granted"
    OBSERVED = "observed"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why the decider said no. Closed: the first failed check of the chain names it."""

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
    """What became of an action at the executor."""

    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"


class ClosedBy(StrEnum):
    """What closed a pane of a source partition: the log itself, or proven idleness."""

    WATERMARK = "watermark"
    IDLE = "idle"


class RuleState(StrEnum):
    """Whether a contributor rule counts, in CloudWatch's words."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class RuleChangeKind(StrEnum):
    """What an operator did to a contributor rule."""

    PUT = "put"
    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"
    TAG = "tag"


class ReportResult(StrEnum):
    """What became of a record of the reports topic in the history of reports."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    OTHER_WINDOWS = "other_windows"
    EXPIRED = "expired"
    FUTURE = "future"
    TOO_MANY_SUBJECTS = "too_many_subjects"


class HistoryTrouble(StrEnum):
    """What kept the history of reports from going on; it tries again by itself."""

    FILE_SET_ASIDE = "file_set_aside"
    FILE_FAILED = "file_failed"
    TOPIC_UNREAD = "topic_unread"


class RuleRejection(StrEnum):
    """Why readers pass a change over. Closed; all readers of the same log give the same answer."""

    UNREADABLE = "unreadable"
    INVALID_RULE = "invalid_rule"
    INVALID_TAGS = "invalid_tags"
    CONFLICT = "conflict"
    TOO_FAR_AHEAD = "too_far_ahead"
    TOO_MANY_RULES = "too_many_rules"
    TOO_MANY_CHANGES = "too_many_changes"
