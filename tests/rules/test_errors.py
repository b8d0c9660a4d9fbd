"""Messages of changes that were not made."""

import pytest

from detector.core.vocabulary import RuleRejection
from detector.rules.errors import (
    RuleBounds,
    RuleTrouble,
    managed_rule,
    passed_over,
    too_many_changes,
    unknown_rule,
)
from detector.rules.log_reducer import ChangeResult

BOUNDS = RuleBounds(max_rules=5)


@pytest.mark.parametrize(
    ("rejection", "trouble", "words"),
    [
        (RuleRejection.TOO_MANY_RULES, RuleTrouble.TOO_MANY_RULES, "there are 5 rules already"),
        (RuleRejection.CONFLICT, RuleTrouble.CONFLICT, "rule 'r' was changed by others"),
        (
            RuleRejection.TOO_MANY_CHANGES,
            RuleTrouble.PASSED_OVER,
            "readers pass the change of rule 'r' over: too_many_changes",
        ),
    ],
)
def test_what_readers_pass_over_has_a_message(
    rejection: RuleRejection, trouble: RuleTrouble, words: str
) -> None:
    error = passed_over(ChangeResult("r", "put", 1, rejection=rejection), BOUNDS)
    assert trouble is error.trouble
    assert str(error).startswith(words)


def test_what_cannot_be_done_says_what_was_found_and_what_to_do() -> None:
    assert "no rule 'r': see `detector rules list`" == str(unknown_rule("r"))
    assert "rule 'r' is managed by template 't': its definition cannot be changed" == str(
        managed_rule("r", "t")
    )
    assert (
        "the last 168 h hold 10000 changes of rules, expected less: change them less often, "
        "or lower rules.history_hours"
    ) == str(too_many_changes(BOUNDS))
