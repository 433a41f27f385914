"""Options that several commands of studies have, and types of their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mdlcodec.cli.progress import ProgressLine

net_option = click.option(
    "--net", default="auto", metavar="NAME", show_default=True, help="What is trained: see encode."
)
test_option = click.option(
    "--test",
    metavar="DATA",
    help="Test examples with labels. [default: those beside DATA, where it is MNIST's or CIFAR's folder, else "
    "the last fifth of DATA, which is not trained on]",
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(1, 1000), metavar="N", help="Processes. [default: as many as cores]"
)


class Strengths(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """METHOD=from:to:count, geometrically spaced, or METHOD=a,b,c."""

    name = "strengths"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[float, ...]]:
        """Of a text."""
        method, _, text = str(value).partition("=")
        try:
            if ":" not in text:
                return method, tuple(float(part) for part in text.split(","))
            start, stop, count = text.split(":")
            from mdlcodec.studies.frontier import spaced

            if not (0 < float(start) < float("inf") and 0 < float(stop) < float("inf")):
                raise ValueError
            if not 1 <= int(count) <= 1000:
                raise ValueError
            return method, spaced(float(start), float(stop), int(count))
        except ValueError:
            self.fail(
                f"{value!r} is no method with strengths; write it as drr=0.5:30:6 or drr=0.5,2,8", param, ctx
            )


strengths_option = click.option(
    "--strength",
    "strengths",
    type=Strengths(),
    multiple=True,
    metavar="METHOD=FROM:TO:COUNT",
    help="Strengths of a method, geometrically spaced, or METHOD=A,B,..; once for each method. "
    "[default: six in a range of the method's own]",
)


class Sizes(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """Integers with commas between, or from:to:count, geometrically spaced."""

    name = "sizes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Of a text."""
        try:
            if ":" in str(value):
                _, spaced = Strengths().convert(f"n={value}", param, ctx)
                return tuple(dict.fromkeys(round(one) for one in spaced))
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; write it as 30,100,300 or 30:3000:7", param, ctx)


teacher_option = click.option(
    "--teacher",
    "sizes",
    type=Sizes(),
    default="2,5,8,1",
    metavar="D,..,1",
    show_default=True,
    help="A teacher's layers.",
)
student_option = click.option(
    "--student",
    type=Sizes(),
    default="2,25,25,1",
    metavar="D,..,1",
    show_default=True,
    help="A student's layers.",
)
sigma_option = click.option(
    "--sigma",
    type=float,
    default=0.08,
    metavar="S",
    show_default=True,
    help="Deviation of a teacher's noise.",
)


def named_strengths(given: Sequence[tuple[str, tuple[float, ...]]]) -> dict[str, tuple[float, ...]]:
    """By the methods' names. Raises BadData for a method that is there twice."""
    from mdlcodec.errors import BadData

    named = dict(given)
    if len(named) < len(given):
        raise BadData("strengths of a method are there twice; give them once")
    return named


def output_option(name: str) -> Any:
    """-o FOLDER of the study of that name."""
    return click.option(
        "-o",
        "--output",
        metavar="FOLDER",
        help=f"Where everything is kept. [default: NAME.{name}, in this folder]",
    )


def telling(line: ProgressLine, study: str) -> Callable[[int, int, str], None]:
    """Shows files done, files in all, and what the last one gave."""
    return lambda done, of, text: line.show_passing(f"{study}: {done:,} of {of:,} files; {text}")
