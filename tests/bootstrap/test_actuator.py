"""The actuator's start: what the client library lost is tried again, anything else is not."""

from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError

from detector.bootstrap import actuator
from detector.bootstrap.actuator import START_ATTEMPTS, Actuator
from detector.settings import load


async def attempts_of(monkeypatch: pytest.MonkeyPatch, *errors: Exception, ready: bool) -> int:
    """Return how often the actuator began, when each beginning ends with the next error."""
    begun = 0

    async def run_actuator(*_: Any, on_ready: Any, **__: Any) -> None:
        nonlocal begun
        begun += 1
        if ready:
            on_ready()
        if begun <= len(errors):
            raise errors[begun - 1]

    monkeypatch.setattr(actuator, "run_actuator", run_actuator)
    monkeypatch.setattr(actuator, "START_PAUSE_SECONDS", 0.0)
    anything: Any = None
    try:
        await Actuator(load(None, {}))._act(anything, anything)
    except KafkaError as error:
        assert error is errors[begun - 1]  # noqa: PT017 - whether it is raised depends on the case
    return begun


LOST = KafkaError("unexpected error during coordination")


async def test_a_start_that_was_lost_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2 == await attempts_of(monkeypatch, LOST, ready=False)


async def test_it_is_given_up_after_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [KafkaError(f"{number}") for number in range(START_ATTEMPTS + 1)]
    assert START_ATTEMPTS == await attempts_of(monkeypatch, *errors, ready=False)


async def test_who_was_ready_ends_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 == await attempts_of(monkeypatch, LOST, ready=True)


async def test_a_broker_that_does_not_answer_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 == await attempts_of(monkeypatch, KafkaConnectionError(), ready=False)
