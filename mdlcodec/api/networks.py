"""Networks as files, and back; networks of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdlcodec.exact.processor_state import entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from mdlcodec.nn import Graph
    from mdlcodec.report.packed import Packed


@entry
def pack(
    weights: object,
    *,
    prune: float | Mapping[str, float] | None = None,
    bits: int | Mapping[str, int] | None = None,
    step: float | None = None,
    unsigned_zeros: bool = False,
) -> Packed:
    """The bytes of a network file that holds weights, every bit of them unless something lossy is asked for.

    Args:
        weights: a dict of numpy arrays or torch tensors by name (a state dict, for one): booleans, integers
            or floats (float64, float32, float16, bfloat16) of any shape.
        prune: that fraction (0 to 1) of every tensor becomes zero, from the smallest magnitudes on.
        bits: at most 2^bits values in every tensor, one of them zero (k-means); 1 to 16.
            Both may be dicts of numbers by the names of layers ("fc1") or tensors, or by patterns ("conv*"; "*" is
            for all else): tensors that none names stay as they are.
        step: every tensor is rounded to multiples of it.
        unsigned_zeros: -0.0 becomes 0.0.

    Returns:
        bytes, which know what changed: ``changes`` has name, largest_error, root_mean_square_error, zeroed and
        nonzeros of each tensor, ``unchanged`` the names of those that lossy options leave alone, since they are no
        floats of two axes or more.

    Raises:
        MdlcodecError: BadData for weights that cannot be held, and for options out of range (in mdlcodec.errors).
    """
    from mdlcodec.files import networks
    from mdlcodec.report.packed import Packed

    lossy = None
    if (prune, bits, step) != (None, None, None):
        from mdlcodec.sender.lossy import Lossy

        lossy = Lossy(prune, bits, step)
    options = networks.Options(lossy, unsigned_zeros)
    return Packed.of(*networks.pack(networks.tensors_of(weights), options))


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
