"""However a command fails: one line on stderr and an exit code, never a traceback for bad input."""

from __future__ import annotations

import os
import signal
import sys
from typing import IO, Any

import click

from mdlcodec.cli.environment import require_numbers_of_threads
from mdlcodec.cli.signals import Terminated, signals_raised
from mdlcodec.cli.terminal import any_text_on_stdout, say, warnings_in_one_line
from mdlcodec.errors import MdlcodecError
from mdlcodec.exact.processor_state import right_state

# what click 8.2 and later raise where the whole command line is missing
_HELP = getattr(click.exceptions, "NoArgsIsHelpError", None)


class Failure(click.ClickException):
    """Ends the program with one line and an exit code."""

    exit_code: int  # type: ignore[misc]  # a ClickException has the same one for all

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        say(f"mdlcodec: {self.message}")


class CommandGroup(click.Group):
    """Commands that end in a Failure, whatever went wrong."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Parse, run and exit; also where not even the help can be written."""
        any_text_on_stdout()
        try:
            try:
                return super().main(*args, **extra)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()  # not at Python's exit, which would say it in its own way
        except BrokenPipeError:
            _drop_stdout()
            sys.exit(1)
        except OSError as error:
            _drop_stdout()
            say(f"mdlcodec: {_described(error)}")
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with warnings_in_one_line():
            try:
                with signals_raised():
                    require_numbers_of_threads(os.environ)
                    with right_state():  # reading data and writing labels too
                        return super().invoke(ctx)
            except MdlcodecError as error:
                raise Failure(str(error), error.exit_code) from error
            except Terminated as error:
                raise Failure(str(error), 128 + signal.SIGTERM) from error
            except KeyboardInterrupt as error:
                raise Failure(str(error) or "interrupted", 128 + signal.SIGINT) from error
            except MemoryError as error:
                line = "out of memory; for labels, choose a lower preset, or less data with --limit"
                raise Failure(line, 1) from error
            except click.UsageError as error:
                raise _usage_failure(error, f"{ctx.command_path} {ctx.invoked_subcommand or ''}") from error
            except BrokenPipeError:  # click ends quietly
                raise
            except OSError as error:
                raise Failure(_described(error), 1) from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the command."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if type(error) is _HELP:
                raise
            raise _usage_failure(error, ctx.command_path) from error


def _described(error: OSError) -> str:
    where = "" if error.filename is None else f": {error.filename!r}"
    return f"{error.strerror or error}{where}"


def _drop_stdout() -> None:
    """What could not be written is not written again."""
    sys.stdout = None  # type: ignore[assignment]  # as if closed


def _usage_failure(error: click.UsageError, command: str) -> Failure:
    message = " ".join(error.format_message().split()).rstrip(".")
    return Failure(f"{message}; see '{command.strip()} --help'", error.exit_code)
