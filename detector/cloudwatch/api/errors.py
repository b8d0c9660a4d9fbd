"""Error codes turned into the errors of the model.

A code is looked up among the errors of the operation first, then among all errors of the service,
by shape name (``ResourceNotFound``) or by code on the wire (``ValidationError``).
"""

from detector.cloudwatch.api.messages import RequestError
from detector.cloudwatch.api.model import Operation, Shape, service_model
from detector.cloudwatch.operations.contract import ApiError

_FIRST_SERVER_STATUS = 500


def modelled(operation: Operation, error: ApiError) -> RequestError | None:
    """Return the model's error; ``None`` when the service has no such code."""
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
    details = shape.metadata.get("error", {})
    sender = details.get("senderFault", details.get("httpStatusCode", 400) < _FIRST_SERVER_STATUS)
    member = next((name for name in shape.members if name.lower() == "message"), "message")
    return RequestError(
        shape.error_code,
        message,
        status=details.get("httpStatusCode", 400),
        name=shape.name,
        sender=sender,
        member=member,
    )


def missing_member(operation: Operation, message: str) -> RequestError:
    """Return the error for a request that lacks a required member."""
    codes = ("MissingRequiredParameterException", "ValidationException")
    return first_modelled(operation, codes, message)


def wrong_member(operation: Operation, message: str) -> RequestError:
    """Return the error for a request with an invalid member."""
    codes = ("InvalidParameterValueException", "ValidationException")
    return first_modelled(operation, codes, message)


def fault_of_ours(message: str) -> RequestError:
    """Return the error for a defect of this server."""
    return _of_shape(service_model().shape_for("InternalServiceFault"), message)
