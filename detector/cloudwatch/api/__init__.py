"""CloudWatch's API over HTTP, as unmodified AWS clients speak it.

``Api`` answers one request and does no I/O; ``ApiServer`` serves it on a port. Everything about the
operations (members, types, limits, errors) comes from botocore's model, so this server accepts what
current clients send.
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
