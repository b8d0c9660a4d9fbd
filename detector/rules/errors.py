"""Errors of changes of contributor rules, with messages for their authors."""

from dataclasses import dataclass
from enum import StrEnum

from detector.core.errors import DetectorError
from detector.core.vocabulary import RuleRejection
from detector.rules.log_reducer import ChangeResult


@dataclass(frozen=True, slots=True)
class RuleBounds:
    """Most rules and records that a writer allows; versions older than ``history_ms`` may go."""

    max_rules: int = 1_000
    max_records: int = 10_000
    history_ms: int = 168 * 3_600_000


class RuleTrouble(StrEnum):
    """Why a rule was not changed; faults of the definition are a ``RuleError`` instead."""

    UNKNOWN_RULE = "unknown_rule"
    MANAGED_RULE = "managed_rule"
    UNKNOWN_RESOURCE = "unknown_resource"
    INVALID_TAGS = "invalid_tags"
    TOO_MANY_RULES = "too_many_rules"
    TOO_MANY_CHANGES = "too_many_changes"
    CONFLICT = "conflict"
    PASSED_OVER = "passed_over"
    NOT_READ_BACK = "not_read_back"


class RuleChangeError(DetectorError):
    """A change that was not made, or that may not have been made."""

    def __init__(self, trouble: RuleTrouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


def unknown_rule(name: str) -> RuleChangeError:
    """Return the error for a name that no rule has."""
    return RuleChangeError(RuleTrouble.UNKNOWN_RULE, f"no rule {name!r}: see `detector rules list`")


def managed_rule(name: str, template: str) -> RuleChangeError:
    """Return the error for a definition that belongs to a template."""
    return RuleChangeError(
        RuleTrouble.MANAGED_RULE,
        f"rule {name!r} is managed by template {template!r}: its definition cannot be changed",
    )


def too_many_rules(most: int) -> RuleChangeError:
    """Return the error for one rule more than ``most``."""
    return RuleChangeError(
        RuleTrouble.TOO_MANY_RULES,
        f"there are {most} rules already, expected less: delete some, or raise rules.most",
    )


def too_many_changes(bounds: RuleBounds) -> RuleChangeError:
    """Return the error for a log full of changes that may still be needed."""
    return RuleChangeError(
        RuleTrouble.TOO_MANY_CHANGES,
        f"the last {bounds.history_ms / 3_600_000:g} h hold {bounds.max_records} changes of "
        "rules, expected less: change them less often, or lower rules.history_hours",
    )


def passed_over(result: ChangeResult, bounds: RuleBounds) -> RuleChangeError:
    """Return the error for a change that was written but that readers pass over."""
    match result.rejection:
        case RuleRejection.TOO_MANY_RULES:
            return too_many_rules(bounds.max_rules)
        case RuleRejection.CONFLICT:
            message = f"rule {result.name!r} was changed by others again and again: try again"
            return RuleChangeError(RuleTrouble.CONFLICT, message)
        case _:
            message = f"readers pass the change of rule {result.name!r} over: {result.rejection}"
            return RuleChangeError(RuleTrouble.PASSED_OVER, message)
