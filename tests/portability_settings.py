"""Settings that must not change a byte, and how to run portability_worker.py under one of them."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

_WORKER = Path(__file__).parent / "portability_worker.py"

# names of numpy 1 and 2; those that a build has not are ignored with a warning
_NUMPY_BEYOND_AVX2 = (
    "AVX512F AVX512CD AVX512_KNL AVX512_KNM AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR X86_V4"
)
_NUMBA_SSE = "+cx8,+fxsr,+mmx,+sse,+sse2,+sse3,+ssse3,+sse4.1"
_NUMBA_AVX2 = f"{_NUMBA_SSE},+sse4.2,+popcnt,+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe"

INSTRUCTIONS = {
    "all": {},
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "NPY_DISABLE_CPU_FEATURES": _NUMPY_BEYOND_AVX2,
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": _NUMBA_AVX2,
    },
    "SSE4.1": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "NPY_DISABLE_CPU_FEATURES": f"{_NUMPY_BEYOND_AVX2} AVX2 FMA3 X86_V3",
        "NUMBA_CPU_NAME": "penryn",
        "NUMBA_CPU_FEATURES": _NUMBA_SSE,
    },
    # numba's code is told of no instruction set, as on a processor it does not know
    "unknown processor": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}
# what a setting says nothing about is left to the program, not to whoever runs this
_CLEARED = {"MDLCODEC_ENGINE", "MDLCODEC_CODER", "MDLCODEC_GUARD"}.union(*INSTRUCTIONS.values())


@dataclass(frozen=True)
class Setting:
    """One way to run the program."""

    name: str
    instructions: str = "all"
    threads: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    interpreter: tuple[str, ...] = (sys.executable,)


def run(setting: Setting, *arguments: str, caches: Path | None) -> subprocess.CompletedProcess[str]:
    """The finished worker. ``caches``: holds what numba compiled, a folder for each interpreter and set of
    instructions; None leaves it to numba where all instructions are allowed."""
    environment = {name: value for name, value in os.environ.items() if name not in _CLEARED}
    environment |= {"OMP_NUM_THREADS": str(setting.threads), "NUMBA_NUM_THREADS": str(setting.threads)}
    environment["OMP_WAIT_POLICY"] = "passive"  # threads that spin would stop each other on a busy machine
    environment |= INSTRUCTIONS[setting.instructions] | setting.environment
    if caches is not None:
        folder = "".join(
            c if c.isalnum() else "-" for c in " ".join([*setting.interpreter, setting.instructions])
        )
        environment["NUMBA_CACHE_DIR"] = str(caches / folder[-100:])
    command = [*setting.interpreter, "-W", "ignore::ImportWarning", str(_WORKER)]
    return subprocess.run(
        [*command, *arguments, *setting.arguments], env=environment, capture_output=True, text=True
    )
