"""The 66 % rule on contributor rules: one contributor owns more than 66 % of a rule's total.

Law: the table of a rule names no target, so its alarms request no action and are never confirmed.
Where the table overflowed into a sketch, values are lower bounds and the total is exact, so the
share is never overstated. Rules with a ratio or percentiles are skipped: their values do not add up
to a total.
"""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from detector.detection.config import EvaluateConfig
from detector.detection.evidence import ContributorShare
from detector.detection.explanations import contributor_words, plain_name
from detector.detection.findings import Contributor, DetectorRole, Finding, evidence_of
from detector.detection.persistence import Persistence
from detector.detection.statistics import r66
from detector.tables.reports import RuleWindow


class Contributor66Percent:
    """The 66 % rule (R66) on the contributors of a rule."""

    name: Final = "r66"
    action: Final = None
    role: Final = DetectorRole.CONTRIBUTOR

    def __init__(self, config: EvaluateConfig) -> None:
        self._config = config

    def persistence(self, subject: str) -> Persistence | None:
        """Return the persistence of the subject's mode."""
        return self._config.persistence_of(subject)

    def who(self, contributor: Contributor) -> str:
        """Name a contributor by its key values."""
        return f"contributor {'/'.join(map(plain_name, contributor))}"

    def examine(
        self, view: RuleWindow, asked: Collection[Contributor]
    ) -> Mapping[Contributor, Finding]:
        """Find the contributor above the threshold, if any, and the contributors in ``asked``."""
        window = view
        if window.measure is not None:
            return {}
        top = r66(window.values)
        total = float(window.values.sum()) + window.others
        leader = -1
        if top.top_index >= 0:
            value = float(window.values[top.top_index])
            leader = top.top_index if self._config.is_dominant(window.subject, value, total) else -1
        rows = {row for row, key in enumerate(window.keys) if key in asked} if asked else set()
        return {
            window.keys[row]: self._finding(window, row, total, met=row == leader)
            for row in sorted(rows | ({leader} - {-1}))
        }

    def _finding(self, window: RuleWindow, row: int, total: float, *, met: bool) -> Finding:
        values = window.values.copy()
        value = float(values[row])
        values[row] = -np.inf
        following = int(np.argmax(values))
        has_next = values[following] > 0.0
        measure = ContributorShare(
            value=value,
            total=total,
            share=value / total if total > 0.0 else 0.0,
            share_threshold=self._config.share,
            observations=window.samples,
            runner_up=window.keys[following] if has_next else (),
            runner_up_share=float(values[following]) / total if has_next and total > 0.0 else 0.0,
        )
        evidence = evidence_of(window.meta, measure, peers=window.unique - 1)
        what = f"total of rule {plain_name(window.rule)}"
        key = window.keys[row]
        return Finding(
            met, None, evidence, contributor_words(self.who(key), what, evidence, measure)
        )
