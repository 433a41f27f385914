"""Values as they are: sign, exponent and mantissa (formats/network.md, "Values")."""

from __future__ import annotations

import numpy as np

from mdlcodec.data.tensor import DType
from mdlcodec.descriptions.tensors.description import Descriptions
from mdlcodec.descriptions.tensors.values import fields
from mdlcodec.descriptions.tensors.values.mixed import BOTH, LEVELS, POSITIVE, Shape
from mdlcodec.descriptions.tensors.values.plan import Header, Patterns, Plan
from mdlcodec.errors import CorruptFile

NUMBER = 0
NAME = "raw"


def header_of(patterns: Patterns, dtype: DType) -> Header:
    """The largest head of the patterns (n,), n >= 1."""
    return (int(fields.split(patterns, dtype)[1].max()),)


def code_plan(descriptions: Descriptions, header: Header | None, dtype: DType, nonzeros: int) -> Plan:
    """Code the header, and make the plan of it; CorruptFile for a header that no tensor has."""
    (top,) = header or (0,)
    top = descriptions.integer(5, top)
    bits = fields.head_bits(dtype)
    if top >= 1 << bits:
        raise CorruptFile("damaged: a largest value that its type does not have")
    levels = np.clip(LEVELS - 1 - top + np.arange(1 << bits), 1, LEVELS - 1).astype(np.uint8)
    return Plan(
        Shape(
            BOTH if fields.is_signed(dtype) else POSITIVE,
            bits,
            fields.tail_bits(dtype),
            np.stack([levels, levels]),
        ),
        split=lambda patterns: fields.split(patterns, dtype),
        join=lambda parts: fields.join(parts, dtype),
    )
