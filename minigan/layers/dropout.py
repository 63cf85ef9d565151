"""Dropout."""

from __future__ import annotations

from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, any_shape
from minigan.random import Random, generator

LEAST = 2.0**-16  # the smallest share that a mask can drop


class Dropout(Layer):
    """Set a random share of the numbers to 0 in training; scale up the rest: the mean stays.

    Shapes      x, y and mask the same, any
    Forward     y = mask · x        mask = 0 with probability p, else 1 / (1 - p)
                A mask is drawn with 16 bits for each number: p is rounded to a multiple of 2⁻¹⁶,
                in 1 / (1 - p) too, so that the mean stays; it is 0, or in [2⁻¹⁶, 1 - 2⁻¹⁶].
    Backward    dx = mask · dy
    Twice       ddy = mask · ddx
    Eval mode   y = x.
    Cache       mask, because it was drawn and cannot be computed again; None in eval mode, and
                for p = 0.
    Source      Srivastava et al. 2014, scaled at training time as everybody does now.

    The mask comes from `rng`. Whoever owns that generator decides what a pass draws: a trainer
    rewinds it to the start of each step, so that a resumed run drops what the uninterrupted one
    would have dropped.
    """

    draws = True
    shown = ("p",)

    def __init__(self, p: float = 0.5, *, rng: Random) -> None:
        if not (p == 0 or LEAST <= p <= 1 - LEAST):
            raise ValueError(
                f"p of Dropout, the dropped share, must be 0 or in [2^-16, 1 - 2^-16], got {p}"
            )
        self.p, self.rng = p, generator(rng)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, any_shape, "any shape")
        if not train or self.p == 0:
            return x, None
        mask = kernels.dropout_mask(x, self.p, self.rng)
        return mask * x, mask

    def input_grad(self, dy: Array, mask: Cache) -> Array:
        return dy if mask is None else mask * dy

    def double_backward(self, ddx: Array, dy: Array, mask: Cache) -> tuple[Array, None, Grads]:
        return ddx if mask is None else mask * ddx, None, {}
