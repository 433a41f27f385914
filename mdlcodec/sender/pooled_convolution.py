"""Convolution followed by 2x2 max pooling, for a sender that trains small sparse networks quickly.

Ordinary float32 arithmetic: only the sender computes this, and the receiver never repeats it.
Activations are laid out as (blocks, channels, height, width, LANES): a block holds LANES examples side by
side, so that every product runs over contiguous memory and a weight that is zero costs nothing.
"""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from mdlcodec.compiled import njit
from mdlcodec.exact.processor_state import set_right

LANES = 16
_threads: ThreadPoolExecutor


def _new_threads() -> None:
    """Threads that start when they are needed."""
    global _threads
    _threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, initializer=set_right)


_new_threads()
if hasattr(os, "register_at_fork"):  # a forked process has none of them, and would wait for ever
    os.register_at_fork(after_in_child=_new_threads)


@njit(fastmath=True, nogil=True, cache=True)
def _forward(x: Any, weight: Any, pooled: Any, winner: Any, begin: int, end: int) -> None:
    """Fills the pooled responses and the winner (0 to 3) of every pool, for the blocks from begin to end."""
    height, width = 2 * pooled.shape[2], 2 * pooled.shape[3]
    channels, filters = weight.shape[1], weight.shape[0]
    columns = width * LANES
    flat = x.reshape(x.shape[0], channels, x.shape[2], x.shape[3] * LANES)
    rows = np.empty((2, columns), np.float32)
    for block in range(begin, end):
        for f in range(filters):
            for y in range(0, height, 2):
                rows[:] = np.float32(0)
                for c in range(channels):
                    for i in range(5):
                        w0, w1, w2, w3, w4 = weight[f, c, i]
                        if w0 == 0 and w1 == 0 and w2 == 0 and w3 == 0 and w4 == 0:
                            continue
                        for r in range(2):
                            x0 = flat[block, c, y + r + i]
                            x1, x2, x3, x4 = x0[LANES:], x0[2 * LANES :], x0[3 * LANES :], x0[4 * LANES :]
                            row = rows[r]
                            for t in range(columns):
                                row[t] += w0 * x0[t] + w1 * x1[t] + w2 * x2[t] + w3 * x3[t] + w4 * x4[t]
                for p in range(width // 2):
                    left = 2 * p * LANES
                    right = left + LANES
                    for t in range(LANES):
                        a, b = rows[0, left + t], rows[0, right + t]
                        c_, d = rows[1, left + t], rows[1, right + t]
                        top, low = max(a, b), max(c_, d)
                        pooled[block, f, y // 2, p, t] = max(top, low)
                        winner[block, f, y // 2, p, t] = (b > a) if top >= low else 2 + (d > c_)


@njit(fastmath=True, nogil=True, cache=True)
def _backward(
    x: Any, weight: Any, winner: Any, grad: Any, grad_weight: Any, grad_x: Any, begin: int, end: int
) -> None:
    """Adds to the gradients of the weights, one per block, and of the input (unless that is empty)."""
    channels, filters = weight.shape[1], weight.shape[0]
    height, width = 2 * winner.shape[2], 2 * winner.shape[3]
    columns = width * LANES
    edge = 4 * LANES
    flat = x.reshape(x.shape[0], channels, x.shape[2], x.shape[3] * LANES)
    flat_grad = grad_x.reshape(grad_x.shape[0], channels, x.shape[2], x.shape[3] * LANES)
    input_gradient = grad_x.size > 0
    rows = np.zeros((2, columns + 2 * edge), np.float32)
    for block in range(begin, end):
        for f in range(filters):
            for y in range(0, height, 2):
                for p in range(width // 2):
                    left = edge + 2 * p * LANES
                    right = left + LANES
                    for t in range(LANES):
                        index = winner[block, f, y // 2, p, t]
                        g = grad[block, f, y // 2, p, t]
                        zero = np.float32(0)
                        rows[0, left + t] = g if index == 0 else zero
                        rows[0, right + t] = g if index == 1 else zero
                        rows[1, left + t] = g if index == 2 else zero
                        rows[1, right + t] = g if index == 3 else zero
                for c in range(channels):
                    for i in range(5):
                        w0, w1, w2, w3, w4 = weight[f, c, i]
                        s0 = s1 = s2 = s3 = s4 = np.float32(0)
                        for r in range(2):
                            x0 = flat[block, c, y + r + i]
                            x1, x2, x3, x4 = x0[LANES:], x0[2 * LANES :], x0[3 * LANES :], x0[4 * LANES :]
                            row = rows[r, edge:]
                            for t in range(columns):
                                g = row[t]
                                s0 += g * x0[t]
                                s1 += g * x1[t]
                                s2 += g * x2[t]
                                s3 += g * x3[t]
                                s4 += g * x4[t]
                        grad_weight[block, f, c, i, 0] += s0
                        grad_weight[block, f, c, i, 1] += s1
                        grad_weight[block, f, c, i, 2] += s2
                        grad_weight[block, f, c, i, 3] += s3
                        grad_weight[block, f, c, i, 4] += s4
                        if not input_gradient or (w0 == 0 and w1 == 0 and w2 == 0 and w3 == 0 and w4 == 0):
                            continue
                        for r in range(2):
                            target = flat_grad[block, c, y + r + i]
                            g4 = rows[r]
                            g3, g2, g1, g0 = g4[LANES:], g4[2 * LANES :], g4[3 * LANES :], g4[4 * LANES :]
                            for t in range(columns + edge):
                                target[t] += w0 * g0[t] + w1 * g1[t] + w2 * g2[t] + w3 * g3[t] + w4 * g4[t]


class ConvolvePool(torch.autograd.Function):
    """Valid convolution, then 2x2 max pooling with stride 2 (an odd last row or column is dropped)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(blocks, channels, h, w, LANES) and (filters, channels, 5, 5) -> (blocks, filters, .., .., LANES)."""
        values, weights = x.detach().numpy(), weight.detach().numpy()
        size = (len(values), len(weights), (x.shape[2] - 4) // 2, (x.shape[3] - 4) // 2, LANES)
        pooled, winner = np.empty(size, np.float32), np.empty(size, np.uint8)
        _in_parts(_forward, len(values), values, weights, pooled, winner)
        ctx.saved = values, weights, winner
        return torch.from_numpy(pooled)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Gradients of x (None when nothing needs it) and of the weights."""
        values, weights, winner = ctx.saved
        needed = bool(ctx.needs_input_grad[0])
        grad_weight = np.zeros((len(values), *weights.shape), np.float32)
        grad_x = np.zeros(values.shape if needed else (0, *values.shape[1:]), np.float32)
        _in_parts(
            _backward, len(values), values, weights, winner, grad.contiguous().numpy(), grad_weight, grad_x
        )
        return torch.from_numpy(grad_x) if needed else None, torch.from_numpy(grad_weight.sum(axis=0))


def _in_parts(kernel: Any, blocks: int, *arguments: Any) -> None:
    """Runs the kernel over all blocks, on as many threads as torch has; the result does not depend on how many."""
    parts = min(blocks, torch.get_num_threads())
    if parts == 1:
        kernel(*arguments, 0, blocks)
        return
    edges = [blocks * i // parts for i in range(parts + 1)]
    running = [_threads.submit(kernel, *arguments, *ends) for ends in itertools.pairwise(edges)]
    for part in running:
        part.result()
