"""Engines: interchangeable ways to multiply block integers exactly. They differ in speed, never in a byte.

Adding an engine is one new file and one line in ``_MAKERS``.
"""

from collections.abc import Callable, Iterator, Mapping

from mdlcodec.exact.engines.contract import Engine
from mdlcodec.exact.engines.float64 import Float64Matrices
from mdlcodec.exact.engines.int8 import Int8Matrices
from mdlcodec.exact.engines.matrix import MatrixEngine


def _int16() -> Engine:
    # imported when it is asked for: it is made of LLVM's instructions, and may not work on every machine
    from mdlcodec.exact.engines.int16.engine import Int16Engine

    return Int16Engine()


_MAKERS: dict[str, Callable[[], Engine]] = {
    "int16": _int16,
    "int8": lambda: MatrixEngine(Int8Matrices()),
    "float64": lambda: MatrixEngine(Float64Matrices()),
}


class _Engines(Mapping[str, Engine]):
    """Engines by name, the fastest first, each made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Engine] = {}

    def __getitem__(self, name: str) -> Engine:
        if name not in self._made:
            self._made[name] = _MAKERS[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_MAKERS)

    def __len__(self) -> int:
        return len(_MAKERS)


ENGINES: Mapping[str, Engine] = _Engines()

__all__ = ["ENGINES", "Engine"]
