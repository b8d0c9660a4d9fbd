"""The exceptions of the product, split by whose fault they are.

::

    DetectorError
    ├── OperatorError(faults)     what the operator wrote cannot be used; every fault at once
    │   ├── RuleError             a contributor rule
    │   └── SettingsError         a setting
    ├── PublishError              the broker did not take a record
    └── ExecutorError(retryable)  a provider did not carry out an action

Law: bad input is never an exception. Unreadable records, late events and refused values travel as
data; these are for whoever can mend the cause. A broken invariant of our own is a plain
``AssertionError``.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in what an operator wrote, told so that it can be mended.

    ``line`` begins at 1, 0 where no line can be named. ``member`` is written as
    ``Contribution.Filters[0].Match``. ``found`` and ``expected`` complete the sentence
    "found ..., expected ...". ``file`` is empty for text without one.
    """

    line: int
    member: str
    found: str
    expected: str
    file: str = ""

    def __str__(self) -> str:
        """Write ``file:line: member: found ..., expected ...`` without the unknown parts."""
        place = ":".join(part for part in (self.file, str(self.line or "")) if part)
        told = f"found {self.found}, expected {self.expected}"
        return ": ".join(part for part in (place, self.member, told) if part)


class DetectorError(Exception):
    """Root of all exceptions that are raised on purpose."""


class OperatorError(DetectorError):
    """Something that the operator wrote cannot be used; ``faults`` holds every fault found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class RuleError(OperatorError):
    """Contributor rules that cannot be used."""


class SettingsError(OperatorError):
    """Settings that cannot be used."""


class PublishError(DetectorError):
    """The broker did not take a record; whoever needed it published must stop, not pass it over."""


class ExecutorError(DetectorError):
    """A provider did not carry out an action. ``retryable``: the same call may succeed later."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable
