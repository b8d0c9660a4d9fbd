"""Which contributor rules are in force in which pane.

Law: the book of a pane is a function of the files' rules and of the records read, in their order;
arrival in pieces, repetition and the age of the reader change nothing. A reader that has read all
records up to a moment knows every pane that begins within ``ahead_ms`` of it.

Theory of operation: records are kept as they came and folded when somebody asks. A record that is
removed from the log makes the fold begin again without it. While nothing changes between two panes
they get the very same book, so that whoever made something of a book can tell by identity whether
it still holds.

Known limits: a book is remembered per stretch of time, at most ``MOST_BOOKS`` of them; more are
built again, as other objects. Panes older than what was removed get what is left.
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

MOST_BOOKS = 64
_SPARE_DEFINITIONS = 1_000


class RuleTimeline:
    """The rules of the files (rule and definition) and all changes read so far."""

    def __init__(
        self, files: Iterable[tuple[ContributorRule, str]], terms: TimelineTerms, parse: Parse
    ) -> None:
        self._files = tuple(RuleEntry(rule.name, text, rule) for rule, text in files)
        self._terms = terms
        self._reader = DefinitionCache(parse)
        self._records: dict[bytes, tuple[bytes, int]] = {}
        self._waiting: list[bytes] = []
        self._has_lost = False
        self._folded = RuleLogReducer(self._files, terms, self._reader)
        self._book_by_start: dict[int, RuleSet] = {}
        self._book_by_meaning: dict[tuple[tuple[str, str], ...], RuleSet] = {}

    @property
    def terms(self) -> TimelineTerms:
        """Return what this timeline goes by."""
        return self._terms

    @property
    def records(self) -> int:
        """Count the records that the log holds."""
        return len(self._records)

    def read(self, key: bytes | None, value: bytes | None, stamp_ms: int) -> bool:
        """Take the next record of the log in; tell whether it is a change that was not read before.

        No ``value`` removes the record under ``key``.
        """
        if key is None or read_rule_key(key) is None:
            return False
        if value is None:
            self._has_lost = self._records.pop(key, None) is not None or self._has_lost
            return False
        if key in self._records:
            return False
        self._records[key] = (value, stamp_ms)
        self._waiting.append(key)
        return True

    @property
    def _fold(self) -> RuleLogReducer:
        if self._has_lost:
            self._reader.forget_beyond(2 * len(self._records) + _SPARE_DEFINITIONS)
            self._folded = RuleLogReducer(self._files, self._terms, self._reader)
            self._waiting = list(self._records)
            self._has_lost = False
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for key in waiting:
                self._folded.apply(key, *self._records[key])
            self._book_by_start.clear()
        return self._folded

    def fate(self, key: bytes) -> ChangeResult | None:
        """Return what became of the record under ``key``; ``None`` while the log has none."""
        return self._fold.fates.get(key)

    def fates(self) -> list[ChangeResult]:
        """Return what became of every record, in the order of the log."""
        return list(self._fold.fates.values())

    def entries(self) -> list[RuleEntry]:
        """Return all rules after the last accepted changes, by name, disabled ones included."""
        lives = self._fold.lives
        newest = (lives[name].newest for name in sorted(lives))
        return [entry for entry in newest if entry is not None]

    def entry(self, name: str) -> RuleEntry | None:
        """Return one rule after its last accepted change; ``None`` when there is none."""
        life = self._fold.lives.get(name)
        return life.newest if life is not None else None

    def last_change(self, name: str) -> str:
        """Return the id that the next change of a rule replaces, "" when there was none."""
        life = self._fold.lives.get(name)
        return (life.last_id or "") if life is not None else ""

    def book_at(self, pane_ms: int) -> RuleSet:
        """Return the enabled rules of the pane that starts at ``pane_ms``, in name order."""
        starts = self._fold.starts
        start = starts[bisect_right(starts, pane_ms) - 1]
        book = self._book_by_start.get(start)
        if book is None:
            book = self._build(start)
            _keep(self._book_by_start, start, book)
        return book

    def _build(self, pane_ms: int) -> RuleSet:
        lives = self._fold.lives
        found = (lives[name].at(pane_ms) for name in sorted(lives))
        rules = tuple(
            entry.rule for entry in found if entry is not None and entry.state is RuleState.ENABLED
        )
        meaning = tuple((rule.name, rule.version) for rule in rules)
        book = self._book_by_meaning.get(meaning)
        if book is None:
            book = RuleSet(rules)
            _keep(self._book_by_meaning, meaning, book)
        return book

    def obsolete(self, before_ms: int) -> list[bytes]:
        """Return the records that no pane from ``before_ms`` on needs, to be removed in order."""
        return self._fold.obsolete(before_ms)


def _keep(books: dict[Key, RuleSet], key: Key, book: RuleSet) -> None:
    """Remember a book; the oldest goes when there are too many."""
    if len(books) >= MOST_BOOKS:
        del books[next(iter(books))]
    books[key] = book
