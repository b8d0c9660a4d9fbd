"""The ledger: grants, kept for as long as they limit further grants.

Law: an action id in the ledger is never granted again, and the ledger never counts less than was
granted. A full ledger therefore refuses (``is_full``) instead of dropping entries.

The ledger also holds grants that were only observed, marked as such, so that ``observe`` shows what
``enforce`` would have done; a ledger restored for ``enforce`` drops them, because they were never
carried out.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from detector.core.vocabulary import ActionKind

MAX_GRANTS = 1_024


class Grant(msgspec.Struct, frozen=True):
    """A granted or observed action, from ``at``, effective ``until`` (both steady seconds)."""

    action_id: str
    kind: ActionKind
    target: str
    service: str
    zone: str
    at: float
    until: float
    enforced: bool


class Ledger:
    """All grants that still limit others, oldest first."""

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        self._grants = list(grants)

    def __len__(self) -> int:
        return len(self._grants)

    @property
    def is_full(self) -> bool:
        """Whether the ledger can hold no further grant, so that none may be made."""
        return len(self._grants) >= MAX_GRANTS

    def add(self, grant: Grant) -> None:
        """Add ``grant``."""
        self._grants.append(grant)

    def forget(self, before: float, now: float) -> None:
        """Drop grants made before steady second ``before`` whose effect has ended by ``now``."""
        self._grants = [g for g in self._grants if g.at >= before or g.until > now]

    def has(self, action_id: str) -> bool:
        """Return whether this action id was granted."""
        return any(grant.action_id == action_id for grant in self._grants)

    def last_at(self, target: str, kind: ActionKind) -> float | None:
        """Return the steady second of the last grant of ``kind`` for ``target``, if any."""
        return max(
            (g.at for g in self._grants if g.target == target and g.kind is kind), default=None
        )

    def removed(self, service: str, since: float, zone: str | None = None) -> int:
        """Count the hosts of ``service`` (of one ``zone`` if given) removed after ``since``."""
        return sum(
            grant.kind is ActionKind.REPLACE_HOST
            and grant.service == service
            and grant.at > since
            and zone in {None, grant.zone}
            for grant in self._grants
        )

    def newer_than(self, since: float) -> bool:
        """Return whether anything was granted after steady second ``since``."""
        return any(grant.at > since for grant in self._grants)

    def in_force(self, kind: ActionKind, now: float) -> list[Grant]:
        """Return the grants of ``kind`` whose effect lasts beyond steady second ``now``."""
        return [grant for grant in self._grants if grant.kind is kind and grant.until > now]

    def snapshot(self) -> list[Any]:
        """Return plain data."""
        return [msgspec.to_builtins(grant) for grant in self._grants]

    @staticmethod
    def restored(snapshot: Iterable[Any], *, enforcing: bool) -> "Ledger":
        """Return the ledger of a snapshot; when ``enforcing``, without observed grants."""
        grants = [msgspec.convert(item, Grant) for item in snapshot]
        return Ledger(grant for grant in grants if grant.enforced or not enforcing)
