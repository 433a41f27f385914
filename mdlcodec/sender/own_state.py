"""A training computes in a state of its own, of torch and of the processor, on torch's threads too.

The receiver repeats no training, so another state would only give other files: it is set, or training is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mdlcodec.exact.new_thread import in_new_thread
from mdlcodec.exact.processor_state import right_state, wrong_state
from mdlcodec.exact.torch_state import own_torch_state

_SHARE = 1 << 15  # elements that torch gives one thread at least


def torch_threads_are_right() -> bool:
    """Whether every thread that torch shares work with keeps subnormals and rounds to nearest."""
    elements = 2 * _SHARE * torch.get_num_threads()
    one, smallest = torch.full((elements,), 1.0), torch.full((elements,), 2.0**-126)
    answers = (
        (smallest * 0.5, 0x00400000),
        (smallest * 0.5 + smallest * 0.25, 0x00600000),
        (one + 2.0**-25, 0x3F800000),
        (one + 3 * 2.0**-25, 0x3F800001),
    )
    return all(bool((answer.view(torch.int32) == pattern).all()) for answer, pattern in answers)


def in_own_state(work: Callable[..., None], *arguments: Any) -> None:
    """work(*arguments), and what it raises; InexactComputation where the state cannot be had, or was lost."""
    with right_state(), own_torch_state():
        if torch_threads_are_right():
            work(*arguments)
        else:  # a new thread's have this one's state
            in_new_thread(_computed, work, arguments)
            return
        if not torch_threads_are_right():
            raise wrong_state()


def _computed(work: Callable[..., None], arguments: Any) -> None:
    with right_state(), own_torch_state():
        if not torch_threads_are_right():
            raise wrong_state()
        work(*arguments)
        if not torch_threads_are_right():
            raise wrong_state()
