"""One pass over the records of the rules' log: what is accepted, from which pane on, and why not.

Law: the fate of a record follows from the files' rules and the records before it alone. A change
takes effect at the first pane that begins at or after all of: what it asks for, the moment of its
record plus ``ahead_ms``, and the start of the change before it of the same rule; so the changes of
a rule take effect in the order of the log.

Of a rule whose earlier changes are gone from the log, the first that is left is accepted whatever
it says to replace: it says all there is to say of the rule.
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from detector.core.errors import RuleError
from detector.core.vocabulary import RuleChangeKind, RuleRejection, RuleState
from detector.rules.change_log import ManagedBy, RuleChange, decode_rule_change, read_rule_key
from detector.rules.rules import ContributorRule

BEGINNING = -(2**62)
"""Before every pane: since then the rules of the files are in force."""

FURTHEST_AHEAD_MS = 24 * 3_600_000
"""A change may be planned this far ahead; further, it would keep later ones waiting for ever."""

Parse = Callable[[str, str], ContributorRule]
"""(name, definition) to a rule; ``RuleError`` when it is none."""


@dataclass(frozen=True, slots=True)
class TimelineTerms:
    """What all readers of one log must agree on.

    ``ahead_ms``: least time from a record to the pane in which it takes effect. ``most_rules``
    counts disabled ones too; records beyond ``most_records`` are passed over.
    """

    pane_ms: int
    ahead_ms: int
    most_rules: int = 1_000
    most_records: int = 100_000


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One rule as it stands after an accepted change, or as its file has it.

    ``from_ms``: start of the first pane in which this is in force. ``change_id`` is "" for a file.
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
    """What became of one record: in force from ``from_ms`` on, or passed over for a reason.

    ``stamp_ms`` is the record's own timestamp; ``detail`` says more to whoever wrote it. ``kind``
    and ``version`` are empty where there is none.
    """

    name: str
    kind: str
    stamp_ms: int
    from_ms: int = BEGINNING
    objection: RuleRejection | None = None
    detail: str = ""
    version: str = ""


@dataclass(slots=True)
class RuleHistory:
    """All that is known of one rule: since when each entry is in force; ``None`` is deleted."""

    starts: list[int] = field(default_factory=list)
    entries: list[RuleEntry | None] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    last_id: str | None = None

    @property
    def newest(self) -> RuleEntry | None:
        """Return the rule after its last accepted change."""
        return self.entries[-1] if self.entries else None

    def place_at(self, pane_ms: int) -> int:
        """Return the place of what is in force at ``pane_ms``; -1 before the first."""
        return bisect_right(self.starts, pane_ms) - 1

    def at(self, pane_ms: int) -> RuleEntry | None:
        """Return the rule as it is in force at ``pane_ms``."""
        place = self.place_at(pane_ms)
        return self.entries[place] if place >= 0 else None


class DefinitionCache:
    """Parses definitions once; a definition that is no rule is remembered as such."""

    def __init__(self, parse: Parse) -> None:
        self._parse = parse
        self._read: dict[tuple[str, str], ContributorRule | RuleError] = {}

    def rule(self, name: str, definition: str) -> ContributorRule | RuleError:
        """Return the rule, or what is wrong with it."""
        found = self._read.get((name, definition))
        if found is None:
            try:
                found = self._parse(name, definition)
            except RuleError as error:
                found = error
            self._read[name, definition] = found
        return found

    def forget_beyond(self, count: int) -> None:
        """Begin anew when more than ``count`` definitions are remembered."""
        if len(self._read) > count:
            self._read.clear()


class RuleLogReducer:
    """The lives of all rules and the fates of all records taken in so far."""

    def __init__(
        self, files: Iterable[RuleEntry], terms: TimelineTerms, reader: DefinitionCache
    ) -> None:
        self._terms = terms
        self._reader = reader
        self.lives = {entry.name: RuleHistory([BEGINNING], [entry], [b""]) for entry in files}
        self.fates: dict[bytes, ChangeResult] = {}
        self.starts = [BEGINNING]
        self._in_files = frozenset(self.lives)
        self._alive = len(self.lives)

    def apply(self, key: bytes, value: bytes, stamp_ms: int) -> None:
        """Judge the next record; ``key`` is a rule record's and was not taken before."""
        name, change_id = read_rule_key(key) or ("", "")
        change = decode_rule_change(name, value)
        if isinstance(change, RuleRejection):
            self.fates[key] = ChangeResult(name, "", stamp_ms, objection=change)
            return
        life = self.lives.get(name) or RuleHistory()
        rule = None
        fate = self._placed(change, stamp_ms, life)
        if fate.objection is None and change.change is not RuleChangeKind.DELETE:
            rule = self._reader.rule(name, change.definition)
            fate = self._with_rule(fate, rule, is_new=life.newest is None)
        self.fates[key] = fate
        if fate.objection is None and not isinstance(rule, RuleError):
            self._accept(life, key, change_id, fate, _entry(change, change_id, fate, rule))

    def _placed(self, change: RuleChange, stamp_ms: int, life: RuleHistory) -> ChangeResult:
        terms = self._terms
        fate = ChangeResult(change.name, change.change, stamp_ms)
        moment = stamp_ms if stamp_ms > 0 else round(change.at * 1000)
        if len(self.fates) >= terms.most_records:
            return replace(fate, objection=RuleRejection.TOO_MANY_CHANGES)
        if life.last_id is not None and change.replaces not in {None, life.last_id}:
            return replace(fate, objection=RuleRejection.CONFLICT)
        if change.effective_from > moment + terms.ahead_ms + FURTHEST_AHEAD_MS:
            return replace(fate, objection=RuleRejection.TOO_FAR_AHEAD)
        wanted = max(change.effective_from, moment + terms.ahead_ms)
        start = -(-wanted // terms.pane_ms) * terms.pane_ms
        return replace(fate, from_ms=max(start, *life.starts[-1:], BEGINNING))

    def _with_rule(
        self, fate: ChangeResult, rule: ContributorRule | RuleError, *, is_new: bool
    ) -> ChangeResult:
        if isinstance(rule, RuleError):
            return replace(fate, objection=RuleRejection.INVALID_RULE, detail=str(rule))
        if is_new and self._alive >= self._terms.most_rules:
            return replace(fate, objection=RuleRejection.TOO_MANY_RULES)
        return replace(fate, version=rule.version)

    def _accept(
        self,
        life: RuleHistory,
        key: bytes,
        change_id: str,
        fate: ChangeResult,
        entry: RuleEntry | None,
    ) -> None:
        self._alive += (entry is not None) - (life.newest is not None)
        self.lives[fate.name] = life
        life.starts.append(fate.from_ms)
        life.entries.append(entry)
        life.keys.append(key)
        life.last_id = change_id
        if fate.from_ms not in self.starts:
            insort(self.starts, fate.from_ms)

    def obsolete(self, before_ms: int) -> list[bytes]:
        """Return the records that no pane from ``before_ms`` on needs, to be removed in order.

        First those that were passed over: the room that others leave must not revive them. While
        there are more names than rules allowed, deletions stay: others may live in their room.
        """
        has_room = len(self.lives) <= self._terms.most_rules
        passed_over, held = [], set()
        for key, fate in self.fates.items():
            if fate.objection is not None:
                if fate.stamp_ms + self._terms.ahead_ms <= before_ms:
                    passed_over.append(key)
                else:
                    held.add(fate.name)
        replaced: list[bytes] = []
        deletions: list[bytes] = []
        for name, life in self.lives.items():
            place = life.place_at(before_ms)
            past = zip(life.keys[: max(place, 0)], life.entries, strict=False)
            replaced += [key for key, entry in past if key and (entry is not None or has_room)]
            # A deletion goes when nothing is left that it keeps away: no file, no conflict.
            is_gone = life.newest is None and place == len(life.starts) - 1
            if is_gone and name not in held | self._in_files:
                deletions.append(life.keys[place])
        return passed_over + replaced + deletions


def _entry(
    change: RuleChange, change_id: str, fate: ChangeResult, rule: ContributorRule | None
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
        from_ms=fate.from_ms,
    )
