"""Changes contributor rules: checks a change, writes it to the log and reads it back.

Law: nothing is written that readers are known to refuse. A change is reported as done only after it
was read back, with the pane from which it is in force. When another change of the same rule was
written in between, the change is made again on top of it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from detector.core.ports import RecordPublisher
from detector.core.vocabulary import RuleChangeKind, RuleRejection, RuleState
from detector.logs.fields import FieldMapping
from detector.rules.change_log import (
    RULE_SCHEMA,
    ManagedBy,
    RuleChange,
    encode_rule_change,
    rule_key,
    tag_fault,
)
from detector.rules.errors import (
    RuleBounds,
    RuleChangeError,
    RuleTrouble,
    managed_rule,
    passed_over,
    too_many_changes,
    too_many_rules,
    unknown_rule,
)
from detector.rules.live_rules import LiveRules
from detector.rules.log_reducer import ChangeResult, RuleEntry
from detector.rules.managed import (
    RuleTemplate,
    managed_definition,
    managed_name,
    service_of,
)
from detector.rules.parser import LENIENT, STRICT, parse_rule

ATTEMPTS = 20
READ_BACK_SECONDS = 15.0
TIDY_SECONDS = 3_600.0
TIDIED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes rules, and why; both are kept in the log."""

    by: str
    reason: str = ""


Wanted = RuleEntry | None
"""The rule as it should be after the change; ``None`` to delete it."""
Make = Callable[[RuleEntry | None], Wanted]


