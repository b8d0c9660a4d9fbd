"""Chooses the version of each contributor rule that a window shows, and its key labels.

Law: a window shows the version in force in its newest pane. It is partial if that version was not
in force in all of its panes or if another version has contributors in it, so a rule leads to no
conclusion until it has counted for a whole window. A rule that is not in force in the newest pane
is not shown, and its alarms clear.

Workers with other rule files may count versions that are in no rule set here. Such a version is
shown, as partial, while it has contributors in the newest pane.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from detector.rules.rules import ContributorRule, RuleSet
from detector.tables.contributor_window import VersionTable, shown_version
from detector.tables.reports import WindowMeta
from detector.tables.windows import WindowTimes

_REMEMBERED_RULE_SETS = 8

WindowVersion = tuple[VersionTable, WindowMeta, tuple[str, ...]]
"""A table, the description of its window, and the labels of its keys."""


class WindowVersions:
    """Chooses by the rule set of each pane, which ``rules_at`` returns for the pane's start."""

    def __init__(
        self, rules_at: Callable[[int], RuleSet], times: WindowTimes, exact_contributors: int
    ) -> None:
        self._rules_at = rules_at
        self._times = times
        self._exact_contributors = exact_contributors
        self._named: dict[int, tuple[RuleSet, dict[str, ContributorRule]]] = {}

    def choose(self, tables: Sequence[VersionTable], meta: WindowMeta) -> list[WindowVersion]:
        """Return the tables that a window shows, sorted by the name of the rule."""
        by_name: dict[str, list[VersionTable]] = {}
        for table in tables:
            by_name.setdefault(table.rule, []).append(table)
        window, pane_ms = meta.window, self._times.pane_ms
        newest = self._by_name(self._rules_at(window.end_ms - pane_ms))
        # A table that has just become empty had contributors in the pane before the window.
        before = self._by_name(self._rules_at(window.start_ms - pane_ms))
        panes = range(window.start_ms, window.end_ms, pane_ms)
        # By identity: while nothing changes, all panes have the same rule set.
        distinct = {id(each): each for each in map(self._rules_at, panes)}
        within = [self._by_name(each) for each in distinct.values()]
        found = (
            self._shown(
                by_name[name],
                newest.get(name),
                [each.get(name) for each in within],
                before.get(name),
                meta,
            )
            for name in sorted(by_name)
        )
        return [shown for shown in found if shown is not None]

    def _by_name(self, rule_set: RuleSet) -> dict[str, ContributorRule]:
        known = self._named.get(id(rule_set))
        if known is None:
            if len(self._named) >= _REMEMBERED_RULE_SETS:
                self._named.clear()
            known = self._named[id(rule_set)] = (rule_set, {rule.name: rule for rule in rule_set})
        return known[1]

    def _shown(
        self,
        tables: Sequence[VersionTable],
        rule: ContributorRule | None,
        within: Sequence[ContributorRule | None],
        before: ContributorRule | None,
        meta: WindowMeta,
    ) -> WindowVersion | None:
        is_current = any(table.silent_panes == 0 for table in tables)
        known = [each for each in (before, *within) if each is not None]
        if rule is None and known and not is_current:
            return None
        if rule is not None and not any(
            table.version != rule.version and table.silent_panes == 0 for table in tables
        ):
            return self._in_force(tables, rule, within, meta)
        chosen, meta = shown_version(tables, meta)
        labels = {each.version: each.key_labels for each in known}
        if known:
            meta = replace(meta, partial=True)
        return chosen, meta, labels.get(chosen.version, ())

    def _in_force(
        self,
        tables: Sequence[VersionTable],
        rule: ContributorRule,
        within: Sequence[ContributorRule | None],
        meta: WindowMeta,
    ) -> WindowVersion:
        own = [table for table in tables if table.version == rule.version]
        is_mixed = any(not t.is_empty for t in tables if t.version != rule.version)
        is_new = any(each is None or each.version != rule.version for each in within)
        if is_mixed or is_new:
            meta = replace(meta, partial=True)
        panes = self._times.window_panes
        empty = VersionTable(rule.name, rule.version, panes, self._exact_contributors)
        return (*own, empty)[0], meta, rule.key_labels
