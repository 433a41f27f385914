"""mdlcodec: labels, and trained networks, as small files that decode to the same bits on any machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdlcodec.errors import MdlcodecError
from mdlcodec.exact.processor_state import entry

if TYPE_CHECKING:
    import os

    import numpy as np

    from mdlcodec.nn import Graph

__version__ = "0.1.0"

__all__ = ["MdlcodecError", "decode", "encode", "inspect", "pack", "register", "unpack"]


@entry
def encode(
    x: object,
    y: object,
    *,
    code: str = "auto",
    net: str = "auto",
    seed: int = 0,
    preset: int | None = None,
    device: str = "auto",
    sparsify: str | None = None,
    bits: int | None = None,
    dimension: int | None = None,
    prior: float | None = None,
    target: str = "auto",
    precision: str | float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    max_work: int | None = None,
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
        sparsify, bits: for code="two-part", how its network becomes sparse, and the size of its codebooks.
        dimension: for code="subspace", of the random subspace; prior: for code="variational", the variance of
            the prior over weights. None is the code's own choice.
        target: what the labels are taken as: "classes"; "reals", which are numbers on a line; or "auto", where
            floats are reals if their different values are more than 20 and more than a quarter of the examples.
        precision: of reals: they become the nearest multiples of it, such as "0.01"; None keeps every bit.
        checkpoint: path of a file in which the state is kept, and from which the same call goes on after it was
            ended; it is removed at the end.
        max_work, max_memory: limits, in operations and in bytes; None are what the preset asks for, and 8 GiB.

    Raises:
        MdlcodecError: BadData for arguments that cannot be used, LimitExceeded (both in mdlcodec.errors).
    """
    from mdlcodec import data
    from mdlcodec.codes import Options
    from mdlcodec.files import labels
    from mdlcodec.files.checkpoints import CheckpointFile
    from mdlcodec.limits import Limits, readers_within

    held = None if checkpoint is None else CheckpointFile(checkpoint)
    limits = Limits.of_sender(max_work, max_memory)
    with readers_within(limits.memory):
        dataset = data.from_arrays(x, y, data.Choice.given(target, precision))
    blob, _ = labels.encode(
        dataset,
        code=code,
        net=net,
        preset=preset,
        seed=seed,
        device=device,
        options=Options(sparsify, bits, dimension, prior),
        limits=limits,
        checkpoint=held,
    )
    if held is not None:
        held.finish()
    return blob


@entry
def decode(
    blob: bytes,
    x: object,
    *,
    device: str = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    max_work: int | None = None,
    max_memory: int | None = None,
) -> np.ndarray:
    """The labels in a file, (n,) with the dtype and values they were encoded from; bfloat16 as float32.

    Args:
        blob: the file's bytes (bytes, bytearray, memoryview or an array of bytes).
        x: the inputs that the labels were encoded with.
        device: where networks compute: cpu, cuda, cuda:N, or auto, which is the CPU.
        checkpoint: as for ``encode``.
        max_work, max_memory: limits, in operations and in bytes; None are the program's defaults.

    Raises:
        MdlcodecError: BadData for arguments that cannot be used, CorruptFile, WrongInputs, Unsupported,
            LimitExceeded (all in mdlcodec.errors).
    """
    from mdlcodec.files import label_file, label_inputs, labels
    from mdlcodec.files.checkpoints import CheckpointFile
    from mdlcodec.limits import Limits

    held = None if checkpoint is None else CheckpointFile(checkpoint)
    decoded, _ = labels.decode(
        label_file.parse(blob),
        label_inputs.inputs_of(x),
        device=device,
        limits=Limits.given(max_work, max_memory),
        checkpoint=held,
    )
    if held is not None:
        held.finish()
    return decoded.array()


@entry
def pack(weights: object) -> bytes:
    """The bytes of a network file that holds weights, every bit of them.

    Args:
        weights: a dict of numpy arrays or torch tensors by name (a state dict, for one): booleans, integers
            or floats (float64, float32, float16, bfloat16) of any shape.

    Raises:
        MdlcodecError: BadData for weights that cannot be held (in mdlcodec.errors).
    """
    from mdlcodec.files import networks

    return networks.pack(networks.tensors_of(weights))[0]


@entry
def unpack(
    blob: bytes, *, max_work: int | None = None, max_memory: int | None = None
) -> dict[str, np.ndarray]:
    """The weights in a network file, or in a file of labels coded with a two-part code, by name.

    bfloat16 and floats of eight bits, which numpy has not, come back as float32 of the same values; all else with
    the dtype, shape and bits that it had.

    Args:
        blob: the file's bytes (bytes, bytearray, memoryview or an array of bytes).
        max_work, max_memory: limits, in operations and in bytes; None are the program's defaults.

    Raises:
        MdlcodecError: BadData for a file without a network, CorruptFile, Unsupported, LimitExceeded (all in
            mdlcodec.errors).
    """
    from mdlcodec.files import label_file, networks
    from mdlcodec.limits import Limits

    network = networks.unpack(label_file.as_bytes(blob), Limits.given(max_work, max_memory))
    return {tensor.name: tensor.array() for tensor in network.tensors}


@entry
def register(graph: Graph, *, name: str, version: int = 1) -> None:
    """Makes a network of one's own known, which ``net=name`` then takes in codes that transmit a network.

    Files carry the name and the version: whoever decodes them registers the same graph first, or installs a package
    with an entry point in the group ``mdlcodec.networks``, of that name, that loads a function which does.

    Args:
        graph: made with `mdlcodec.nn.Builder`; its last node is a `Linear()` whose width is left open.
        name: letters, digits, - and _, at most 64.
        version: 1 and up; another graph is another version.

    Raises:
        MdlcodecError: BadData for names that are taken, and for what is no network (in mdlcodec.errors).
    """
    from mdlcodec.nn import zoo

    zoo.register(graph, name=name, version=version)


@entry
def inspect(blob: bytes, *, max_work: int | None = None, max_memory: int | None = None) -> dict[str, object]:
    """What a file says of itself: its kind ("labels" or "network") and the sizes of its sections in bytes.

    Of labels also code, net, labels, classes, seed, ...; of a network, which has to be unpacked for it, every
    tensor with its name, dtype, shape and the ideal bits of its parts.

    Args:
        blob: the file's bytes (bytes, bytearray, memoryview or an array of bytes).
        max_work, max_memory: limits, in operations and in bytes; None are the program's defaults.

    Raises:
        MdlcodecError: BadData, CorruptFile, Unsupported, LimitExceeded (all in mdlcodec.errors).
    """
    from mdlcodec.container import is_network_file
    from mdlcodec.files import label_file
    from mdlcodec.limits import Limits

    blob, limits = label_file.as_bytes(blob), Limits.given(max_work, max_memory)
    if is_network_file(blob):
        from mdlcodec.files import networks

        return networks.inspect(blob, limits)
    return {"kind": "labels"} | label_file.inspect(blob, limits.memory)
