"""The faults of a request, collected member by member and reported together."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from detector.core.errors import DetectorError
from detector.core.safe_text import escape_controls

VALIDATION: Final = "ValidationError"
LIMIT_EXCEEDED: Final = "LimitExceeded"
SHOWN_CHARACTERS: Final = 100


class AlarmRefusedError(DetectorError):
    """A request that cannot be granted; ``code`` is CloudWatch's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def shown(value: object) -> str:
    """Return a value's ``repr``, cut to 100 characters, with control characters escaped."""
    text = escape_controls(repr(value))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


class ValidationErrors:
    """Collects the faults of a request; ``raise_if_invalid`` raises all of them as one error.

    Every reading method returns a usable value even after a fault, so one pass finds all faults.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members
        self._messages: list[str] = []

    def add(self, text: str) -> None:
        """Add one fault: what was found, what was expected."""
        self._messages.append(text)

    @property
    def messages(self) -> tuple[str, ...]:
        """All faults so far."""
        return tuple(self._messages)

    def raise_if_invalid(self) -> None:
        """Raise ``AlarmRefusedError`` with all faults, if there are any."""
        if self._messages:
            raise AlarmRefusedError(VALIDATION, "; ".join(self._messages))

    def has(self, name: str) -> bool:
        """Return whether the member is set."""
        return self._members.get(name) is not None

    def text(self, name: str, *, low: int, high: int, required: bool = False) -> str:
        """Read a text of ``low`` to ``high`` characters without control characters."""
        value = self._members.get(name)
        if value is None:
            if required:
                self.add(f"{name} is missing, expected a text")
            return ""
        return self.checked_text(value, name, low=low, high=high)

    def checked_text(self, value: object, name: str, *, low: int, high: int) -> str:
        """Check a text; faults report it as ``name``."""
        if not isinstance(value, str):
            self.add(f"{name} is {shown(value)}, expected a text")
            return ""
        if not low <= len(value) <= high:
            self.add(f"{name} has {len(value)} characters, expected {low} to {high}")
        elif escape_controls(value) != value:
            self.add(f"{name} {shown(value)} has control characters, expected none")
        return value

    def choice(self, name: str, choices: Iterable[str], default: str = "") -> str:
        """Read one of ``choices``; without a default the member is required."""
        value = self._members.get(name)
        if value is None and default:
            return default
        allowed = list(choices)
        if value in allowed:
            return str(value)
        found = "is missing" if value is None else f"is {shown(value)}"
        self.add(f"{name} {found}, expected one of {', '.join(allowed)}")
        return allowed[0]

    def whole(self, name: str, *, low: int, high: int, default: int | None = None) -> int:
        """Read an integer from ``low`` to ``high``; without a default the member is required."""
        value = self._members.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        found = "is missing" if value is None else f"is {shown(value)}"
        self.add(f"{name} {found}, expected a whole number from {low} to {high}")
        return low

    def flag(self, name: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self._members.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.add(f"{name} is {shown(value)}, expected true or false")
        return bool(value)

    def items(self, name: str, *, high: int) -> list[Any]:
        """Read a list of at most ``high`` items."""
        value = self._members.get(name)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self.add(f"{name} is {shown(value)}, expected a list")
            return []
        if len(value) > high:
            self.add(f"{name} has {len(value)} items, expected at most {high}")
        return list(value)[:high]

    def structure(self, name: str) -> Mapping[str, Any] | None:
        """Read a structure; ``None`` when it is missing."""
        value = self._members.get(name)
        if value is None or isinstance(value, Mapping):
            return value
        self.add(f"{name} is {shown(value)}, expected a structure")
        return None

    def refuse_members(self, names: Iterable[str], why: str) -> None:
        """Add one fault for all members of ``names`` that are set; ``why`` ends the sentence."""
        found = [name for name in names if self.has(name)]
        if found:
            self.add(f"found {', '.join(found)}, expected none of them {why}")


def refuse(message: str, code: str = VALIDATION) -> NoReturn:
    """Raise ``AlarmRefusedError`` with one message."""
    raise AlarmRefusedError(code, message)
