"""The guard: an operation of torch that has no exact definition raises and names itself (deny by default)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mdlcodec.errors import InexactComputation

# operations that move or make values without arithmetic
_MOVES = {
    "aten::detach",
    "aten::alias",
    "aten::view",
    "aten::_unsafe_view",
    "aten::reshape",
    "aten::t",
    "aten::ones_like",
    "aten::_local_scalar_dense",
    "aten::lift_fresh",
    "aten::_to_copy",
    "aten::cat",
    "aten::clone",
    "aten::constant_pad_nd",
    "aten::copy_",
    "aten::expand",
    "aten::flip",
    "aten::full",
    "aten::ones",
    "aten::permute",
    "aten::scalar_tensor",
    "aten::select",
    "aten::slice",
    "aten::stack",
    "aten::transpose",
    "aten::unfold",
    "aten::unsqueeze",
    "aten::zeros",
    "aten::zeros_like",
}
# elementwise, with one rounding or none
_ELEMENTWISE = {
    "aten::all",
    "aten::add",
    "aten::bitwise_and",
    "aten::div",
    "aten::eq",
    "aten::gt",
    "aten::lt",
    "aten::__lshift__",
    "aten::__rshift__",
    "aten::mul",
    "aten::neg",
    "aten::rsub",
    "aten::sub",
    "aten::where",
}
_OF_INTEGERS = {"aten::amax", "aten::clamp"}
_KINDS = {torch.float32, torch.float64}
_DIGIT_LIMIT = 64
_EXACT_LIMIT = 9007199254740992.0  # 2^53
_alone: ContextVar[bool] = ContextVar("mdlcodec_sender_alone", default=False)


@contextmanager
def sender_alone() -> Iterator[None]:
    """Within this, a Guard lets everything pass: what is computed here, no receiver repeats."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


class Guard(TorchDispatchMode):
    """Inside ``with Guard():`` only moves, elementwise operations of IEEE-754, and products and sums proved to
    be exact are allowed.

    A float64 ``mm`` must have integer operands whose sums cannot reach 2^53, a ``sum`` such terms; ``_int_mm``
    must have digits within 64. Anything else raises InexactComputation. Slow: for tests and for `MDLCODEC_GUARD=1`.
    """

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.name().split(".")[0]
        if _alone.get():
            return function(*args, **(kwargs or {}))
        if name == "aten::mm":
            self._check_integers(*args)
        elif name == "aten::_int_mm":
            self._check_digits(*args)
        elif name == "aten::sum":
            self._check_terms(args[0])
        elif name in _ELEMENTWISE:
            self._check_elementwise(name, args, kwargs or {})
        elif name not in _MOVES and not self._exact_here(name, args[0] if args else None):
            raise InexactComputation(f"{name} has no exact definition; build it from mdlcodec.exact")
        return function(*args, **(kwargs or {}))

    @staticmethod
    def _exact_here(name: str, operand: Any) -> bool:
        if not isinstance(operand, torch.Tensor):
            return False
        # torch's roots are correctly rounded on CUDA alone
        root = name == "aten::sqrt" and operand.is_cuda and operand.dtype == torch.float64
        return root or (name in _OF_INTEGERS and not operand.is_floating_point())

    @staticmethod
    def _check_elementwise(name: str, args: Any, kwargs: Any) -> None:
        if kwargs.get("alpha", 1) != 1:
            raise InexactComputation(f"{name} with a factor may be fused")
        if name == "aten::div" and not (isinstance(args[1], torch.Tensor) and args[0].is_floating_point()):
            raise InexactComputation("aten::div by a number multiplies by its reciprocal on some devices")
        for operand in args:
            if (
                isinstance(operand, torch.Tensor)
                and operand.is_floating_point()
                and operand.dtype not in _KINDS
            ):
                raise InexactComputation(f"{name} of {operand.dtype} is not exact")

    @staticmethod
    def _check_terms(terms: torch.Tensor) -> None:
        values = terms.detach().cpu().numpy()
        if values.dtype.name != "float64" or (values != values.round()).any():
            raise InexactComputation("aten::sum of values that are not float64 integers")
        if abs(values).sum() >= _EXACT_LIMIT:  # integers
            raise InexactComputation("aten::sum that may reach 2^53")

    @staticmethod
    def _check_integers(a: torch.Tensor, b: torch.Tensor) -> None:
        left, right = a.detach().cpu().numpy(), b.detach().cpu().numpy()
        if left.dtype.name != "float64" or right.dtype.name != "float64":
            raise InexactComputation(f"aten::mm of {left.dtype} and {right.dtype} is not exact")
        if left.size and right.size:
            if (left != left.round()).any() or (right != right.round()).any():
                raise InexactComputation("aten::mm of values that are not integers")
            if abs(left).max() * abs(right).max() * left.shape[1] >= _EXACT_LIMIT:
                raise InexactComputation("aten::mm whose sums may reach 2^53")

    @staticmethod
    def _check_digits(a: torch.Tensor, b: torch.Tensor) -> None:
        for operand in (a.detach().cpu().numpy(), b.detach().cpu().numpy()):
            if operand.size and abs(operand.astype("int16")).max() > _DIGIT_LIMIT:
                raise InexactComputation("aten::_int_mm of digits beyond 64 saturates on some processors")
        if a.shape[1] > 1 << 18:
            raise InexactComputation("aten::_int_mm of sums longer than 2^18")
