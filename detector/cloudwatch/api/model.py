"""The model of CloudWatch's API that botocore carries, and what of it this server relies on.

Law: only the installed package is read, never models that somebody put in a home directory.

Known limit: members that are renamed on the wire and flattened lists are not implemented, because
the service has none; a test fails when a newer model brings the first.
"""

from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

Shape = Any
"""A shape of botocore's model; the library carries no types."""
Operation = Any
"""An operation of botocore's model."""

SIGNING_NAME = "monitoring"
"""What requests to CloudWatch are signed for."""


@cache
def service_model() -> Any:
    """Return botocore's model of CloudWatch."""
    loader = Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model("cloudwatch", "service-2"), "cloudwatch")


@cache
def operation_names() -> frozenset[str]:
    """Return the name of every operation of CloudWatch."""
    return frozenset(service_model().operation_names)
