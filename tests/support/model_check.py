"""Holds what a handler returns against botocore's model of CloudWatch: members, types, lists."""

from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape


@cache
def service() -> ServiceModel:
    """CloudWatch, as the installed botocore knows it."""
    return botocore.session.get_session().get_service_model("cloudwatch")


def check_output(operation: str, value: Any) -> None:
    """Assert that a response has only members of the model, each of its type."""
    shape = service().operation_model(operation).output_shape
    if shape is None:
        assert value == {}
    else:
        _check(shape, value, operation)


def _check(shape: Shape, value: Any, place: str) -> None:
    if shape.type_name == "structure":
        assert isinstance(value, dict), place
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{place}: {unknown}"
        assert set(shape.required_members) <= set(value), place
        for name, each in value.items():
            _check(shape.members[name], each, f"{place}.{name}")
    elif shape.type_name == "list":
        for number, each in enumerate(value):
            _check(shape.member, each, f"{place}[{number}]")
    elif shape.type_name == "map":
        for name, each in value.items():
            _check(shape.key, name, place)
            _check(shape.value, each, f"{place}.{name}")
    else:
        kinds = {
            "string": str,
            "boolean": bool,
            "integer": int,
            "double": float | int,
            "timestamp": datetime,
        }
        assert isinstance(value, kinds[shape.type_name]), f"{place}: {value!r}"
        if isinstance(value, str):
            assert not shape.enum or value in shape.enum, f"{place}: {value!r}"
            longest = shape.metadata.get("max")
            assert longest is None or len(value) <= longest, place
