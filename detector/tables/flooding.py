"""Rules that flood: more contributors than are counted exactly, in several panes in a row.

Law: a rule floods from the ``FLOOD_PANES``-th pane in a row of one source partition in which its
table overflowed into the sketch, until the first pane in which it did not. A pane without events
of the rule ends the flood.
"""

from collections.abc import Iterator, Mapping

FLOOD_PANES = 3
"""One full pane is a burst; several in a row are a bad key, such as a request id."""

Source = tuple[str, int]
"""Topic and partition."""


class FloodWatch:
    """Counts consecutive overflowed panes by source partition and rule."""

    def __init__(self) -> None:
        self._panes: dict[Source, dict[str, int]] = {}
        self._versions: dict[str, str] = {}

    @property
    def count(self) -> int:
        """Number of rules that flood in some partition."""
        return len(self._flooding())

    def _flooding(self) -> set[str]:
        return {
            rule
            for panes in self._panes.values()
            for rule, count in panes.items()
            if count >= FLOOD_PANES
        }

    def count_panes(
        self, source: Source, flooded: Mapping[str, str]
    ) -> Iterator[tuple[str, str, bool]]:
        """Add a pane of ``source``; ``flooded`` maps the rules that overflowed to their versions.

        Yield (rule, version, floods) for every rule whose state changed.
        """
        before = self._flooding()
        panes = self._panes.get(source, {})
        self._panes[source] = {rule: panes.get(rule, 0) + 1 for rule in flooded}
        self._versions |= flooded
        yield from self._moves(before)

    def forget(self, source: Source) -> Iterator[tuple[str, str, bool]]:
        """Forget a source partition that was revoked; yield the rules that no longer flood."""
        before = self._flooding()
        self._panes.pop(source, None)
        yield from self._moves(before)

    def _moves(self, before: set[str]) -> Iterator[tuple[str, str, bool]]:
        now = self._flooding()
        for rule in sorted(before ^ now):
            yield rule, self._versions[rule], rule in now
        self._versions = {
            rule: version
            for rule, version in self._versions.items()
            if any(rule in panes for panes in self._panes.values())
        }
