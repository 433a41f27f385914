"""The codes of Blier & Ollivier 2018: each turns values into a payload and back.

Adding a code is one new file and one line in ``CODES``.
"""

from typing import TYPE_CHECKING

from mdlcodec.codes.contract import Checkpoint, Code, Prepared, Progress, Settings
from mdlcodec.codes.options import NO_OPTIONS, Options
from mdlcodec.codes.prequential import PrequentialCode
from mdlcodec.codes.results import Decoded, Encoded, Learned
from mdlcodec.codes.subspace import SubspaceCode
from mdlcodec.codes.switching import SwitchingCode
from mdlcodec.codes.two_part import TwoPartCode
from mdlcodec.codes.two_part_raw import RawTwoPartCode
from mdlcodec.codes.uniform import UniformCode
from mdlcodec.codes.variational import VariationalCode
from mdlcodec.data.targets import Reals, Target
from mdlcodec.errors import BadData, Unsupported
from mdlcodec.predictors import KERNEL_LIMIT

if TYPE_CHECKING:
    from mdlcodec.data.dataset import Inputs

AUTO = "auto"

CODES: dict[str, Code] = {
    code.name: code
    for code in (
        UniformCode(),
        PrequentialCode(),
        TwoPartCode(),
        RawTwoPartCode(),
        SubspaceCode(),
        SwitchingCode(),
        VariationalCode(),
    )
}


def code_named(name: str) -> Code:
    """The code of that name; raises BadData for an unknown one."""
    if name not in CODES:
        raise BadData(f"no code named {name!r}; choose one of {', '.join(CODES)}")
    return CODES[name]


def auto_code(net: str, inputs: "Inputs", target: Target | None = None) -> str:
    """The code that `auto` takes: of few examples, switching has the shorter files (bench/results/labels.md).

    A network that was asked for by name learns alone; and of reals, where the kernel machine alone is as short
    (bench/results/reals.md).
    """
    if isinstance(target, Reals):
        return "prequential"
    return "switching" if net == AUTO and inputs.n <= KERNEL_LIMIT else "prequential"


def code_numbered(number: int) -> Code:
    """The code with that number in a file's header; raises Unsupported for an unknown one."""
    for code in CODES.values():
        if code.number == number:
            return code
    raise Unsupported(
        f"the file uses code number {number}, which this version does not know; upgrade mdlcodec"
    )


__all__ = [
    "AUTO",
    "CODES",
    "NO_OPTIONS",
    "Checkpoint",
    "Code",
    "Decoded",
    "Encoded",
    "Learned",
    "Options",
    "Prepared",
    "Progress",
    "Settings",
    "auto_code",
    "code_named",
    "code_numbered",
]
