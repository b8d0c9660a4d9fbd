"""What is wrong with a request, collected member by member and told at once."""

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
    """Write a value as it was found, cut to 100 characters and harmless on a terminal."""
    text = escape_controls(repr(value))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


class ValidationErrors:
    """Collects what is wrong; ``settle`` raises all of it as one refusal.

    Every reading method returns a usable value also when it complained, so that one look finds
    everything.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members
        self._messages: list[str] = []

    def add(self, text: str) -> None:
        """Add one sentence: what was found, what was expected."""
        self._messages.append(text)

    @property
    def messages(self) -> tuple[str, ...]:
        """Everything that was said so far."""
        return tuple(self._messages)

    def raise_if_invalid(self) -> None:
        """Raise ``AlarmRefusedError`` with everything that was said, if anything was."""
        if self._messages:
            raise AlarmRefusedError(VALIDATION, "; ".join(self._messages))

    def has(self, name: str) -> bool:
        """Say whether the member is there."""
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
        """Check a text that stands under ``name``."""
        if not isinstance(value, str):
            self.add(f"{name} is {shown(value)}, expected a text")
            return ""
        if not low <= len(value) <= high:
            self.add(f"{name} has {len(value)} characters, expected {low} to {high}")
        elif escape_controls(value) != value:
            self.add(f"{name} {shown(value)} has control characters, expected none")
        return value

    def choice(self, name: str, choices: Iterable[str], default: str = "") -> str:
        """Read one of ``choices``; without a default it must be there."""
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
        """Read a whole number from ``low`` to ``high``; without a default it must be there."""
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
        """Read a structure; ``None`` when it is not there."""
        value = self._members.get(name)
        if value is None or isinstance(value, Mapping):
            return value
        self.add(f"{name} is {shown(value)}, expected a structure")
        return None

    def refuse_members(self, names: Iterable[str], why: str) -> None:
        """Complain of every member that does not belong here."""
        found = [name for name in names if self.has(name)]
        if found:
            self.add(f"found {', '.join(found)}, expected none of them {why}")


def refuse(message: str, code: str = VALIDATION) -> NoReturn:
    """Raise a refusal with one sentence."""
    raise AlarmRefusedError(code, message)
