"""CloudWatch's API over HTTP, as unmodified AWS clients speak it.

``Api`` answers one request and does no I/O; ``ApiServer`` puts it on a port. Everything about the
operations (members, types, limits, errors) comes from the model that botocore carries, so that what
is accepted here is what the clients of today send.
"""

from detector.cloudwatch.api.access import Access, KeyRing
from detector.cloudwatch.api.dispatch import Api
from detector.cloudwatch.api.messages import HttpAnswer, HttpRequest
from detector.cloudwatch.api.metrics import ApiMetrics
from detector.cloudwatch.api.model import service_model
from detector.cloudwatch.api.server import ApiServer

__all__ = [
    "Access",
    "Api",
    "ApiMetrics",
    "ApiServer",
    "HttpAnswer",
    "HttpRequest",
    "KeyRing",
    "service_model",
]
