"""However a command fails: one line on stderr and an exit code, never a traceback for bad input."""

from __future__ import annotations

import signal
from typing import IO, Any

import click

from mdlcodec.cli.signals import Terminated, signals_raised
from mdlcodec.cli.terminal import say, warnings_in_one_line
from mdlcodec.errors import MdlcodecError
from mdlcodec.exact.processor_state import right_state


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

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with signals_raised(), warnings_in_one_line():
            try:
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
                where = "" if error.filename is None else f": {error.filename!r}"
                raise Failure(f"{error.strerror or error}{where}", 1) from error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the command."""
        try:
            return super().parse_args(ctx, args)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise _usage_failure(error, ctx.command_path) from error


def _usage_failure(error: click.UsageError, command: str) -> Failure:
    message = " ".join(error.format_message().split()).rstrip(".")
    return Failure(f"{message}; see '{command.strip()} --help'", error.exit_code)
