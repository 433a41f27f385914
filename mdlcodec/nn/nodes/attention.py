"""Causal self-attention (Vaswani et al. 2017; formats/sequences.md, "Nodes")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mdlcodec.exact.attention import Attention as Heads
from mdlcodec.exact.attention_step import Kept, attention_step, keep, nothing_kept
from mdlcodec.nn.node import Pass, Plain, Shape, applied, check_at_least
from mdlcodec.nn.nodes.places import on_cpu, queries_keys_values


@dataclass(frozen=True)
class Attention(Plain):
    """(t, 3 d), queries, keys and values side by side -> (t, d): each place looks at itself and those before it, as
    far as the last ``window`` reach; 0: at all of them."""

    heads: int
    window: int = 0

    def __post_init__(self) -> None:
        """Raise BadData for no heads."""
        check_at_least(1, heads=self.heads)
        check_at_least(0, window=self.window)

    def outputs(self, *inputs: Shape) -> Shape:
        """(t, d). Raises BadData for what is no sequence of queries, keys and values of so many heads."""
        return queries_keys_values(inputs[0], self.heads, "attention")

    def operations(self, *inputs: Shape) -> int:
        """One for each feature of each place looked at: in the scores, and in the values."""
        length, features = self.outputs(*inputs)
        whole = min(length, self.window or length)
        return (whole * (whole + 1) + 2 * (length - whole) * whole) * features

    def forward(self, run: Pass, weights: Sequence[Any], statistics: Any, *x: Any) -> tuple[Any, Any]:
        """(N, T, 3 d) -> (N, T, d)."""
        return applied(Heads, on_cpu(x[0]), self.heads, run.arithmetic.engine, self.window)

    def begin(self, run: Pass, weights: Sequence[Any], streams: int, *inputs: Shape) -> Kept:
        """No keys and values yet, room for those of t places, or of windows."""
        length, features = self.outputs(*inputs)
        return nothing_kept(self.heads, features // self.heads, streams, length, self.window)

    def resume(self, kept: Any, saved: Any, *x: Any) -> None:
        """The keys and values of those places."""
        keep(kept, saved[1])

    def step(self, run: Pass, kept: Any, *x: Any) -> Any:
        """Of one more place."""
        return attention_step(x[0], self.heads, kept)
