"""Reduces the records of the rules' log: which are accepted, from which pane on, and why not.

Law: the result of a record depends only on the files' rules and the records before it. A change
takes effect at the first pane that begins at or after all of: its ``effective_from``, the timestamp
of its record plus ``ahead_ms``, and the start of the previous change of the same rule. The changes
of a rule therefore take effect in the order of the log.

Where earlier changes of a rule are gone from the log, the first one left is accepted whatever it
replaces: its record holds the whole rule.
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from detector.core.errors import RuleError
from detector.core.vocabulary import RuleChangeKind, RuleRejection, RuleState
from detector.rules.change_log import ManagedBy, RuleChange, decode_rule_change, read_rule_key
from detector.rules.rules import ContributorRule

BEGINNING = -(2**62)
"""Before every pane: the rules of the files are in force from here on."""

FURTHEST_AHEAD_MS = 24 * 3_600_000
"""How far ahead a change may be planned; a later start would delay all changes after it."""

Parse = Callable[[str, str], ContributorRule]
"""(name, definition) to a rule; raises ``RuleError`` with all faults."""


@dataclass(frozen=True, slots=True)
class TimelineTerms:
    """What all readers of one log must agree on.

    ``ahead_ms``: least time from a record to the pane in which it takes effect. ``max_rules``
    includes disabled rules; records beyond ``max_records`` are passed over.
    """

    pane_ms: int
    ahead_ms: int
    max_rules: int = 1_000
    max_records: int = 100_000


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One rule after an accepted change, or as in its file.

    ``from_ms``: start of the first pane in which it is in force. ``change_id`` is "" for a file.
    """

    name: str
    definition: str
    rule: ContributorRule
    state: RuleState = RuleState.ENABLED
    tags: tuple[tuple[str, str], ...] = ()
    managed: ManagedBy | None = None
    change_id: str = ""
    from_ms: int = BEGINNING


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """Result of one record: in force from ``from_ms`` on, or passed over for ``rejection``.

    ``stamp_ms`` is the record's own timestamp; ``detail`` explains the rejection to its author.
    ``kind`` and ``version`` are empty where there is none.
    """

    name: str
    kind: str
    stamp_ms: int
    from_ms: int = BEGINNING
    rejection: RuleRejection | None = None
    detail: str = ""
    version: str = ""


@dataclass(slots=True)
class RuleHistory:
    """The entries of one rule with the start of each, in order; ``None`` stands for deleted."""

    starts: list[int] = field(default_factory=list)
    entries: list[RuleEntry | None] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    last_id: str | None = None

    @property
    def newest(self) -> RuleEntry | None:
        """Return the rule after its last accepted change."""
        return self.entries[-1] if self.entries else None

    def index_at(self, pane_ms: int) -> int:
        """Return the index of the entry in force at ``pane_ms``; -1 before the first."""
        return bisect_right(self.starts, pane_ms) - 1

    def at(self, pane_ms: int) -> RuleEntry | None:
        """Return the rule in force at ``pane_ms``; ``None`` when there is none."""
        index = self.index_at(pane_ms)
        return self.entries[index] if index >= 0 else None


class DefinitionCache:
    """Parses each definition once; faults are cached too."""

    def __init__(self, parse: Parse) -> None:
        self._parse = parse
        self._read: dict[tuple[str, str], ContributorRule | RuleError] = {}

    def rule(self, name: str, definition: str) -> ContributorRule | RuleError:
        """Return the rule, or the error with all its faults."""
        found = self._read.get((name, definition))
        if found is None:
            try:
                found = self._parse(name, definition)
            except RuleError as error:
                found = error
            self._read[name, definition] = found
        return found

    def clear_beyond(self, count: int) -> None:
        """Clear the cache when it holds more than ``count`` definitions."""
        if len(self._read) > count:
            self._read.clear()


