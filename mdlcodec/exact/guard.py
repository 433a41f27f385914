"""The guard: an operation of torch that has no exact definition raises and names itself (deny by default)."""

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
}
_DIGIT_LIMIT = 64
_EXACT_LIMIT = 9007199254740992.0  # 2^53


class Guard(TorchDispatchMode):
    """Inside ``with Guard():`` only moves, and products proved to be exact, are allowed.

    A float64 ``mm`` must have integer operands whose sums cannot reach 2^53; ``_int_mm`` must have digits
    within 64. Anything else raises InexactComputation. Slow: for tests and for `MDLCODEC_GUARD=1`.
    """

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.name().split(".")[0]
        if name == "aten::mm":
            self._check_integers(*args)
        elif name == "aten::_int_mm":
            self._check_digits(*args)
        elif name not in _MOVES:
            raise InexactComputation(f"{name} has no exact definition; build it from mdlcodec.exact")
        return function(*args, **(kwargs or {}))

    @staticmethod
    def _check_integers(a: torch.Tensor, b: torch.Tensor) -> None:
        left, right = a.detach().numpy(), b.detach().numpy()
        if left.dtype.name != "float64" or right.dtype.name != "float64":
            raise InexactComputation(f"aten::mm of {left.dtype} and {right.dtype} is not exact")
        if left.size and right.size:
            if (left != left.round()).any() or (right != right.round()).any():
                raise InexactComputation("aten::mm of values that are not integers")
            if abs(left).max() * abs(right).max() * left.shape[1] >= _EXACT_LIMIT:
                raise InexactComputation("aten::mm whose sums may reach 2^53")

    @staticmethod
    def _check_digits(a: torch.Tensor, b: torch.Tensor) -> None:
        for operand in (a.detach().numpy(), b.detach().numpy()):
            if operand.size and abs(operand.astype("int16")).max() > _DIGIT_LIMIT:
                raise InexactComputation("aten::_int_mm of digits beyond 64 saturates on some processors")
        if a.shape[1] > 1 << 18:
            raise InexactComputation("aten::_int_mm of sums longer than 2^18")
