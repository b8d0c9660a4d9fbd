"""The contributor rules in force, by pane.

Law: the rules of a pane are a function of the files' rules and of the records read, in their order.
Reading in pieces, repeated records and the age of the reader change nothing. A reader that has read
all records up to a moment knows the rules of every pane that begins within ``ahead_ms`` of it.

Theory of operation: records are kept as read and reduced on demand. When a record is removed from
the log, the reduction starts over without it. While nothing changes between two panes they get the
same object, so callers can compare rule sets by identity to see whether what they derived from one
still holds.

Known limits: rule sets are cached per stretch of time, at most ``MAX_RULE_SETS`` of them; evicted
ones are built again, as other objects. Panes older than the removed records get what is left.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import TypeVar

from detector.core.vocabulary import RuleState
from detector.rules.change_log import read_rule_key
from detector.rules.log_reducer import (
    ChangeResult,
    DefinitionCache,
    Parse,
    RuleEntry,
    RuleLogReducer,
    TimelineTerms,
)
from detector.rules.rules import ContributorRule, RuleSet

Key = TypeVar("Key")

MAX_RULE_SETS = 64
_SPARE_DEFINITIONS = 1_000


class RuleTimeline:
    """The rules of the files (rule and definition) and all changes read so far."""

    def __init__(
        self, files: Iterable[tuple[ContributorRule, str]], terms: TimelineTerms, parse: Parse
    ) -> None:
        self._files = tuple(RuleEntry(rule.name, text, rule) for rule, text in files)
        self._terms = terms
        self._definitions = DefinitionCache(parse)
        self._records: dict[bytes, tuple[bytes, int]] = {}
        self._unapplied: list[bytes] = []
        self._has_removals = False
        self._reducer = RuleLogReducer(self._files, terms, self._definitions)
        self._rule_set_by_start: dict[int, RuleSet] = {}
        self._rule_set_by_meaning: dict[tuple[tuple[str, str], ...], RuleSet] = {}

    @property
    def terms(self) -> TimelineTerms:
        """Return what all readers of the log must agree on."""
        return self._terms

    @property
    def records(self) -> int:
        """Return the number of records in the log."""
        return len(self._records)

    def read(self, key: bytes | None, value: bytes | None, stamp_ms: int) -> bool:
        """Add the next record of the log; return whether it is a change that was not read before.

        A record without ``value`` removes the record under ``key``.
        """
        if key is None or read_rule_key(key) is None:
            return False
        if value is None:
            self._has_removals = self._records.pop(key, None) is not None or self._has_removals
            return False
        if key in self._records:
            return False
        self._records[key] = (value, stamp_ms)
        self._unapplied.append(key)
        return True

    @property
    def _current(self) -> RuleLogReducer:
        """Return the reducer after it applied all records."""
        if self._has_removals:
            self._definitions.clear_beyond(2 * len(self._records) + _SPARE_DEFINITIONS)
            self._reducer = RuleLogReducer(self._files, self._terms, self._definitions)
            self._unapplied = list(self._records)
            self._has_removals = False
        if self._unapplied:
            unapplied, self._unapplied = self._unapplied, []
            for key in unapplied:
                self._reducer.apply(key, *self._records[key])
            self._rule_set_by_start.clear()
        return self._reducer

    def result(self, key: bytes) -> ChangeResult | None:
        """Return the result of the record under ``key``; ``None`` when there is no such record."""
        return self._current.results.get(key)

    def results(self) -> list[ChangeResult]:
        """Return the results of all records, in the order of the log."""
        return list(self._current.results.values())

    def entries(self) -> list[RuleEntry]:
        """Return all rules after the last accepted changes, by name, disabled ones included."""
        histories = self._current.histories
        newest = (histories[name].newest for name in sorted(histories))
        return [entry for entry in newest if entry is not None]

    def entry(self, name: str) -> RuleEntry | None:
        """Return one rule after its last accepted change; ``None`` when there is none."""
        history = self._current.histories.get(name)
        return history.newest if history is not None else None

    def last_change(self, name: str) -> str:
        """Return the id of the last change of a rule, which the next one replaces; "" for none."""
        history = self._current.histories.get(name)
        return (history.last_id or "") if history is not None else ""

    def rule_set_at(self, pane_ms: int) -> RuleSet:
        """Return the enabled rules of the pane that starts at ``pane_ms``, in name order."""
        starts = self._current.starts
        start = starts[bisect_right(starts, pane_ms) - 1]
        rule_set = self._rule_set_by_start.get(start)
        if rule_set is None:
            rule_set = self._build(start)
            _keep(self._rule_set_by_start, start, rule_set)
        return rule_set

    def _build(self, pane_ms: int) -> RuleSet:
        histories = self._current.histories
        found = (histories[name].at(pane_ms) for name in sorted(histories))
        rules = tuple(
            entry.rule for entry in found if entry is not None and entry.state is RuleState.ENABLED
        )
        meaning = tuple((rule.name, rule.version) for rule in rules)
        rule_set = self._rule_set_by_meaning.get(meaning)
        if rule_set is None:
            rule_set = RuleSet(rules)
            _keep(self._rule_set_by_meaning, meaning, rule_set)
        return rule_set

    def obsolete(self, before_ms: int) -> list[bytes]:
        """Return the keys of records that no pane from ``before_ms`` on needs, in removal order."""
        return self._current.obsolete(before_ms)


def _keep(rule_sets: dict[Key, RuleSet], key: Key, rule_set: RuleSet) -> None:
    """Cache a rule set; evict the oldest when there are too many."""
    if len(rule_sets) >= MAX_RULE_SETS:
        del rule_sets[next(iter(rule_sets))]
    rule_sets[key] = rule_set
