"""Botocore's model of CloudWatch's API.

Law: only the installed package is read, never models in a home directory.

Known limit: members renamed on the wire and flattened lists are not implemented, because the
service has none; a test fails when a newer model has one.
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
"""Service name in the signatures of requests to CloudWatch."""


@cache
def service_model() -> Any:
    """Return botocore's model of CloudWatch."""
    loader = Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model("cloudwatch", "service-2"), "cloudwatch")


@cache
def operation_names() -> frozenset[str]:
    """Return the name of every operation of CloudWatch."""
    return frozenset(service_model().operation_names)
