"""Tag operations: one handler each, which asks the owner of the resource."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from detector.cloudwatch.operations.contract import ApiError, Handler, Members

NOT_FOUND = "ResourceNotFoundException"


class TagOwner(Protocol):
    """Keeps the tags of one kind of resource."""

    def owns(self, arn: str) -> bool:
        """Return whether an ARN is of this kind, whether or not the resource exists."""
        ...

    async def tag_resource(self, members: Members) -> Members:
        """Add tags or replace their values."""
        ...

    async def untag_resource(self, members: Members) -> Members:
        """Remove tags; unknown keys are no error."""
        ...

    async def list_tags_for_resource(self, members: Members) -> Members:
        """Return the tags of a resource."""
        ...


class _Tags:
    def __init__(self, owners: Sequence[TagOwner]) -> None:
        self._owners = tuple(owners)

    def _owner(self, members: Members) -> TagOwner:
        arn = str(members["ResourceARN"])
        for owner in self._owners:
            if owner.owns(arn):
                return owner
        raise ApiError(NOT_FOUND, f"found {arn!r}, expected the ARN of a resource that has tags")

    async def tag(self, members: Members) -> Members:
        return await self._owner(members).tag_resource(members)

    async def untag(self, members: Members) -> Members:
        return await self._owner(members).untag_resource(members)

    async def show(self, members: Members) -> Members:
        return await self._owner(members).list_tags_for_resource(members)


def tag_handlers(owners: Sequence[TagOwner]) -> Mapping[str, Handler]:
    """Return the three handlers; an ARN without owner is not found."""
    tags = _Tags(owners)
    return {
        "TagResource": tags.tag,
        "UntagResource": tags.untag,
        "ListTagsForResource": tags.show,
    }
