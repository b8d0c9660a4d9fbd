"""The exceptions of the product, split by whose fault they are.

::

    DetectorError
    ├── OperatorError(faults)     invalid input from the operator; lists every fault
    │   ├── RuleError             a contributor rule
    │   └── SettingsError         a setting
    ├── PublishError              the broker did not accept a record
    └── ExecutorError(retryable)  a provider did not carry out an action

Law: bad log data never raises an exception. Unreadable records, late events and refused values
travel as data. Exceptions are for those who can fix the cause. A broken invariant of our own is a
plain ``AssertionError``.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in an operator's input, with what is needed to fix it.

    ``line`` begins at 1 and is 0 if the line is unknown. ``member`` has the form
    ``Contribution.Filters[0].Match``. ``found`` and ``expected`` complete the sentence
    "found ..., expected ...". ``file`` is empty for text that comes from no file.
    """

    line: int
    member: str
    found: str
    expected: str
    file: str = ""

    def __str__(self) -> str:
        """Return ``file:line: member: found ..., expected ...`` without the unknown parts."""
        place = ":".join(part for part in (self.file, str(self.line or "")) if part)
        detail = f"found {self.found}, expected {self.expected}"
        return ": ".join(part for part in (place, self.member, detail) if part)


class DetectorError(Exception):
    """Base class of all exceptions that the product raises on purpose."""


class OperatorError(DetectorError):
    """The operator's input is invalid; ``faults`` holds every fault found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class RuleError(OperatorError):
    """Contributor rules are invalid."""


class SettingsError(OperatorError):
    """Settings are invalid."""


class PublishError(DetectorError):
    """The broker did not accept a record; the caller must stop and must not skip the record."""


class ExecutorError(DetectorError):
    """A provider did not carry out an action; ``retryable``: the same call may succeed later."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable
