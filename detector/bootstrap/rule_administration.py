"""Composition of the administration of rules: reads and writes the control topic."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from detector.bootstrap.brokers import Brokers
from detector.bootstrap.common import new_change_id, steady
from detector.bootstrap.live_rules import followed_rules
from detector.core.errors import DetectorError
from detector.core.notices import Notice, NoticeListener
from detector.kafka.control_log import ControlLog
from detector.kafka.publisher import KafkaPublisher
from detector.kafka.topic_admin import TopicAdmin
from detector.rules.admin import RuleAdmin
from detector.rules.errors import RuleBounds
from detector.settings import Settings
from detector.telemetry.clock import Clock


def _ignore(_notice: Notice) -> None:
    """Ignore the notice."""


@asynccontextmanager
async def open_rule_admin(
    settings: Settings, *, lenient: bool = False, listener: NoticeListener = _ignore
) -> AsyncIterator[RuleAdmin]:
    """Yield a ``RuleAdmin`` that has read all changes so far and follows new ones.

    ``lenient`` accepts definitions that exceed only CloudWatch's numeric limits.
    Raises ``DetectorError`` if the control topic does not exist or cannot be read to its end.
    """
    brokers, topic, clock = Brokers(settings), settings.topic_names().control, Clock()
    timeout_seconds = settings.kafka.request_timeout_seconds
    admin = TopicAdmin(brokers.librdkafka(), timeout_seconds=timeout_seconds)
    if not await asyncio.to_thread(admin.show, [topic]):
        raise DetectorError(f"no such topic {topic!r}: run `detector topics create`")
    client = brokers.aiokafka()
    rules = followed_rules(settings, lambda: steady(clock), listener)
    log = ControlLog(topic, client=client, clock=lambda: steady(clock), listener=rules)
    publisher = KafkaPublisher(client, client_id=f"{settings.topic_names().app_id}-rules")
    await publisher.start()
    await log.start()
    try:
        try:
            async with asyncio.timeout(timeout_seconds):
                await rules.settled()
        except TimeoutError:
            message = f"topic {topic!r} was not read to its end within {timeout_seconds:g} s"
            raise DetectorError(f"{message}: see `detector kill-switch status`") from None
        yield RuleAdmin(
            topic,
            publisher=publisher,
            rules=rules,
            now=clock.now,
            bounds=RuleBounds(
                max_rules=settings.rules.most,
                max_records=settings.rules.most_records,
                history_ms=round(settings.rules.history_hours * 3_600_000),
            ),
            fields=settings.fields.mapping(),
            new_id=new_change_id,
            lenient=lenient,
        )
    finally:
        await log.stop()
        await publisher.stop()
