"""Requests, answers, and errors of the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from multidict import CIMultiDict

from detector.core.errors import DetectorError


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; ``target`` is path and query as received, ``peer`` an IP address."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes
    peer: str

    @property
    def path(self) -> str:
        """The part of the target before the question mark, as sent."""
        return self.target.partition("?")[0]

    @property
    def arguments(self) -> str:
        """The part of the target after the question mark, as sent."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class RequestError(DetectorError):
    """A request that is refused.

    ``code`` is the code of the query protocol, ``name`` the shape's name in the other protocols.
    ``sender`` is true for a fault of the client. ``member`` is the shape's name for the message.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        name: str = "",
        sender: bool = True,
        member: str = "message",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.name = name or code
        self.sender = sender
        self.member = member


class WrongAnswerError(DetectorError):
    """An answer that does not fit the model: a defect of this server."""


class ApiOutcome(StrEnum):
    """Result of a request. Closed list."""

    OK = "ok"
    REFUSED = "refused"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RequestAnswered:
    """A request was answered; ``operation`` is empty unless it is one that this server implements.

    ``protocol`` is one of botocore's names.
    """

    operation: str
    protocol: str
    outcome: ApiOutcome
    seconds: float
