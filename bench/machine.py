"""What a benchmark says of the machine that it ran on."""

import os
import platform
from pathlib import Path

_FLAGS = ("sse4_1", "avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_int8")


def _field(name: str) -> str:
    """The first value of that name in Linux' list of processors; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def processor() -> str:
    """The processor's name, or its architecture where the name is not known."""
    return _field("model name") or platform.machine()


def instruction_sets() -> list[str]:
    """Of the instruction sets that this program's speed depends on, those that the processor has."""
    found = _field("flags").split()
    return [flag for flag in _FLAGS if flag in found]


def machine() -> dict[str, str | int | None]:
    """Processor and cores."""
    return {"processor": processor(), "cores": os.cpu_count()}
