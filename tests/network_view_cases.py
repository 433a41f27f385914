"""Tensors whose sections are golden: views, links, names and types of formats/network.md that no encoder may take.

tests/golden/good/network_views/NAME.section. The values are stated here, no generator is trusted for them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from section_writer import Chosen, section_of

from mdlcodec.data.tensor import DTYPES, Tensor
from mdlcodec.descriptions.tensors.positions import CSR, DENSE, EMPTY, SIGNIFICANCE
from mdlcodec.descriptions.tensors.tensor_coder import PositionChoice
from mdlcodec.descriptions.tensors.view import PLAIN, View

GOLDEN = Path(__file__).parent / "golden" / "good" / "network_views"


def sparse(shape: tuple[int, ...], factor: int, modulus: int = 13) -> np.ndarray:
    """float32 with denser and emptier rows and columns, a few values of either sign."""
    at = np.indices(shape).astype(np.int64)
    mixed = sum((factor + 2 * axis) * index * (index + axis) for axis, index in enumerate(at))
    return np.where(mixed % modulus < 4, (mixed % 7 - 3) / np.float32(4), np.float32(0)).astype(np.float32)


def _significance(
    name: str, array: np.ndarray, view: View = PLAIN, links: tuple[int, int] = (0, 0)
) -> Chosen:
    return Chosen(Tensor.of(name, array), PositionChoice(SIGNIFICANCE, view, links), "codebook")


def orders() -> list[Chosen]:
    """Every order of tensors of two to five axes, by each tool that looks at positions, and dense."""
    chosen = []
    for axes, shape in enumerate([(7, 9), (5, 6, 4), (2, 3, 4, 5), (2, 3, 2, 3, 4)], 2):
        for order in range(4):
            chosen.append(_significance(f"a{axes}.{order}", sparse(shape, axes + order), View(order)))
    for order in range(1, 4):
        array = sparse((4, 3, 5), order, 11)
        chosen.append(Chosen(Tensor.of(f"csr.{order}", array), PositionChoice(CSR, View(order)), "raw"))
        array = np.where(array == 0, np.float32(-2), array)
        chosen.append(Chosen(Tensor.of(f"dense.{order}", array), PositionChoice(DENSE, View(order)), "raw"))
    return chosen


def splits() -> list[Chosen]:
    """Axis b split into (b, height, width), of heights and widths that differ; 1 is one of them too."""
    views = [
        (0, 2, 3),
        (0, 3, 2),
        (0, 1, 8),
        (0, 24, 1),
        (1, 2, 1),
        (1, 1, 3),
        (2, 3, 2),
        (3, 4, 6),
        (3, 2, 2),
    ]
    chosen = [
        _significance(f"s{order}.{height}.{width}", sparse((6, 24), i + 1), View(order, height, width))
        for i, (order, height, width) in enumerate(views)
    ]
    csr = PositionChoice(CSR, View(0, 2, 4))
    return [*chosen, Chosen(Tensor.of("csr", sparse((6, 24), 4)), csr, "fixed")]


def links() -> list[Chosen]:
    """Links to either axis, near and far, to what is empty, dense, in rows, viewed, split, and without elements."""
    first = sparse((9, 14), 3)
    first[4], first[:, 5], first[6] = 0, 0, 1
    empty, none = np.zeros((9, 14), np.float32), np.zeros((0, 9), np.float32)
    dense = np.ones((14, 9), np.float32)
    return [
        _significance("first", first),
        _significance("other way", sparse((14, 9), 2), links=(2, 1)),
        _significance("far", sparse((9, 14), 5), links=(3, 4)),
        Chosen(Tensor.of("empty", empty), PositionChoice(EMPTY)),
        _significance("to empty", sparse((9, 14), 4), links=(1, 2)),
        Chosen(Tensor.of("none", none), PositionChoice(EMPTY)),
        _significance("b alone", sparse((6, 9), 1), links=(0, 2)),
        Chosen(Tensor.of("dense", dense), PositionChoice(DENSE, View(1)), "raw"),
        _significance("to dense", sparse((9, 14), 1), links=(1, 2)),
        Chosen(Tensor.of("rows", first.T.copy()), PositionChoice(CSR, View(0)), "raw"),
        _significance("to rows, viewed", sparse((2, 3, 9, 14), 6), View(2), links=(1, 2)),
        _significance("to viewed", sparse((14, 9), 7), View(1, 7, 1), links=(2, 0)),
        _significance("to split", sparse((3, 9), 2), PLAIN, links=(0, 1)),
        _significance("to the first", sparse((14, 9), 8), View(1), links=(25, 26)),
        Chosen(
            Tensor.of("one axis", first[:, 3].copy()), PositionChoice(SIGNIFICANCE, PLAIN, (27, 0)), "raw"
        ),
    ]


def names() -> list[Chosen]:
    """A word again 1,024 places after it was first there, and another 1,025 places after it was."""
    return [
        Chosen(Tensor.of(name, np.zeros(0, np.uint8)), PositionChoice(EMPTY))
        for name in (
            "kjxq.zwvy.hgd",
            "q" * (1024 - 15),
            "kjxq.zwvy.hgd!",
            "PMLO/RTBU/CEA",
            "w" * (1025 - 15),
            "PMLO/RTBU/CEA?",
        )
    ]


def extents() -> list[Chosen]:
    """Shapes that are what is expected, or not, after the last tensors of two and of three axes and more."""
    shapes = [(), (3,), (4, 3), (4,), (5, 4, 2), (5,), (2, 4), (6, 2, 2, 7), (3, 6, 2, 7), (6,), (3,), (9, 3)]
    shapes += [(1, 9, 2, 7, 3), (9,), (2, 1, 5, 7), (2, 2, 2), (70, 1), (1, 70), (70,), (0, 1), (1, 0), (0,)]
    return [
        Chosen(Tensor.of(f"{i}", np.zeros(shape, np.int8)), PositionChoice(EMPTY))
        for i, shape in enumerate(shapes)
    ]


def types() -> list[Chosen]:
    """Every element type by every value tool that it has, with the least and the largest patterns."""
    chosen = []
    i = np.arange(36, dtype=np.uint64)
    spread = i * np.uint64(0x9E3779B97F4A7C15)
    for dtype in DTYPES:
        largest = 1 if dtype.name == "BOOL" else 2**dtype.bits - 1
        patterns = np.where(i % 3 == 1, 0, spread >> np.uint64(64 - dtype.bits)).astype(np.uint64)
        patterns[:6] = largest, 1, 0, largest >> 1, (largest >> 1) + 1, largest - 1
        few = patterns[np.arange(36) % 9]
        position = PositionChoice(SIGNIFICANCE, View(1))
        for tool, held in (("raw", patterns), ("codebook", few), ("fixed", few)):
            array = np.minimum(held, largest).astype(dtype.pattern).reshape(4, 9)
            chosen.append(Chosen(Tensor(f"{dtype.name} {tool}", dtype, array), position, tool))
    steps = sparse((4, 9), 5) * 4
    for kind in (np.float64, np.float32, np.float16):
        for sign, values in (("both", steps), ("above", abs(steps)), ("below", -abs(steps))):
            held = Tensor.of(f"{np.dtype(kind).name} {sign}", values.astype(kind) * kind(0.3))
            chosen.append(Chosen(held, PositionChoice(CSR, View(1)), "step"))
    return chosen


def models() -> list[Chosen]:
    """Heads of four bits by the tools raw and codebook in turn, which have models of their own."""
    dtype = DTYPES[13]
    patterns = (np.arange(90, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(57)).astype(
        np.uint8
    )
    held = np.where(patterns % 3 == 0, 0, patterns % 16 * 8 + 1).astype(np.uint8).reshape(9, 10)
    position = PositionChoice(SIGNIFICANCE)
    tools = ("raw", "codebook", "raw", "codebook")
    return [Chosen(Tensor(f"{i}", dtype, np.roll(held, i)), position, tool) for i, tool in enumerate(tools)]


def far() -> list[Chosen]:
    """1.6 million zeros, then a kernel of ones: what a mixture is given differs by more than 3071."""
    array = np.zeros((2, 1, 1000, 1600), np.uint8)
    array[1, 0, :2] = 1
    array[1, 0, 1, ::7] = 0
    return [Chosen(Tensor.of("f", array), PositionChoice(SIGNIFICANCE), "fixed")]


CASES = {f.__name__: f for f in (orders, splits, links, names, extents, types, models, far)}

SLOW = {"far"}  # seconds: receiver_worker.py and bench/second_decoder.py decode it


def section(name: str) -> bytes:
    """The bytes of a golden section."""
    return section_of(CASES[name]())
