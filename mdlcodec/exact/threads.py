"""Ranges of independent work on several threads. Every split gives the same result, so it changes no byte."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

# multiply-adds below which waking another thread costs more than it saves
WORTH_A_THREAD = 1 << 23
# what handling one value costs, in multiply-adds
VALUE = 32


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="mdlcodec")


def in_parts(work: Callable[[int, int], object], count: int, unit: int, cost: int) -> None:
    """Calls work(first, last) for consecutive ranges that cover 0..count, on torch's number of threads.

    ``unit``: ranges begin at multiples of it. ``cost``: multiply-adds of all the work together. ``work`` must
    release the interpreter's lock to gain anything. Errors are raised.
    """
    threads = min(torch.get_num_threads(), -(-count // unit), 1 + cost // WORTH_A_THREAD)
    if threads <= 1:
        work(0, count)
        return
    each = -(-count // (threads * unit)) * unit
    others = [
        _pool(torch.get_num_threads() - 1).submit(work, first, min(count, first + each))
        for first in range(each, count, each)
    ]
    work(0, min(each, count))
    for other in others:
        other.result()
