"""Turns the result or the exception of a command into an exit code and lines on stderr."""

import os
import sys
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from detector.core.errors import DetectorError, OperatorError
from detector.core.safe_text import escape_controls


class ExitCode(IntEnum):
    """Exit codes of all commands."""

    OK = 0
    PROBLEMS = 1
    USAGE = 2
    INVALID = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


EPILOG = (
    "Exit codes: 0 ok, 1 problems found, 2 wrong usage, 3 settings or rules are invalid, "
    "4 no broker answered."
)


class ExitCodeGroup(TyperGroup):
    """The root of all commands."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; its return value is the exit code."""
        try:
            code = super().invoke(ctx)
            # A closed pipe is noticed here, not when the interpreter exits.
            sys.stdout.flush()
        except OperatorError as error:
            _exit(ExitCode.INVALID, (str(fault) for fault in error.faults))
        except DetectorError as error:
            _exit(ExitCode.PROBLEMS, [str(error)])
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            # The reader closed the pipe; the interpreter must not flush to it on exit.
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
            raise typer.Exit(ExitCode.OK) from None
        except Exception as error:
            _exit_for_kafka_error(error)
            raise
        if code:
            raise typer.Exit(int(code))
        return code


def _exit_for_kafka_error(error: Exception) -> None:
    """Exit if ``error`` is from a Kafka client; does not import a client to find out."""
    if "confluent_kafka" in sys.modules:
        from confluent_kafka import KafkaException  # noqa: PLC0415

        if isinstance(error, KafkaException):
            cause = error.args[0]
            # Negative codes are librdkafka's own: the broker did not answer.
            _exit_for_kafka(cause.str(), unreachable=cause.code() < -1)
    if "aiokafka" in sys.modules:
        from aiokafka import errors  # noqa: PLC0415

        if isinstance(error, errors.KafkaError):
            silent = (errors.KafkaConnectionError, errors.KafkaTimeoutError)
            words = str(error) or type(error).__name__
            _exit_for_kafka(words, unreachable=isinstance(error, silent))


def _exit_for_kafka(words: str, *, unreachable: bool) -> NoReturn:
    if unreachable:
        remedy = "check the setting broker (DETECTOR_BROKER) and [security]"
        _exit(ExitCode.UNREACHABLE, [f"no broker answered ({words}): {remedy}"])
    _exit(ExitCode.PROBLEMS, [f"the broker refused: {words}"])


def _exit(code: ExitCode, lines: Iterable[str]) -> NoReturn:
    for line in lines:
        print(escape_controls(line), file=sys.stderr)
    raise typer.Exit(code) from None
