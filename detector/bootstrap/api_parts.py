"""What the API's handlers are built from, and which handler answers which operation.

Whoever writes a new handler adds it in ``operations``; what nobody handles is answered with 501.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from detector.adapters.report_store import ReportStore, StoreConfig
from detector.adapters.report_store.batch import HOUR_MS
from detector.adapters.report_store.ranges import read_range
from detector.domain.metrics.ranges import RangeReport, RangeRequest
from detector.services.cloudwatch.contract import Handler
from detector.services.cloudwatch.rule_reports import KnownRule, ReportLimits, RuleReports
from detector.services.rule_sources import FollowedRules
from detector.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What handlers are built from; ``now`` gives epoch seconds."""

    settings: Settings
    store: ReportStore
    rules: FollowedRules
    now: Callable[[], float]


class StoredReports:
    """The history, asked on a thread so that nobody else waits for the database."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store

    async def report(self, request: RangeRequest) -> RangeReport | None:
        """Answer ``request``; ``None`` when nothing was ever heard of the subject."""
        return await asyncio.to_thread(read_range, self._store, request)


def store_config(settings: Settings) -> StoreConfig:
    """Return what the history of reports holds."""
    section, times = settings.history, settings.windows.times()
    return StoreConfig(
        path=section.path,
        topic=settings.topic_names().reports,
        pane_ms=times.pane_ms,
        window_ms=times.window_ms,
        retention_ms=section.retention_days * 24 * HOUR_MS,
        most_reports=section.most_reports,
        most_subjects=section.most_subjects,
        contributors=section.contributors,
        memory_mebibytes=section.memory_mebibytes,
        threads=section.threads,
        read_seconds=section.read_seconds,
    )


def operations(parts: ApiParts) -> dict[str, Handler]:
    """Return the handlers by operation."""
    times, history = parts.settings.windows.times(), parts.settings.history
    limits = ReportLimits(pane_ms=times.pane_ms, retention_days=history.retention_days)
    return {
        "GetInsightRuleReport": RuleReports(
            StoredReports(parts.store), lambda name: _known(parts.rules, name), limits, parts.now
        ),
    }


def _known(rules: FollowedRules, name: str) -> KnownRule | None:
    entry = rules.timeline.entry(name)
    return None if entry is None else KnownRule(entry.rule.key_labels, entry.rule.aggregate_on)
