"""The largest number over the positions of a sequence that count."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.layers.conditional import Conditional
from minigan.layers.layer import Cache, Grads


class MaskedMax(Conditional):
    """Keep, for every channel, the largest number over those positions where there is a word.

    Shapes      x, dx, ddx (N, T, C); y, dy, ddy (N, C); the condition c (N, T): numbers, such as
                those of words

    Forward     y = max of x[t] over the positions t with c[t] > 0
                Of equal ones the first wins, and it alone. There must be such a position: whoever
                reads the data checks that no caption is empty.
    Backward    dx = dy at the winner, 0 elsewhere        c has no gradient
    Twice       Linear in dy, with the winners for constants.
                ddy = ddx at the winner; no dx

    Cache       (N, T, C), true at the winners, because gradients go there.
    Source      max over time: Collobert et al. 2011, section 3.2.2; "Twice" derived here.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) == 3, "(N, T, C)")
        c = self.condition_of(x)
        if getattr(c, "shape", None) != x.shape[:2]:
            got = tuple(getattr(c, "shape", ()))
            raise ValueError(f"{self}: the words must be {tuple(x.shape[:2])}, got {got}")
        counts = (c > 0).astype(x.dtype)[..., np.newaxis]
        candidates = x + (counts - 1) * np.finfo(x.dtype).max  # x itself where it counts
        first = candidates.argmax(axis=1)[:, np.newaxis]  # (N, 1, C)
        positions = np.ones_like(first, shape=(x.shape[1], 1)).cumsum(axis=0) - 1  # 0, 1, ..., T-1
        return candidates.max(axis=1), positions == first

    def input_grad(self, dy: Array, winner: Cache) -> Array:
        return dy[:, np.newaxis] * winner.astype(dy.dtype)

    def double_backward(self, ddx: Array, dy: Array, winner: Cache) -> tuple[Array, None, Grads]:
        return (ddx * winner.astype(ddx.dtype)).sum(axis=1), None, {}

    def asks_for(self) -> str:
        return "words"
