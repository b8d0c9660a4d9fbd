"""Codes of errors, turned into what the model says of them; those of no operation are below.

A code is looked for among the errors of the operation first, then among all of the service, by the
name of its shape (``ResourceNotFound``) or by the code on the wire (``ValidationError``).
"""

from detector.cloudwatch.api.messages import RequestError
from detector.cloudwatch.api.model import Operation, Shape, service_model
from detector.cloudwatch.operations.contract import ApiError

_FIRST_OF_OURS = 500


def modelled(operation: Operation, error: ApiError) -> RequestError | None:
    """Return the error as the model has it; ``None`` when the service knows no such code."""
    for shape in (*operation.error_shapes, *service_model().error_shapes):
        if error.code in {shape.name, shape.error_code}:
            return _of_shape(shape, str(error))
    return None


def first_modelled(operation: Operation, codes: tuple[str, ...], message: str) -> RequestError:
    """Return an error with the first of ``codes`` that the operation has, else with the last."""
    names = {shape.name: shape for shape in operation.error_shapes}
    for code in codes[:-1]:
        if code in names:
            return _of_shape(names[code], message)
    return _of_shape(service_model().shape_for(codes[-1]), message)


def _of_shape(shape: Shape, message: str) -> RequestError:
    told = shape.metadata.get("error", {})
    sender = told.get("senderFault", told.get("httpStatusCode", 400) < _FIRST_OF_OURS)
    member = next((name for name in shape.members if name.lower() == "message"), "message")
    return RequestError(
        shape.error_code,
        message,
        status=told.get("httpStatusCode", 400),
        name=shape.name,
        sender=sender,
        member=member,
    )


def missing_member(operation: Operation, message: str) -> RequestError:
    """Refuse a request that lacks what it must have."""
    codes = ("MissingRequiredParameterException", "ValidationException")
    return first_modelled(operation, codes, message)


def wrong_member(operation: Operation, message: str) -> RequestError:
    """Refuse a request with a member that is not as it must be."""
    codes = ("InvalidParameterValueException", "ValidationException")
    return first_modelled(operation, codes, message)


def fault_of_ours(message: str) -> RequestError:
    """Answer for what went wrong here."""
    return _of_shape(service_model().shape_for("InternalServiceFault"), message)
