"""Options that several commands have, and types of values."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
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
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}

# of --max-steps, which --max-work took the place of
_PROBE_PRESET = 10  # container.ids.PROBE_PRESET, with which numpy would load
_OPERATIONS_A_STEP = 10**7
# of networks, in help texts
NETWORKS = "lenet5, resnet20, mlp-300-100 or any other that encode --net knows, registered ones too"


class Bytes(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A number of bytes, such as 2GiB or 500MB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes of a text."""
        match = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([kKMGT]i?|)B?", str(value))
        if match is None or match[2] not in _UNITS:
            self.fail(f"{value!r} is not a size; write it as 2GiB or 500MB", param, ctx)
        return int(float(match[1]) * _UNITS[match[2]])


class Operations(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A number of operations, such as 5e14 or 500T."""

    name = "operations"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Operations of a text."""
        match = re.fullmatch(r"([0-9]{1,30})(\.[0-9]{1,9})?(?:[eE]\+?([0-9]{1,2})|([kMGT]))?", str(value))
        if match is None:
            self.fail(f"{value!r} is not a number of operations; write it as 5e14 or 500T", param, ctx)
        power = int(match[3]) if match[3] else {"k": 3, "M": 6, "G": 9, "T": 12}.get(match[4] or "", 0)
        return int(Decimal(match[1] + (match[2] or "")).scaleb(power))


@dataclass(frozen=True)
class Common:
    """What the options of all commands say; limits are None for the program's defaults."""

    quiet: bool
    verbose: bool
    json: bool
    max_work: int | None
    max_memory: int | None

    def limits(self) -> Limits:
        """The limits to hold to."""
        from mdlcodec.limits import Limits

        return Limits.given(self.max_work, self.max_memory)

    def sending_limits(self) -> Limits:
        """A sender's, whom the preset says what to do."""
        from mdlcodec.limits import Limits

        return Limits.of_sender(self.max_work, self.max_memory)


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

    if not path:
        raise BadData("--checkpoint is empty; give the name of a file")
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
    probe = click.option(
        "--probe",
        "preset",
        flag_value=_PROBE_PRESET,
        type=int,
        help="In place of -1 .. -9: quick, for classes of columns that are representations in a network.",
    )
    return probe(command)


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the common options, as one argument ``common``."""

    @functools.wraps(command)
    def with_common(
        *args: Any,
        quiet: bool,
        verbose: bool,
        as_json: bool,
        max_work: int | None,
        max_steps: int | None,
        max_memory: int | None,
        **rest: Any,
    ) -> None:
        if as_json:
            require_stdout("leave out --json")
        if max_work is None and max_steps is not None:
            max_work = _OPERATIONS_A_STEP * max_steps
        from mdlcodec.limits import readers_within

        common = Common(quiet, verbose, as_json, max_work, max_memory)
        with readers_within(common.limits().memory):
            command(*args, common=common, **rest)

    for option in (
        click.option(
            "--max-memory",
            type=Bytes(),
            metavar="SIZE",
            help="Refuse what needs more memory, such as 2GiB. [default: 8GiB]",
        ),
        click.option(
            "--max-work",
            type=Operations(),
            metavar="OPS",
            help="Refuse what needs more operations, such as 5e14 or 500T. [default: 2e14 to decode, test, list "
            "and unpack, about an hour on one core; to encode, what the preset asks for]",
        ),
        click.option(
            "--max-steps",
            type=click.IntRange(min=0),
            hidden=True,
            help=f"In place of --max-work: {_OPERATIONS_A_STEP:,} operations each.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON value on stdout."),
        click.option("-v", "--verbose", is_flag=True, help="Print versions, network, engine and cost."),
        click.option("--quiet", is_flag=True, help="No progress and no messages but errors."),
    ):
        with_common = option(with_common)
    return with_common
