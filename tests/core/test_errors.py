"""The error messages for an operator whose input is invalid."""

import pytest

from detector.core.errors import DetectorError, ExecutorError, Fault, OperatorError, RuleError


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            Fault(7, "AggregateOn", '"Average"', '"Count" or "Sum"', file="a.json"),
            'a.json:7: AggregateOn: found "Average", expected "Count" or "Sum"',
        ),
        (Fault(7, "AggregateOn", "1", "2"), "7: AggregateOn: found 1, expected 2"),
        (
            Fault(0, "", "nothing", "a rule", file="a.json"),
            "a.json: found nothing, expected a rule",
        ),
        (Fault(0, "", "nothing", "a rule"), "found nothing, expected a rule"),
    ],
)
def test_a_fault_says_what_is_known_of_its_place(fault: Fault, sentence: str) -> None:
    assert sentence == str(fault)


def test_an_operator_sees_every_fault_at_once() -> None:
    faults = [Fault(1, "a", "b", "c"), Fault(2, "d", "e", "f")]
    error = RuleError(faults)
    assert (tuple(faults), "1: a: found b, expected c\n2: d: found e, expected f") == (
        error.faults,
        str(error),
    )
    assert isinstance(error, OperatorError)


@pytest.mark.parametrize("retryable", [True, False])
def test_a_provider_s_failure_says_whether_it_may_pass(retryable: bool) -> None:
    error = ExecutorError("throttled", retryable=retryable)
    assert (retryable, "throttled") == (error.retryable, str(error))
    assert isinstance(error, DetectorError)
