"""Torch's own state, which its host may have set: we compute under its defaults, and give the host's back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch


@contextmanager
def own_torch_state() -> Iterator[None]:
    """Gradients are recorded, new tensors are float32 on the CPU, operations have their operands' types."""
    dtype = torch.get_default_dtype()
    # slows each operation down, so only where it is needed
    elsewhere = torch.zeros(0).device.type != "cpu"
    device = torch.device("cpu") if elsewhere else nullcontext()
    with torch.inference_mode(False), torch.enable_grad(), device:
        with torch.autocast("cpu", enabled=False), torch.autograd.set_detect_anomaly(False):
            torch.set_default_dtype(torch.float32)
            try:
                yield
            finally:
                torch.set_default_dtype(dtype)
