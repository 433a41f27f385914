"""Files with one thing wrong, put together field by field (refused_cases.py)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import text_cases
import two_part_cases
from label_sets import blobs, images

from mdlcodec import data
from mdlcodec.codes.sent_weights import tensors_of
from mdlcodec.codes.two_part import TwoPartPayload
from mdlcodec.container import KIND_TEXT, index_digest, label_digest, text_digest, write_frame
from mdlcodec.container.frame import signed, unsigned
from mdlcodec.data.tensor import Tensor
from mdlcodec.descriptions.tensors.network_section import encode_network
from mdlcodec.entropy import RangeEncoder, integer_frequencies
from mdlcodec.mixing.logistic import HALF, INTEGER_SLOTS, BitEncoder, code_adaptive, code_even, code_integer

N, K = 9, 3
X, PICTURES = blobs(N, K)[0], images(N, 32)[0]
COLOURED = np.stack([PICTURES] * 3, -1)
CLASSES = np.arange(N) % K
COLUMNS = 10  # of the features of X: its standard scores and its ranks


@cache
def digest_of(pictures: bool = False, coloured: bool = False) -> bytes:
    """The four bytes that say which inputs."""
    x = COLOURED if coloured else PICTURES if pictures else X
    return data.from_arrays(x, None).inputs.digest[:4]


def uniform_payload(k: int = K, classes: np.ndarray = CLASSES) -> bytes:
    """What the uniform code writes."""
    encoder = RangeEncoder()
    encoder.encode(classes.astype(np.int32), integer_frequencies(np.full((len(classes), k), 1.0 / k)))
    return encoder.finish()


def text(
    *,
    first: int = 0x05,
    net: bytes = b"\0",
    n: bytes = unsigned(4),
    more: bytes = b"",
    digest: bytes = text_digest(b"text"),
    payload: bytes = b"text",
) -> bytes:
    """A text file, whole but for what is said; ``more``: the seed."""
    return write_frame(KIND_TEXT, bytes([first]) + net + n + more + digest + payload)


def two_part_text(change: dict[str, np.ndarray | None], more: bytes = b"", cut: int = 0, n: int = 4) -> bytes:
    """A text file of the two-part code whose network lacks or has other tensors; ``more`` follows the network in
    its section, ``cut`` bytes of the file's payload are missing."""
    weights = text_cases.some_network("transformer-small", 0, 0.01) | change
    weights = {name: array for name, array in weights.items() if array is not None}
    section = encode_network(tensors_of(weights)) + more
    payload = unsigned(len(section)) + section
    return text(first=0x25, net=b"\5", n=unsigned(n), payload=payload[: len(payload) - cut])


def labels(
    *,
    first: int = 0x05,
    net: bytes = b"\0",
    form: bytes = b"\4",
    n: bytes = unsigned(N),
    k: bytes = unsigned(K),
    more: bytes = b"",
    pictures: bool = False,
    coloured: bool = False,
    label_digest: bytes = label_digest(CLASSES),
    input_digest: bytes | None = None,
    payload: bytes | None = None,
    kind: int = 0,
) -> bytes:
    """A label file, whole but for what is said; ``more``: seed, own net, values and column."""
    inputs = digest_of(pictures, coloured) if input_digest is None else input_digest
    payload = uniform_payload() if payload is None else payload
    return write_frame(
        kind, first.to_bytes(1, "big") + net + form + n + k + more + inputs + label_digest + payload
    )


def valued(dtype: int, section: bytes, k: int = K, payload: bytes | None = None) -> bytes:
    """A file of the uniform code with a values section."""
    classes = np.arange(N) % max(k, 1)
    payload = uniform_payload(k, classes) if payload is None else payload
    form = bytes([0x80 | dtype])
    return labels(form=form, k=unsigned(k), more=section, label_digest=label_digest(classes), payload=payload)


def plain(dtype: int, k: int) -> bytes:
    """A file of the uniform code of n = 300 without values."""
    classes = np.arange(300) % k
    return labels(
        form=bytes([dtype]), n=unsigned(300), k=unsigned(k), label_digest=label_digest(classes), payload=b""
    )


def reals(
    grid: bytes,
    *,
    first: int = 0x05,
    net: bytes = b"\0",
    form: bytes = b"\x0b",
    payload: bytes = b"",
    low: int = 0,
) -> bytes:
    """A file of n real numbers that all have the lowest index."""
    held = index_digest(np.full(N, low, np.int64))
    return labels(
        first=first, net=net, form=form, k=b"", more=grid, label_digest=held, payload=payload, kind=2
    )


