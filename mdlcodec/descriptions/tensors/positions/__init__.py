"""Which elements of a tensor are not zero: the position tools, by the numbers that the file gives them.

Two of them need no bits: no element is other than zero, or every one is.
"""

from mdlcodec.descriptions.tensors.positions import csr, significance

EMPTY, DENSE, CSR, SIGNIFICANCE = 0, 1, csr.NUMBER, significance.NUMBER
POSITION_TOOLS = {EMPTY: "empty", DENSE: "dense", CSR: csr.NAME, SIGNIFICANCE: significance.NAME}
