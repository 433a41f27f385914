"""Values as ranks in a codebook, each at the same number of bits (formats/network.md, "Values").

A code in which all networks with one pruning pattern and codebooks of one length are equally long, as Zhou et
al. 2018, Theorem 5.1, needs it.
"""

from __future__ import annotations

import dataclasses

from mdlcodec.compiled import njit
from mdlcodec.data.tensor import DType
from mdlcodec.descriptions.tensors.description import Descriptions
from mdlcodec.descriptions.tensors.values import codebook
from mdlcodec.descriptions.tensors.values.plan import Header, Plan
from mdlcodec.mixing.logistic import code_even

NUMBER = 3
NAME = "fixed"

header_of = codebook.header_of


def code_plan(descriptions: Descriptions, header: Header | None, dtype: DType, nonzeros: int) -> Plan:
    """Code the header, and make the plan of it; CorruptFile for a header that no tensor has."""
    plan = codebook.code_plan(descriptions, header, dtype, nonzeros)
    return dataclasses.replace(plan, even=True)


@njit(cache=True)
def code_ranks(coding, bits, ranks, start, stop):  # type: ignore[no-untyped-def]
    """Code ranks int64 (n,), from start to stop, at `bits` bits each."""
    for i in range(start, stop):
        ranks[i] = code_even(coding, bits, ranks[i])