class RuleAdmin:
    """Puts, switches, tags and deletes rules in the log on ``topic``; ``now`` in epoch seconds.

    ``new_id`` returns the id of a change, never the same text twice.
    """

    def __init__(
        self,
        topic: str,
        *,
        publisher: RecordPublisher,
        rules: LiveRules,
        now: Callable[[], float],
        bounds: RuleBounds,
        fields: FieldMapping,
        new_id: Callable[[], str],
        lenient: bool = False,
    ) -> None:
        self._topic = topic
        self._publisher = publisher
        self._rules = rules
        self._now = now
        self._bounds = bounds
        self._fields = fields
        self._new_id = new_id
        self._limits = LENIENT if lenient else STRICT
        self._tidied = float("-inf")

    def rules(self) -> list[RuleEntry]:
        """Return all rules by name, as they are after the last change."""
        return self._rules.timeline.entries()

    def rule(self, name: str) -> RuleEntry:
        """Return one rule; ``RuleChangeError`` when there is none."""
        entry = self._rules.timeline.entry(name)
        if entry is None:
            raise unknown_rule(name)
        return entry

    async def put(
        self,
        name: str,
        definition: str,
        author: Author,
        *,
        state: RuleState | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> RuleEntry:
        """Create a rule or replace its definition.

        A new rule is enabled unless ``state`` says otherwise, and gets the ``tags``. An existing
        rule keeps its tags, and its state unless ``state`` is given. Raise ``RuleError`` with all
        faults.
        """
        rule = parse_rule(definition, name=name, limits=self._limits)
        fresh = RuleEntry(name, definition, rule, state or RuleState.ENABLED, _tags(tags or {}))

        def make(old: RuleEntry | None) -> RuleEntry:
            if old is None:
                return fresh
            if old.managed is not None:
                raise managed_rule(name, old.managed.template)
            return replace(old, definition=definition, rule=rule, state=state or old.state)

        return await self._put(name, author, make)

    async def put_managed(
        self, template: RuleTemplate, resource: str, author: Author, tags: Mapping[str, str]
    ) -> RuleEntry:
        """Create the rule of a template for the service that ``resource`` names, or enable it."""
        service = service_of(resource)
        if service is None:
            raise RuleChangeError(
                RuleTrouble.UNKNOWN_RESOURCE,
                f"found resource {resource!r}, expected arn:detector:fleet:::service/<name>",
            )
        name = managed_name(template, service)
        definition = managed_definition(template, service, self._fields)
        rule = parse_rule(definition, name=name, limits=self._limits)
        managed = ManagedBy(template.name, resource)
        fresh = RuleEntry(name, definition, rule, RuleState.ENABLED, _tags(tags), managed)

        def make(old: RuleEntry | None) -> RuleEntry:
            return fresh if old is None else replace(fresh, tags=old.tags)

        return await self._put(name, author, make)

    async def switch(self, name: str, state: RuleState, author: Author) -> RuleEntry:
        """Enable or disable a rule."""
        kind = RuleChangeKind.ENABLE if state is RuleState.ENABLED else RuleChangeKind.DISABLE
        return await self._change(name, kind, author, lambda old: replace(old, state=state))

    async def tag(
        self, name: str, tags: Mapping[str, str], author: Author, *, without: tuple[str, ...] = ()
    ) -> RuleEntry:
        """Add and replace tags of a rule, and remove those of ``without``."""

        def make(old: RuleEntry) -> RuleEntry:
            kept = {key: value for key, value in old.tags if key not in without}
            return replace(old, tags=_tags({**kept, **tags}))

        return await self._change(name, RuleChangeKind.TAG, author, make)

    async def delete(self, name: str, author: Author) -> ChangeResult | None:
        """Delete a rule; return the result, with the first pane in which it no longer counts."""
        return await self._write(
            name, RuleChangeKind.DELETE, author, _existing(name, lambda _: None)
        )

    async def _put(self, name: str, author: Author, make: Make) -> RuleEntry:
        await self._write(name, RuleChangeKind.PUT, author, make)
        return self.rule(name)

    async def _change(
        self,
        name: str,
        kind: RuleChangeKind,
        author: Author,
        make: Callable[[RuleEntry], RuleEntry],
    ) -> RuleEntry:
        await self._write(name, kind, author, _existing(name, make))
        return self.rule(name)

    async def _write(
        self, name: str, kind: RuleChangeKind, author: Author, make: Make
    ) -> ChangeResult | None:
        """Write a change until it is accepted. Return ``None`` when there is nothing to change."""
        await self._free_space()
        for attempt in range(1, ATTEMPTS + 1):
            timeline = self._rules.timeline
            old = timeline.entry(name)
            wanted = make(old)
            if wanted is not None and wanted == old:
                return None
            if old is None and len(timeline.entries()) >= self._bounds.max_rules:
                raise too_many_rules(self._bounds.max_rules)
            result = await self._publish(self._record(name, kind, author, wanted))
            if result.rejection is None:
                return result
            if result.rejection is not RuleRejection.CONFLICT or attempt == ATTEMPTS:
                raise passed_over(result, self._bounds)
        raise AssertionError("the last attempt returns or raises")

    def _record(
        self, name: str, kind: RuleChangeKind, author: Author, wanted: Wanted
    ) -> RuleChange:
        change = RuleChange(
            schema=RULE_SCHEMA,
            name=name,
            change=kind,
            by=author.by,
            at=self._now(),
            replaces=self._rules.timeline.last_change(name),
            reason=author.reason,
        )
        if wanted is None:
            return change
        return msgspec.structs.replace(
            change,
            definition=wanted.definition,
            state=wanted.state,
            tags=dict(wanted.tags),
            managed=wanted.managed,
        )

    async def _publish(self, change: RuleChange) -> ChangeResult:
        key = rule_key(change.name, self._new_id())
        value = encode_rule_change(change)
        await self._publisher.publish(self._topic, key=key, value=value, partition=0)
        try:
            async with asyncio.timeout(READ_BACK_SECONDS):
                return await self._rules.result_of(key)
        except TimeoutError:
            raise RuleChangeError(
                RuleTrouble.NOT_READ_BACK,
                f"the change of rule {change.name!r} was written but not read back within "
                f"{READ_BACK_SECONDS:g} s: list the rules before you try again",
            ) from None

    async def _free_space(self) -> None:
        """Remove the records that no pane can need any longer; refuse when the log stays full."""
        timeline, now = self._rules.timeline, self._now()
        is_full = timeline.records >= self._bounds.max_records
        if is_full or now - self._tidied >= TIDY_SECONDS:
            self._tidied = now
            obsolete = timeline.obsolete(round(now * 1000) - self._bounds.history_ms)
            for key in obsolete[:TIDIED_AT_ONCE]:
                await self._publisher.publish(self._topic, key=key, value=None, partition=0)
            if is_full and not obsolete:
                raise too_many_changes(self._bounds)


def _existing(name: str, make: Callable[[RuleEntry], Wanted]) -> Make:
    def checked(old: RuleEntry | None) -> Wanted:
        if old is None:
            raise unknown_rule(name)
        return make(old)

    return checked


def _tags(tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if fault := tag_fault(tags):
        raise RuleChangeError(RuleTrouble.INVALID_TAGS, fault)
    return tuple(sorted(tags.items()))