def grid(
    first: int = 0,
    low: int = 0,
    size: int = 3,
    *,
    step: int | None = None,
    scale: tuple[int, int] | None = None,
) -> bytes:
    """A grid section; ``step`` and ``scale`` are stored where they are given."""
    head = bytes([first | 0x40 * (step is not None) | 0x80 * (scale is not None)])
    middle = b"" if step is None else unsigned(step)
    return (
        head
        + middle
        + signed(low)
        + unsigned(size)
        + (b"" if scale is None else signed(scale[0]) + signed(scale[1]))
    )


def checked(framed: bytes) -> bytes:
    """What has no checksum yet, with its own."""
    return framed + zlib.crc32(framed).to_bytes(4, "little")


def flipped(blob: bytes, place: int) -> bytes:
    """The same with one bit of one byte changed."""
    changed = bytearray(blob)
    changed[place] ^= 1
    return bytes(changed)


def sized(content: bytes) -> bytes:
    """Its size before it."""
    return unsigned(len(content)) + content


def compressed(content: bytes, window: int = 20, more: int = 0) -> bytes:
    """A zstandard frame without its magic number, with a window of 2^window bytes: the content in a block as it is,
    then so many blocks of 2^17 zero bytes each."""
    blocks = [(content, len(content), 0), *[(b"\0", 1 << 17, 1)] * more]
    framed = bytes([0, (window - 10) << 3])
    for i, (held, size, kind) in enumerate(blocks):
        framed += (size << 3 | kind << 1 | (i == len(blocks) - 1)).to_bytes(3, "little") + held
    return framed


# payloads of codes that transmit a network


@cache
def small_network() -> dict[str, np.ndarray]:
    """Of lenet-300-100 for X and K, with widths of 3 and 2."""
    return two_part_cases.network("lenet-300-100", (COLUMNS,), K, (3, 2))


def two_part(
    tensors: Sequence[Tensor], *, net: int = 5, pictures: bool = False, values: str | None = None
) -> bytes:
    """A file of the two-part code with those tensors, and labels of no bytes."""
    payload = TwoPartPayload(encode_network(tensors, values=values), 0x9F, b"").written()
    return labels(first=0x25, net=bytes([net]), pictures=pictures, payload=payload)


def changed(name: str, value: np.ndarray) -> list[Tensor]:
    """The small network with another tensor of that name."""
    return tensors_of(small_network() | {name: value})


def subspace(payload: bytes) -> bytes:
    """A file of the subspace code."""
    return labels(first=0x45, net=b"\5", payload=payload)


def variational(first: int, count: int, prior: bytes, rest: bytes = bytes(3)) -> bytes:
    """A file of the variational code, of narrow-mlp: 10 * 32 + 32 + 32 * 3 + 3 = 451 weights in 4 tensors."""
    return labels(first=0x55, net=b"\x08", payload=bytes([first]) + unsigned(count) + prior + rest)


def variance(value: float) -> bytes:
    """Four bytes."""
    return struct.pack("<f", value)


def zeros(*shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Tensors of zeros, float32, by number."""
    return {str(i): np.zeros(shape, np.float32) for i, shape in enumerate(shapes)}


def negative_variance() -> list[Tensor]:
    """vgg16 for PICTURES, of one unit a layer, whose fourth normalisation has a running variance of -1."""
    network = two_part_cases.network("vgg16", (*PICTURES.shape[1:], 1), K, (1,) * 14)
    ones = {n: np.ones_like(v) for n, v in network.items() if n.endswith("running_var")}
    return tensors_of(network | ones | {"bn4.running_var": -np.ones(1, np.float32)})


def infinite_scores() -> list[Tensor]:
    """The small network with weights so large that its scores overflow."""
    return tensors_of({name: np.full_like(array, 3e38) for name, array in small_network().items()})


def one_output() -> list[Tensor]:
    """The small network with one output."""
    return tensors_of(two_part_cases.network("lenet-300-100", (COLUMNS,), 1, (3, 2)))


def large_coordinate() -> bytes:
    """The coordinates of one that is 32,768."""
    encoder, slots = BitEncoder(), np.full(16 + INTEGER_SLOTS, HALF, np.uint32)
    coding = encoder.coding(200)
    for magnitude in range(16):
        code_adaptive(coding, slots, magnitude, 1)
    code_integer(coding, slots, 16, 32768 - 16)
    code_even(coding, 1, 0)
    return encoder.finish()


# the fields up to the indices, of two blocks of 12 bits for narrow-mlp
SENT = bytes([2 << 5 | 12]) + unsigned(2) + bytes([168, 150, 168, 150]) + b"\x12\x34\x56"


def sampled(*, net: bytes = b"\x08", shape: tuple[int, ...] = (10,), k: int = 3, sent: bytes = SENT) -> bytes:
    """A file of a network as a sample; ``net``: with seed and own net."""
    body = net + unsigned(len(shape)) + b"".join(map(unsigned, shape)) + unsigned(k) + sent
    return write_frame(3, body)
