"""The codes of Blier & Ollivier 2018: each turns class indices into a payload and back.

Adding a code is one new file and one line in ``CODES``.
"""

from mdlcodec.codes.contract import NO_OPTIONS, Code, Encoded, Options, Progress, Settings
from mdlcodec.codes.prequential import PrequentialCode
from mdlcodec.codes.switching import SwitchingCode
from mdlcodec.codes.two_part import TwoPartCode
from mdlcodec.codes.two_part_raw import RawTwoPartCode
from mdlcodec.codes.uniform import UniformCode
from mdlcodec.errors import BadData, Unsupported

CODES: dict[str, Code] = {
    code.name: code
    for code in (UniformCode(), PrequentialCode(), TwoPartCode(), RawTwoPartCode(), SwitchingCode())
}


def code_named(name: str) -> Code:
    """The code of that name; raises BadData for an unknown one."""
    if name not in CODES:
        raise BadData(f"no code named {name!r}; choose one of {', '.join(CODES)}")
    return CODES[name]


def code_numbered(number: int) -> Code:
    """The code with that number in a file's header; raises Unsupported for an unknown one."""
    for code in CODES.values():
        if code.number == number:
            return code
    raise Unsupported(
        f"the file uses code number {number}, which this version does not know; upgrade mdlcodec"
    )


__all__ = [
    "CODES",
    "NO_OPTIONS",
    "Code",
    "Encoded",
    "Options",
    "Progress",
    "Settings",
    "code_named",
    "code_numbered",
]
