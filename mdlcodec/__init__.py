"""mdlcodec: labels as small files, coded with neural networks that the decoder trains again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdlcodec.errors import MdlcodecError

if TYPE_CHECKING:
    import numpy as np

__version__ = "0.1.0"

__all__ = ["MdlcodecError", "decode", "encode", "inspect"]


def encode(
    x: object,
    y: object,
    *,
    code: str = "prequential",
    net: str = "auto",
    seed: int = 0,
    preset: int | None = None,
    device: str = "auto",
    max_steps: int | None = None,
    max_memory: int | None = None,
) -> bytes:
    """The bytes of a file that holds the labels y of the inputs x.

    Args:
        x: (n, ...) numbers; (n, h, w) and (n, h, w, channels) are images, anything else columns.
        y: (n,) integers, bools, floats or strings.
        code, net: by name; see ``mdlcodec encode --help``.
        seed: of the network's random numbers, 0..2^64-1.
        preset: 1 (seconds) to 9 (hours); None is the program's default.
        device: where networks compute: cpu, cuda, cuda:N, or auto, which is the CPU; the bytes are the same.
        max_steps, max_memory: limits (memory in bytes); None are the program's defaults.

    Raises:
        MdlcodecError: BadData for arguments that cannot be used, LimitExceeded (both in mdlcodec.errors).
    """
    from mdlcodec import data, labels

    blob, _ = labels.encode(
        data.from_arrays(x, y),
        code=code,
        net=net,
        preset=preset,
        seed=seed,
        device=device,
        limits=labels.Limits.given(max_steps, max_memory),
    )
    return blob


def decode(
    blob: bytes,
    x: object,
    *,
    device: str = "auto",
    max_steps: int | None = None,
    max_memory: int | None = None,
) -> np.ndarray:
    """The labels in a file, (n,) with the dtype and values they were encoded from.

    Args:
        blob: the file's bytes (bytes, bytearray, memoryview or an array of bytes).
        x: the inputs that the labels were encoded with.
        device: where networks compute: cpu, cuda, cuda:N, or auto, which is the CPU.
        max_steps, max_memory: limits (memory in bytes); None are the program's defaults.

    Raises:
        MdlcodecError: BadData for arguments that cannot be used, CorruptFile, WrongInputs, Unsupported,
            LimitExceeded (all in mdlcodec.errors).
    """
    from mdlcodec import labels

    found, _ = labels.decode(
        labels.parse(blob),
        labels.inputs_of(x),
        device=device,
        limits=labels.Limits.given(max_steps, max_memory),
    )
    return found.array()


def inspect(blob: bytes) -> dict[str, object]:
    """What a file says of itself: code, net, labels, classes, seed, sizes of its sections in bytes, ...

    Raises:
        MdlcodecError: BadData, CorruptFile, Unsupported (all in mdlcodec.errors).
    """
    from mdlcodec import labels

    return labels.inspect(blob)
