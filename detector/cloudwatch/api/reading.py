"""Members of requests and answers, converted and checked against the model."""

from typing import Any

from detector.cloudwatch.api.errors import missing_member, wrong_member
from detector.cloudwatch.api.limits import closed_list, within_model
from detector.cloudwatch.api.messages import RequestError, WrongAnswerError
from detector.cloudwatch.api.model import Operation
from detector.cloudwatch.api.shapes import Scalars, Walk


def read_members(operation: Operation, value: Any, scalars: Scalars) -> dict[str, Any]:
    """Return the members of a request to ``operation``; raises ``RequestError``."""
    shape = operation.input_shape
    if shape is None:
        return {}
    walk = Walk(shape, value, scalars, within_model)
    if walk.faults:
        refused = missing_member if walk.missing else wrong_member
        raise refused(operation, walk.message())
    members: dict[str, Any] = walk.result
    return members


def written_members(operation: Operation, members: Any, scalars: Scalars) -> dict[str, Any]:
    """Return the members of an answer ready to be encoded; raises ``WrongAnswerError``."""
    shape = operation.output_shape
    if shape is None:
        if members:
            raise WrongAnswerError(
                f"{operation.name} has no members in its answer, found {sorted(members)}"
            )
        return {}
    walk = Walk(shape, members, scalars, closed_list)
    if walk.faults:
        raise WrongAnswerError(f"answer to {operation.name}: {walk.message()}")
    written: dict[str, Any] = walk.result
    return written


def malformed(why: str, code: str = "SerializationException") -> RequestError:
    """Return the error for a body that cannot be parsed."""
    return RequestError(code, f"the body cannot be read: {why}")
