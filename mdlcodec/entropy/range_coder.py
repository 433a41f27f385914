"""The range coder: symbols under integer frequencies to the shortest bytes that decode, and back.

Specified in formats/labels.md. Two interchangeable backends write and read the very same bytes: constriction
where it is installed, else the numba coder; the environment variable MDLCODEC_CODER (constriction or numba)
or the argument `backend` decides otherwise.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mdlcodec.entropy.frequencies import MAX_CLASSES
from mdlcodec.entropy.numba_coder import NumbaDecoder, NumbaEncoder
from mdlcodec.errors import BadData
from mdlcodec.saved import Saved

BACKENDS = ("constriction", "numba")


class _Encoder(Protocol):
    def encode_symbol(self, symbol: int, frequencies: npt.NDArray[np.uint32]) -> bool: ...
    def encode(self, symbols: npt.NDArray[np.int32], frequencies: npt.NDArray[np.uint32]) -> bool: ...
    def interval(self) -> tuple[bytes, int, int]: ...


class _Decoder(Protocol):
    @property
    def intact(self) -> bool: ...
    def decode_symbol(self, frequencies: npt.NDArray[np.uint32]) -> int: ...
    def decode(self, frequencies: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]: ...


class RangeEncoder:
    """Codes symbols into bytes.

    backend: "constriction", "numba", or None for MDLCODEC_CODER or else what is installed. BadData is raised
    for a backend that is unknown or not installed.
    """

    def __init__(self, backend: str | None = None) -> None:
        self._coder: _Encoder
        if _chosen(backend) == "constriction":
            from mdlcodec.entropy.constriction_coder import ConstrictionEncoder

            self._coder = ConstrictionEncoder()
        else:
            self._coder = NumbaEncoder()

    def encode_symbol(self, symbol: int, frequencies: npt.NDArray[np.uint32]) -> None:
        """Code one symbol in 0..k-1 with frequencies uint32 (k,), each at least 1, summing to 2^24.

        ValueError if the symbol or the frequencies are not that.
        """
        if not self._coder.encode_symbol(symbol, frequencies):
            raise ValueError(_complaint(frequencies.shape))

    def encode(self, symbols: npt.ArrayLike, frequencies: npt.NDArray[np.uint32]) -> None:
        """Code symbols int32 (m,) in order, the i-th with row i of frequencies uint32 (m, k).

        ValueError, and nothing coded, if a symbol or a row is not codable; see encode_symbol.
        """
        symbols = np.ascontiguousarray(symbols, dtype=np.int32)
        frequencies = _rows(frequencies)
        if symbols.shape != frequencies.shape[:1] or not self._coder.encode(symbols, frequencies):
            raise ValueError(_complaint(frequencies.shape))

    def saved(self) -> dict[str, np.ndarray]:
        """All that was coded; of the numba backend alone."""
        assert isinstance(self._coder, NumbaEncoder)
        return self._coder.saved()

    def restore(self, saved: Saved, symbols: int) -> None:
        """Goes on after so many symbols; of the numba backend alone. Raises CorruptFile for a damaged state."""
        assert isinstance(self._coder, NumbaEncoder)
        self._coder.restore(saved, symbols)

    def finish(self) -> bytes:
        """The shortest byte string that, followed by zeros, decodes to the symbols coded so far.

        Does not end the coder: calling it again, or coding on, is allowed.
        """
        return shortest_bytes(*self._coder.interval())


class RangeDecoder:
    """Decodes what a RangeEncoder wrote. Any bytes decode to some symbols in range, without an exception."""

    def __init__(self, data: bytes, backend: str | None = None) -> None:
        padded = data + bytes(-len(data) % 4)
        words = np.frombuffer(padded, dtype=">u4").astype(np.uint32)
        self._coder: _Decoder
        if _chosen(backend) == "constriction":
            from mdlcodec.entropy.constriction_coder import ConstrictionDecoder

            self._coder = ConstrictionDecoder(words)
        else:
            self._coder = NumbaDecoder(words)

    def saved(self) -> dict[str, np.ndarray]:
        """Where it stands in the data; of the numba backend alone."""
        assert isinstance(self._coder, NumbaDecoder)
        return self._coder.saved()

    def restore(self, saved: Saved) -> None:
        """Goes on in the same data; of the numba backend alone. Raises CorruptFile for a damaged state."""
        assert isinstance(self._coder, NumbaDecoder)
        self._coder.restore(saved)

    @property
    def intact(self) -> bool:
        """False once the data has proved damaged; every later symbol is then the last class."""
        return self._coder.intact

    def decode_symbol(self, frequencies: npt.NDArray[np.uint32]) -> int:
        """Next symbol, in 0..k-1, under frequencies uint32 (k,), each at least 1, summing to 2^24."""
        return self._coder.decode_symbol(frequencies)

    def decode(self, frequencies: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:
        """Next m symbols, int32 (m,), under the rows of frequencies uint32 (m, k)."""
        return self._coder.decode(_rows(frequencies))


def shortest_bytes(head: bytes, lower: int, size: int) -> bytes:
    """Shortest string of bytes whose value, zeros following, lies in [lower, lower + size) behind head.

    The value is a binary fraction; its last 64 bits are those of lower and size (2^32 <= size < 2^64).
    """
    low = int.from_bytes(head, "big") << 64 | lower
    # 256^whole <= size: some multiple of 256^whole is inside. Of 256^(whole + 1) there is one at most, and if
    # it is there, then no other value inside ends in more zero bytes.
    whole = (size.bit_length() - 1) // 8
    for zero_bytes in (whole + 1, whole):
        step = 1 << 8 * zero_bytes
        value = -(-low // step) * step
        if value < low + size:
            break
    return value.to_bytes(len(head) + 8, "big").rstrip(b"\0")


def _rows(frequencies: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    if frequencies.ndim != 2 or frequencies.dtype != np.uint32:
        raise ValueError(f"frequencies must be uint32 (m, k), not {frequencies.dtype} {frequencies.shape}")
    return np.ascontiguousarray(frequencies)


def _complaint(shape: tuple[int, ...]) -> str:
    return (
        f"cannot code with frequencies of shape {shape}: one row a symbol, each entry at least 1, each row "
        f"summing to 2^24, at most {MAX_CLASSES} classes, symbols in 0..k-1"
    )


def _chosen(backend: str | None) -> str:
    if backend is None:
        backend = os.environ.get("MDLCODEC_CODER") or None
    installed = importlib.util.find_spec("constriction") is not None
    if backend is None:
        return "constriction" if installed else "numba"
    if backend not in BACKENDS:
        raise BadData(f"unknown range coder {backend!r}: MDLCODEC_CODER must be constriction or numba")
    if backend == "constriction" and not installed:
        raise BadData("MDLCODEC_CODER is constriction, which is not installed: install it, or choose numba")
    return backend
