"""Batches of matrix products of the int16 engine: rows are read where they lie, columns are packed into panels."""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.engines.int16.microkernel import LANES, ROWS
from mdlcodec.exact.engines.int16.operands import packed_rows
from mdlcodec.exact.engines.int16.products import WIDE, patch_products
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import VALUE, in_parts, part_size


@njit(cache=True, nogil=True)
def _pack(integers, panels, first, last):
    """Matrices first..last of (B, K, N), int16, as digits in panels (B, panels, K / 2, WIDE)."""
    for i in range(first, last):
        packed_rows(integers[i], panels[i])


@njit(cache=True, nogil=True)
def _pack_shared(job, count, each, *arguments):
    return share(job, *entry(_pack, arguments), count, each)


def panels_of(integers: np.ndarray) -> np.ndarray:
    """Two-digit integers int16 (B, K, N), K even -> panels int32 (B, panels, K / 2, WIDE)."""
    batch, length, columns = integers.shape
    panels = np.empty((batch, -(-columns // LANES), length // 2, WIDE), np.int32)
    each = part_size(batch, 1, panels.size * VALUE)
    in_parts(_pack, _pack_shared, (integers, panels), batch, each)
    return panels


@njit(cache=True, nogil=True)
def _multiply(rows, panels, scales, out, first, last):
    """Products first..last of rows (B, M, K), int16, and panels, in out (B, M, N); scales: float64 (B, M)."""
    _, count, length = rows.shape
    offsets = 4 * np.arange(length // 2)
    addresses, scale_of = np.empty(count + ROWS, np.int64), np.zeros(count + ROWS, np.float64)
    # the sum with -0.0 is the other term itself
    bias = np.full(panels.shape[1] * LANES, -0.0, np.float32)
    for i in range(first, last):
        start = np.int64(rows[i].ctypes.data)
        for m in range(count + ROWS):
            addresses[m] = start + 2 * length * min(m, count - 1)
        scale_of[:count] = scales[i]
        patch_products(addresses, offsets, panels[i], True, scale_of, bias, out[i], 0, count)


@njit(cache=True, nogil=True)
def _multiply_shared(job, count, each, *arguments):
    return share(job, *entry(_multiply, arguments), count, each)


def multiplied(rows: np.ndarray, panels: np.ndarray, columns: int, scales: np.ndarray) -> np.ndarray:
    """Two-digit integers int16 (B, M, K), panels of (B, K, N), scales float64 (B, M) -> float32 (B, M, N)."""
    batch, count, length = rows.shape
    out = np.empty((batch, count, columns), np.float32)
    if count and columns:
        each = part_size(batch, 1, 2 * batch * count * length * columns)
        in_parts(_multiply, _multiply_shared, (rows, panels, scales, out), batch, each)
    return out
