"""What ``-v`` prints, and how progress is followed."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from mdlcodec.cli.options import Common
from mdlcodec.cli.progress import ProgressLine
from mdlcodec.cli.terminal import duration, say
from mdlcodec.limits import DEFAULT_WORK, allowing, seconds_of, size

_WORTH_SAYING = 10  # seconds

if TYPE_CHECKING:
    from mdlcodec.codes import Progress
    from mdlcodec.files.runs import Plan, Watch


def watch(what: str, line: ProgressLine, common: Common) -> Watch:
    """Prints the plan if asked to, and then the progress."""

    def begin(plan: Plan) -> Progress:
        if common.verbose and not common.quiet:
            _print_plan(plan)
        if not common.quiet:
            _forecast(what, plan)

        def progress(done: int, bits: float, stage: str = "", mistakes: int | None = None, /) -> None:
            if stage:
                line.stage(what, stage)
            else:
                line.coded(what, done, plan.n, bits, plan.unit)

        return progress

    return begin


def _forecast(what: str, plan: Plan) -> None:
    """Says how long it will take, where it is worth saying; and what whoever decodes will have to allow."""
    seconds = seconds_of(plan.cost.work)
    if seconds >= _WORTH_SAYING:
        say(f"{what}: this takes about {duration(seconds)} on this machine")
    if plan.cost is not plan.decoding and plan.decoding.work > DEFAULT_WORK:
        say(
            f"{what}: decoding takes about {duration(seconds_of(plan.decoding.work))} on a machine like this, and "
            f"needs --max-work {allowing(plan.decoding.work)}"
        )


def _print_plan(plan: Plan) -> None:
    from importlib.metadata import version

    import mdlcodec
    from mdlcodec.exact.choice import description
    from mdlcodec.predictors import multiplies

    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "numba"))
    say(f"mdlcodec {mdlcodec.__version__}, Python {platform.python_version()}, {versions}")
    computing = description() if multiplies(plan.net) else "engine -, device cpu"
    say(f"{plan.described()}; {computing}")
    settings = plan.settings
    say(f"code {plan.code}, net {plan.net or '-'}, preset {settings.preset}, seed {settings.seed}")
    say(
        f"cost: {plan.cost.parameters:,} parameters, {plan.cost.work:,} operations, "
        f"at most {size(plan.cost.memory)} of memory"
    )
