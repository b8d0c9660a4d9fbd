"""The real way of one cluster's log events to alarms, and when each device was first alarmed."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from deploy.quality_suite.failslow_data import Cluster, Message
from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.core.vocabulary import AlarmState
from detector.decisions.config import DecideConfig
from detector.decisions.kill_switch import ControlView
from detector.detection.config import EvaluateConfig
from detector.ingest.tallying import TallySettings
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.pipeline import Detection
from detector.rules.rules import RuleSet
from detector.tables.tally import TallyLimits
from detector.tables.windows import WindowTimes

NEVER = -1
TIMES = WindowTimes(pane_ms=60_000, window_panes=1, lateness_ms=0)
"""Samples are a minute's means: a pane is a minute, and so is a window."""

BATCH = 50_000
OFF = ControlView(known=True, engaged=False, reason="benchmark", read_at=0.0)


class Alarms:
    """What was alarmed when: incidents by device, as places among the recorded minutes."""

    def __init__(self, cluster: Cluster) -> None:
        self.incidents: list[list[int]] = [[] for _ in cluster.hosts]

    @property
    def first(self) -> NDArray[np.int64]:
        """The minute of each device's first incident, ``NEVER`` when there was none."""
        return np.array([each[0] if each else NEVER for each in self.incidents], np.int64)


def alarms_of(cluster: Cluster) -> Alarms:
    """Send every event through decode, tally, merge and evaluate; return the confirmed alarms.

    Any detector that asks for an action on a host counts.
    """
    way = Detection(_settings(), EvaluateConfig(), DecideConfig(), topic="logs", partitions=1)
    for batch in _batches(cluster.messages()):
        now = batch[-1].time_ms / 1000.0
        way.feed(0, batch, now)
        way.tick(SteadyTime(now, now), OFF)
        way.reports.clear()
    number_by_host = {host: number for number, host in enumerate(cluster.hosts)}
    alarms = Alarms(cluster)
    for change in way.changes:
        target = change.target
        if (
            change.state is AlarmState.ALARM
            and change.previous is not AlarmState.ALARM
            and change.evidence.confirmed
            and change.action is not None
            and target is not None
            and target.host in number_by_host
        ):
            last = np.array([change.evidence.window_end // 1000 - 1], np.int64)
            minute = int(cluster.minute_of(last)[0])
            alarms.incidents[number_by_host[target.host]].append(minute)
    return alarms


def _settings() -> TallySettings:
    return TallySettings(
        rules=RuleSet(()),
        mapping=FieldMapping(),
        limits=DecodeLimits(),
        times=TIMES,
        tally_limits=TallyLimits(),
        topics=Topics(),
    )


def _batches(messages: Iterator[Message]) -> Iterator[Sequence[Message]]:
    while batch := list(islice(messages, BATCH)):
        yield batch
