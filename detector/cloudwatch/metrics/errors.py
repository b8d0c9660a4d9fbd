"""The error of a metric math expression, or of the list of queries that contains it."""

from detector.core.errors import DetectorError


class MetricMathError(DetectorError):
    """A query that cannot be used: where it is wrong, what was found, what was expected.

    ``query_id`` is empty while a single expression is read; ``line`` and ``column`` begin at 1 and
    are 0 where the fault has no position in the expression.
    """

    def __init__(
        self, found: str, expected: str, *, query_id: str = "", line: int = 0, column: int = 0
    ) -> None:
        self.found = found
        self.expected = expected
        self.query_id = query_id
        self.line = line
        self.column = column
        place = f"line {line}, column {column}" if line else ""
        message = f"found {found}, expected {expected}"
        super().__init__(": ".join(part for part in (query_id, place, message) if part))

    def of_query(self, query_id: str) -> "MetricMathError":
        """Return the same error with the id of its query."""
        return MetricMathError(
            self.found, self.expected, query_id=query_id, line=self.line, column=self.column
        )
