"""The state of the processor that the arithmetic presumes: subnormals kept, rounding half to even.

A process may have set another: torch.set_flush_denormal, fesetround, a library linked with -ffast-math. Each thread
has its own, a new one that of the thread which starts it. Known answers decide whether it is right, never what was
set. Nothing here is computed while the module is imported, since that may happen in any state.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from typing import Any, TypeVar

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.new_thread import in_new_thread

_Function = TypeVar("_Function", bound=Callable[..., Any])
_ENVIRONMENT_BYTES = 256  # more than any fenv_t has

_forked = False  # whether this process may have torch's threads in its memory that it has not
_inside = threading.local()


def _in_child() -> None:
    global _forked
    _forked = "torch" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _c_library() -> Any:
    """The C library's fegetenv and fesetenv; None where there are none."""
    try:
        library = ctypes.CDLL(None)
        library.fegetenv, library.fesetenv  # noqa: B018
    except (AttributeError, OSError, TypeError):
        return None
    return library


def _default_environment(library: Any) -> Any:
    """FE_DFL_ENV: a variable on macOS, else the address -1."""
    try:
        return ctypes.byref(ctypes.c_char.in_dll(library, "_FE_DFL_ENV"))
    except ValueError:
        return ctypes.c_void_p(-1)


_library = _c_library()
_default = None if _library is None else _default_environment(_library)


def set_right() -> None:
    """Sets this thread's state as far as that is possible here; known answers tell whether it was."""
    if _library is not None:
        _library.fesetenv(_default)


@contextmanager
def right_state() -> Iterator[None]:
    """This thread computes as formats/arithmetic.md presumes, and has the caller's state again afterwards.

    Raises InexactComputation where it cannot be had, or was lost on the way.
    """
    saved = (ctypes.c_char * _ENVIRONMENT_BYTES)()
    known = _library is not None and _library.fegetenv(ctypes.byref(saved)) == 0
    try:
        set_right()
        check_state()
        yield
        check_state()
    finally:
        if known:
            _library.fesetenv(ctypes.byref(saved))


def entry(function: _Function) -> _Function:
    """A function that computes in the right state whatever its caller has set, of the processor or of torch.

    In a forked process it runs in a thread of its own. It raises InexactComputation as `right_state` does.
    """

    @wraps(function)
    def entered(*arguments: Any, **named: Any) -> Any:
        if not _forked or getattr(_inside, "is_so", False):
            return _computed(function, arguments, named)
        return in_new_thread(_after_fork, function, arguments, named)

    return entered  # type: ignore[return-value]


def _after_fork(function: Callable[..., Any], arguments: Any, named: Any) -> Any:
    _inside.is_so = True
    try:
        return _computed(function, arguments, named)
    except RuntimeError as error:
        if "fork" not in str(error):
            raise
        raise InexactComputation(
            "torch cannot compute in a process forked from one that used it; start the process by spawn"
        ) from error


def _computed(function: Callable[..., Any], arguments: Any, named: Any) -> Any:
    with right_state(), _libraries_state():
        return function(*arguments, **named)


@contextmanager
def _libraries_state() -> Iterator[None]:
    """What callers may have set of numpy and torch, as they have it by default."""
    import numpy as np

    own: AbstractContextManager[None] = nullcontext()
    if "torch" in sys.modules:
        from mdlcodec.exact.torch_state import own_torch_state

        own = own_torch_state()
    with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"), own:
        yield


def check_state() -> None:
    """Raises InexactComputation unless Python, and numpy, numba and torch where they are loaded, give known
    answers in this thread."""
    right = _plain_answers()
    if right and "numpy" in sys.modules:
        from mdlcodec.exact.array_answers import numpy_is_right, torch_is_right

        right = numpy_is_right() and ("torch" not in sys.modules or torch_is_right())
    if right and "mdlcodec.exact.known_answers" in sys.modules:
        from mdlcodec.exact.known_answers import NUMBERS, rounds_right

        right = rounds_right(NUMBERS)
    if not right:
        raise wrong_state()


def _plain_answers() -> bool:
    smallest, after_one = float.fromhex("0x1p-1022"), float.fromhex("0x1.0000000000001p0")
    little, much = float.fromhex("0x1p-54"), float.fromhex("0x3p-54")
    half = smallest * 0.5
    return half + half == smallest and 1.0 + little == 1.0 and 1.0 + much == after_one


def wrong_state() -> InexactComputation:
    """The error of a thread that computes otherwise."""
    return InexactComputation(
        "this process flushes subnormal numbers to zero or rounds in another way than to nearest, so its results "
        "would not be another machine's; undo torch.set_flush_denormal, fesetround, or what a library set "
        "(-ffast-math)"
    )
