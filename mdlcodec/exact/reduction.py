"""Where processes that share a batch meet: between the phases of exact sums (formats/arithmetic.md, section 3).

A sum over a batch has three phases: the largest magnitude, which gives the grid; a sum of integers on it, exact
and so the same whoever adds; and one scaling and rounding. Every process computes the first two over its own
examples; a Reduction makes them the whole batch's, and the third is repeated by all.
"""

from typing import Any, Protocol


class Reduction(Protocol):
    """How the processes of one batch put together what each found; all ask for the same things in one order.

    A reduction belongs to a run, so it is a field of its `mdlcodec.exact.linear.Arithmetic` and given to every
    call that adds over examples: engines and functions are made once in a process, hold nothing of a run, and
    serve several predictors.
    """

    def examples(self, here: int) -> int:
        """Examples of the whole batch, of which ``here`` are this process's."""

    def maximum(self, values: Any) -> Any:
        """The largest of all processes' values, place by place: float64 (k,), not negative, infinite where a
        process met what is not finite. An array of the functions' kind (numpy's, or a device's tensor)."""

    def total(self, integers: Any) -> Any:
        """The sum over all processes, exact: float64 whole numbers of any shape, whose sum stays below 2^53.
        The same array in every engine, so that processes with different engines may meet. (Not whole where a
        device has yet to be asked whether all was finite.)"""


class Alone:
    """One process has the whole batch."""

    def examples(self, here: int) -> int:
        """The same."""
        return here

    def maximum(self, values: Any) -> Any:
        """The same."""
        return values

    def total(self, integers: Any) -> Any:
        """The same."""
        return integers


ALONE = Alone()
