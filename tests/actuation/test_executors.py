"""The webhook: signed, idempotent, and patient within limits."""

import asyncio
import hashlib
import hmac
import json
import socket

import pytest

from detector.actuation.executors import (
    DryRunExecutor,
    WebhookConfig,
    WebhookExecutor,
)
from detector.core.errors import ExecutorError
from detector.decisions.actions import Action
from detector.decisions.budgets import BucketLimits
from tests.support.deciding import START, action, at
from tests.support.webhooks import SECRET, Patience, receiving, webhook


async def test_the_dry_run_tells_what_it_would_do() -> None:
    reported: list[Action] = []
    assert await DryRunExecutor(reported.append).execute(action()) == "dry-run:a1"
    assert reported == [action()]


async def test_the_post_is_a_cloud_event_signed_over_timestamp_and_body() -> None:
    async with receiving() as receiver, webhook(receiver.url) as made:
        assert await made.execute(action()) == "http 200"
    [(headers, body)] = receiver.calls
    event = json.loads(body)
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert headers["Idempotency-Key"] == "a1"
    assert headers["X-Detector-Timestamp"] == str(int(START))
    # The HMAC of RFC 2104 written out: H(key ^ opad, H(key ^ ipad, text)).
    key = SECRET.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + f"{int(START)}.".encode() + body).digest()
    expected = hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).hexdigest()
    assert hmac.compare_digest(headers["X-Detector-Signature"], f"sha256={expected}")
    assert (event["specversion"], event["id"], event["type"]) == ("1.0", "a1", "detector.action.v1")
    assert event["subject"] == "checkout/az1/h1"
    assert event["data"]["target"]["host"] == "h1"
    assert SECRET.decode() not in body.decode() + str(headers)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_busy_or_broken_receiver_is_tried_again_with_the_same_key(status: int) -> None:
    patience = Patience()
    async with receiving(status, status, 204) as receiver, webhook(receiver.url, patience) as made:
        assert await made.execute(action()) == "http 204"
    assert [headers["Idempotency-Key"] for headers, _ in receiver.calls] == ["a1"] * 3
    assert len({body for _, body in receiver.calls}) == 1
    assert patience.pauses == [0.5, 1.0]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 409, 422])
async def test_a_refusal_or_a_redirect_is_final(status: int) -> None:
    async with receiving(status) as receiver, webhook(receiver.url) as made:
        with pytest.raises(ExecutorError, match=f"webhook answered {status}"):
            await made.execute(action())
    assert len(receiver.calls) == 1


async def test_retries_end_with_the_call_and_with_the_shared_budget() -> None:
    budget = BucketLimits(3.0, 0.0)
    async with (
        receiving(503) as receiver,
        webhook(receiver.url, retries=2, retry_budget=budget) as made,
    ):
        calls = []
        for name in ("a1", "a2", "a3"):
            with pytest.raises(ExecutorError, match="answered 503"):
                await made.execute(action(name))
            calls.append(len(receiver.calls))
    assert calls == [3, 5, 6]


async def test_nothing_is_tried_again_after_the_action_expired() -> None:
    patience = Patience()
    async with (
        receiving(503) as receiver,
        webhook(receiver.url, patience, retries=20, backoff_seconds=10.0) as made,
    ):
        with pytest.raises(ExecutorError):
            await made.execute(action(expires_at=START + 45.0))
    assert patience.pauses == [10.0, 20.0]
    assert len(receiver.calls) == 3


async def test_a_receiver_that_is_silent_is_given_up_in_time() -> None:
    async with receiving() as receiver:
        receiver.hold = asyncio.Event()
        async with webhook(receiver.url, timeout_seconds=0.05, retries=1) as made:
            with pytest.raises(ExecutorError, match=r"no answer in 0\.05 s") as caught:
                await made.execute(action())
        receiver.hold.set()
    assert caught.value.retryable
    assert len(receiver.calls) == 2


async def test_a_receiver_that_is_not_there_is_an_error_that_may_be_retried() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/act"
        async with webhook(url, retries=0) as made:
            with pytest.raises(ExecutorError, match="could not be reached") as caught:
                await made.execute(action())
    assert caught.value.retryable


async def test_a_webhook_that_is_not_open_says_so() -> None:
    made = WebhookExecutor(WebhookConfig(url="https://example.com", secret=SECRET), clock=at)
    with pytest.raises(ExecutorError, match="not open"):
        await made.execute(action())
    await made.__aexit__(None, None, None)
