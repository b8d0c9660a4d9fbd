"""The decider with everything around it that survives a crash."""

from typing import Any

import msgspec

from detector.core.notices import Notice
from detector.core.topics import Topics
from detector.core.vocabulary import Mode
from detector.decisions.budgets import CapacityLimits
from detector.decisions.decide import DecideConfig, Decider
from detector.decisions.service import (
    STATE_KEY,
    DeciderStateRecord,
    DecisionService,
)
from detector.detection.alarms import AlarmChange
from tests.support.deciding import OFF, at
from tests.support.durable import MemoryStore, MemoryTopics

TOPICS = Topics()


class World:
    """The durable things, and the process that dies and comes back."""

    def __init__(self, **config: Any) -> None:
        plain: dict[str, Any] = {"mode": Mode.ENFORCE, "capacity": CapacityLimits(0.5)}
        self.config = DecideConfig(**(plain | config))
        self.store, self.topics = MemoryStore(), MemoryTopics()
        self.alarms: list[AlarmChange] = []
        self.committed = 0
        self.notices: list[Notice] = []

    async def start(self, crash: Any = lambda _: None) -> DecisionService:
        service = DecisionService(
            decider=Decider(self.config),
            store=self.store,
            publisher=self.topics,
            topics=TOPICS,
            notify=self.notices.append,
            crash_point=crash,
        )
        await service.recover()
        return service

    async def consume(self, service: DecisionService, seconds: float, batch: int = 2) -> None:
        while self.committed < len(self.alarms):
            changes = self.alarms[self.committed : self.committed + batch]
            last = self.committed + len(changes) - 1
            await service.apply(changes, offset=last, now=at(seconds), control=OFF)
            self.committed = last + 1

    def state(self) -> DeciderStateRecord:
        return msgspec.msgpack.decode(self.store.records[0, STATE_KEY], type=DeciderStateRecord)
