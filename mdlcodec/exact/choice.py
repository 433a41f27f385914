"""What networks compute with: the engine and the device that the caller, MDLCODEC_ENGINE or nobody asks for.

Every choice gives the same bits. The default is the CPU; a GPU has to be asked for.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import TYPE_CHECKING

from mdlcodec.errors import BadData, InexactComputation

if TYPE_CHECKING:  # torch and numba load when a network is made
    from mdlcodec.exact.engines import Engine
    from mdlcodec.exact.linear import Arithmetic

AUTO = "auto"
ENGINE_NAMES = ("int16", "int8", "float64", "cuda")  # the CPU's fastest first
_device: ContextVar[str] = ContextVar("mdlcodec_device", default=AUTO)
_given: ContextVar[Arithmetic | None] = ContextVar("mdlcodec_arithmetic", default=None)


@contextmanager
def computing_on(device: str) -> Iterator[None]:
    """Networks that are made inside compute on that device: auto, cpu, cuda or cuda:N.

    Raises BadData for a device that is not there.
    """
    token = _device.set(device)
    try:
        _wanted()
        yield
    finally:
        _device.reset(token)


@contextmanager
def computing_with(arithmetic: Arithmetic) -> Iterator[None]:
    """Networks that are made inside compute with an engine and functions of one's own, whatever is asked for."""
    token = _given.set(arithmetic)
    try:
        yield
    finally:
        _given.reset(token)


def _wanted() -> tuple[str | None, str]:
    """The engine forced, and the device: cpu, cuda or cuda:N."""
    forced, device = os.environ.get("MDLCODEC_ENGINE") or None, _device.get()
    if forced not in (None, *ENGINE_NAMES):
        raise BadData(f"MDLCODEC_ENGINE: no engine named {forced!r}; choose one of {', '.join(ENGINE_NAMES)}")
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", device):
        raise BadData(f"no device named {device!r}; choose one of auto, cpu, cuda, cuda:N")
    if device == AUTO:
        device = "cuda" if forced == "cuda" else "cpu"
    elif forced is not None and (forced == "cuda") != device.startswith("cuda"):
        raise BadData(f"the device {device} contradicts MDLCODEC_ENGINE={forced}; leave out one of them")
    if device != "cpu":
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count <= int(device.partition(":")[2] or 0):
            devices = f"torch finds {count} CUDA devices" if count else "torch finds no CUDA device"
            raise BadData(f"cannot compute on {device}: {devices} here; the CPU computes the same bytes")
    return forced, device


def chosen_arithmetic() -> Arithmetic:
    """What a network made now computes with. Raises BadData for what is not there."""
    given = _given.get()
    if given is not None:
        return given
    forced, device = _wanted()
    if device == "cpu":
        from mdlcodec.exact.linear import Arithmetic

        return Arithmetic(_on_cpu(forced or ENGINE_NAMES[0]))
    return _on_device(device)()


def description() -> str:
    """The engine and the device of `chosen_arithmetic`, for people."""
    _, device = _wanted()
    engine = chosen_arithmetic().engine
    if engine.name != "cuda":
        return f"engine {engine.name}, device cpu"
    import torch

    products = getattr(engine, "products", None)
    return f"engine cuda ({getattr(products, 'name', '-')}), device {torch.cuda.get_device_name(device)}"


def _first_that_works(engines: dict[str, Callable[[], Engine]]) -> tuple[str, Engine]:
    """The first engine that passes its self-test, and its name here; one warning for each that fails."""
    from mdlcodec.exact.engines.self_test import problem_of

    names = list(engines)
    for name, following in zip(names, [*names[1:], None], strict=True):
        try:
            engine = engines[name]()
            problem = problem_of(engine)
        except Exception as error:  # what cannot be built, or breaks, is as useless as what is wrong
            problem = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        if problem is None:
            return name, engine
        if following is not None:
            warnings.warn(
                f"the {name} engine does not work on this machine ({problem}); computing with {following}, "
                "which gives the same bytes",
                RuntimeWarning,
                stacklevel=2,
            )
    raise InexactComputation(f"no engine works on this machine: {problem}")


@cache
def _on_cpu(name: str) -> Engine:
    from mdlcodec.exact.engines import ENGINES

    return _first_that_works({each: partial(ENGINES.__getitem__, each) for each in (name, "float64")})[1]


@cache
def _on_device(device: str) -> Callable[[], Arithmetic]:
    """Makes a device's arithmetic: one for each predictor, since it remembers what was not finite."""
    import torch

    from mdlcodec.exact.device.engine import DeviceEngine
    from mdlcodec.exact.device.functions import arithmetic_of
    from mdlcodec.exact.device.products import Float64Products, Int8Products
    from mdlcodec.exact.engines import ENGINES
    from mdlcodec.exact.linear import Arithmetic

    where = torch.device(device)
    digits = f"{device} (int8)"
    name, engine = _first_that_works(
        {
            digits: lambda: DeviceEngine(where, Int8Products(worth_digits=0)),
            f"{device} (float64)": lambda: DeviceEngine(where, Float64Products()),
            "float64 (CPU)": lambda: ENGINES["float64"],
        }
    )
    if not isinstance(engine, DeviceEngine):
        return lambda: Arithmetic(engine)
    # digits were tested with products of every size; small ones take longer in digits than in float64
    products = Int8Products() if name == digits else Float64Products()
    return lambda: arithmetic_of(DeviceEngine(where, products))
