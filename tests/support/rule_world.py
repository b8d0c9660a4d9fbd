"""A rules' log in memory with any number of writers and followers, and a clock that is set."""

import asyncio
import itertools
import json
from typing import Any

from detector.core.notices import Notice
from detector.core.steady_time import SteadyTime
from detector.logs.fields import FieldMapping
from detector.rules.admin import RuleAdmin
from detector.rules.errors import RuleBounds
from detector.rules.live_rules import LiveRules
from detector.rules.log_reducer import TimelineTerms
from detector.rules.parser import LENIENT, parse_rule
from detector.rules.timeline import RuleTimeline
from tests.support.publishing import MemoryPublisher, PublishedRecord

TOPIC = "detector.control"
PANE = 1_000
LEAD = 3_000
TERMS = TimelineTerms(pane_ms=PANE, ahead_ms=LEAD, max_rules=1_000)
BEGUN = 1_700_000_000.0


def definition(*keys: str, faults: bool = False, **changed: Any) -> str:
    """Write a rule that counts events by members of theirs."""
    filters = [{"Match": "$.Faults", "GreaterThan": 0}] if faults else []
    document = {
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
        "LogGroupNames": ["*"],
        "LogFormat": "JSON",
        "Contribution": {"Keys": [f"$.{key}" for key in keys], "Filters": filters},
        "AggregateOn": "Count",
    }
    return json.dumps({**document, **changed})


class RuleWorld:
    """The log, the notices about it, and ``seconds`` since it began.

    A record takes ``delay`` turns of the loop to be written, so that writers meet. While
    ``is_silent`` nothing is read.
    """

    def __init__(self, *files: tuple[str, str], terms: TimelineTerms = TERMS) -> None:
        self._files = [(parse_rule(text, name=name), text) for name, text in files]
        self._terms = terms
        self.seconds = 0.0
        self.delay = 0
        self.is_silent = False
        self.log: list[tuple[bytes | None, bytes | None, int]] = []
        self.notices: list[Notice] = []
        self._followers: list[LiveRules] = []
        self._ids = itertools.count(1)

    def clock(self) -> SteadyTime:
        """Read both clocks."""
        return SteadyTime(BEGUN + self.seconds, self.seconds)

    def follow(self, *, max_age_seconds: float = 1.0) -> LiveRules:
        """Return a follower that has read everything."""
        rules = LiveRules(
            lambda: RuleTimeline(
                self._files, self._terms, lambda n, text: parse_rule(text, name=n, limits=LENIENT)
            ),
            clock=self.clock,
            max_age_seconds=max_age_seconds,
            listener=self.notices.append,
        )
        self._followers.append(rules)
        rules.began()
        for record in self.log:
            rules.read(*record)
        rules.proven(self.clock())
        return rules

    def admin(self, *, bounds: RuleBounds | None = None, lenient: bool = False) -> RuleAdmin:
        """Return a writer with a follower of its own."""
        return RuleAdmin(
            TOPIC,
            publisher=MemoryPublisher(self._deliver),
            rules=self.follow(),
            now=lambda: BEGUN + self.seconds,
            bounds=bounds or RuleBounds(),
            fields=FieldMapping(),
            new_id=lambda: f"{next(self._ids):032x}",
            lenient=lenient,
        )

    async def _deliver(self, record: PublishedRecord) -> None:
        """Append a record; every follower reads it and the end of the log."""
        assert (TOPIC, {}, 0) == (record.topic, record.headers, record.partition)
        for _ in range(self.delay):
            await asyncio.sleep(0)
        self.append(record.key, record.value)

    def append(self, key: bytes | None, value: bytes | None) -> None:
        """Write a record as another writer would."""
        record = (key, value, round((BEGUN + self.seconds) * 1000))
        self.log.append(record)
        if not self.is_silent:
            for rules in self._followers:
                rules.read(*record)
                rules.proven(self.clock())