class RuleLogReducer:
    """The histories of all rules and the results of all records applied so far."""

    def __init__(
        self, files: Iterable[RuleEntry], terms: TimelineTerms, definitions: DefinitionCache
    ) -> None:
        self._terms = terms
        self._definitions = definitions
        self.histories = {entry.name: RuleHistory([BEGINNING], [entry], [b""]) for entry in files}
        self.results: dict[bytes, ChangeResult] = {}
        self.starts = [BEGINNING]
        self._in_files = frozenset(self.histories)
        self._rule_count = len(self.histories)

    def apply(self, key: bytes, value: bytes, stamp_ms: int) -> None:
        """Apply the next record; ``key`` is that of a rule record and was not applied before."""
        name, change_id = read_rule_key(key) or ("", "")
        change = decode_rule_change(name, value)
        if isinstance(change, RuleRejection):
            self.results[key] = ChangeResult(name, "", stamp_ms, rejection=change)
            return
        history = self.histories.get(name) or RuleHistory()
        rule = None
        result = self._placed(change, stamp_ms, history)
        if result.rejection is None and change.change is not RuleChangeKind.DELETE:
            rule = self._definitions.rule(name, change.definition)
            result = self._with_rule(result, rule, is_new=history.newest is None)
        self.results[key] = result
        if result.rejection is None and not isinstance(rule, RuleError):
            self._accept(history, key, change_id, result, _entry(change, change_id, result, rule))

    def _placed(self, change: RuleChange, stamp_ms: int, history: RuleHistory) -> ChangeResult:
        terms = self._terms
        result = ChangeResult(change.name, change.change, stamp_ms)
        moment = stamp_ms if stamp_ms > 0 else round(change.at * 1000)
        if len(self.results) >= terms.max_records:
            return replace(result, rejection=RuleRejection.TOO_MANY_CHANGES)
        if history.last_id is not None and change.replaces not in {None, history.last_id}:
            return replace(result, rejection=RuleRejection.CONFLICT)
        if change.effective_from > moment + terms.ahead_ms + FURTHEST_AHEAD_MS:
            return replace(result, rejection=RuleRejection.TOO_FAR_AHEAD)
        wanted = max(change.effective_from, moment + terms.ahead_ms)
        start = -(-wanted // terms.pane_ms) * terms.pane_ms
        return replace(result, from_ms=max(start, *history.starts[-1:], BEGINNING))

    def _with_rule(
        self, result: ChangeResult, rule: ContributorRule | RuleError, *, is_new: bool
    ) -> ChangeResult:
        if isinstance(rule, RuleError):
            return replace(result, rejection=RuleRejection.INVALID_RULE, detail=str(rule))
        if is_new and self._rule_count >= self._terms.max_rules:
            return replace(result, rejection=RuleRejection.TOO_MANY_RULES)
        return replace(result, version=rule.version)

    def _accept(
        self,
        history: RuleHistory,
        key: bytes,
        change_id: str,
        result: ChangeResult,
        entry: RuleEntry | None,
    ) -> None:
        self._rule_count += (entry is not None) - (history.newest is not None)
        self.histories[result.name] = history
        history.starts.append(result.from_ms)
        history.entries.append(entry)
        history.keys.append(key)
        history.last_id = change_id
        if result.from_ms not in self.starts:
            insort(self.starts, result.from_ms)

    def obsolete(self, before_ms: int) -> list[bytes]:
        """Return the keys of records that no pane from ``before_ms`` on needs, in removal order.

        Records that were passed over come first: with the others gone they could be accepted.
        Deletions stay while there are more names than ``max_rules``: without a deletion, a rule
        that was accepted in its place could exceed the limit.
        """
        is_within_limit = len(self.histories) <= self._terms.max_rules
        passed_over, held = [], set()
        for key, result in self.results.items():
            if result.rejection is not None:
                if result.stamp_ms + self._terms.ahead_ms <= before_ms:
                    passed_over.append(key)
                else:
                    held.add(result.name)
        replaced: list[bytes] = []
        deletions: list[bytes] = []
        for name, history in self.histories.items():
            index = history.index_at(before_ms)
            past = zip(history.keys[: max(index, 0)], history.entries, strict=False)
            replaced += [
                key for key, entry in past if key and (entry is not None or is_within_limit)
            ]
            # A deletion may go once it hides no rule of a file and no conflicting record.
            is_gone = history.newest is None and index == len(history.starts) - 1
            if is_gone and name not in held | self._in_files:
                deletions.append(history.keys[index])
        return passed_over + replaced + deletions


def _entry(
    change: RuleChange, change_id: str, result: ChangeResult, rule: ContributorRule | None
) -> RuleEntry | None:
    if rule is None:
        return None
    return RuleEntry(
        name=change.name,
        definition=change.definition,
        rule=rule,
        state=change.state,
        tags=tuple(sorted(change.tags.items())),
        managed=change.managed,
        change_id=change_id,
        from_ms=result.from_ms,
    )
