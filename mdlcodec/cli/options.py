"""Options that several commands have, and types of values."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from mdlcodec.cli.terminal import require_stdout
from mdlcodec.errors import BadData

if TYPE_CHECKING:
    from mdlcodec.files.checkpoints import CheckpointFile
    from mdlcodec.limits import Limits

_UNITS = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}

# of networks, in help texts
NETWORKS = "lenet5, resnet20, mlp-300-100 or any other that encode --net knows, registered ones too"


class Bytes(click.ParamType[int]):
    """A number of bytes, such as 2GiB or 500MB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes of a text."""
        match = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([kMGT]i?|)B?", str(value))
        if match is None or match[2] not in _UNITS:
            self.fail(f"{value!r} is not a size; write it as 2GiB or 500MB", param, ctx)
        return int(float(match[1]) * _UNITS[match[2]])


@dataclass(frozen=True)
class Common:
    """What the options of all commands say; limits are None for the program's defaults."""

    quiet: bool
    verbose: bool
    json: bool
    max_steps: int | None
    max_memory: int | None

    def limits(self) -> Limits:
        """The limits to hold to."""
        from mdlcodec.limits import Limits

        return Limits.given(self.max_steps, self.max_memory)


device_option = click.option(
    "--device",
    default="auto",
    metavar="NAME",
    show_default=True,
    help="Where networks compute: cpu, cuda, cuda:N, or auto, which is the CPU unless MDLCODEC_ENGINE=cuda. "
    "The bytes are the same. The kernel machine always computes on the CPU.",
)


def checkpoint_option(text: str) -> Any:
    """--checkpoint FILE, with a sentence of the command's own at the end of its help."""
    return click.option(
        "--checkpoint",
        metavar="FILE",
        help="Keep the state of the run in FILE, and go on from there if it exists: the same command, after it was "
        f"ended at any moment, gives the same bytes. FILE is removed at the end. {text}",
    )


@contextlib.contextmanager
def checkpoint_at(path: str | None, others: list[str]) -> Iterator[CheckpointFile | None]:
    """The checkpoint at a path, which is none of the others, to be removed when the context ends well."""
    if path is None:
        yield None
        return
    from mdlcodec.files.checkpoints import CheckpointFile

    if any(os.path.realpath(path) == os.path.realpath(other) for other in others):
        raise BadData(f"{path!r} is the checkpoint, and read or written besides; choose another --checkpoint")
    checkpoint = CheckpointFile(path)
    yield checkpoint
    checkpoint.finish()


class _PresetOption(click.Option):
    """One of -1 to -9, which the help shows as one."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return ("-1 .. -9", self.help or "") if self.help else None


def preset_option(command: Any) -> Any:
    """Give a command -1 to -9, as one argument ``preset``; None where none of them is given."""
    for preset in range(9, 0, -1):
        text = "From -1, fastest (seconds), to -9, smallest (hours). [default: -5]" if preset == 1 else None
        option = click.option(
            f"-{preset}", "preset", cls=_PresetOption, flag_value=preset, type=int, help=text
        )
        command = option(command)
    return command


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the common options, as one argument ``common``."""

    @functools.wraps(command)
    def with_common(
        *args: Any,
        quiet: bool,
        verbose: bool,
        as_json: bool,
        max_steps: int | None,
        max_memory: int | None,
        **rest: Any,
    ) -> None:
        if as_json:
            require_stdout("leave out --json")
        command(*args, common=Common(quiet, verbose, as_json, max_steps, max_memory), **rest)

    for option in (
        click.option(
            "--max-memory",
            type=Bytes(),
            metavar="SIZE",
            help="Refuse what needs more memory, such as 2GiB. [default: 8GiB]",
        ),
        click.option(
            "--max-steps",
            type=click.IntRange(min=0),
            metavar="N",
            help="Refuse what needs more training steps. [default: 10000000]",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON value on stdout."),
        click.option("-v", "--verbose", is_flag=True, help="Print versions, network, engine and cost."),
        click.option("--quiet", is_flag=True, help="No progress and no messages but errors."),
    ):
        with_common = option(with_common)
    return with_common
