"""Pixel normalisation."""

from __future__ import annotations

import numpy as np

from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer


class PixelNorm(Layer):
    """Give every vector of channels the length √C.

    Shapes      x, y, dx, dy, ddx, ddy (..., C); r (..., 1); means run over C

    Forward     r = 1 / √(mean(x²) + ε)        y = r · x
    Backward    dx = r · (dy - y · mean(dy · y))

    Twice       p = mean(ddx · dy)        q = mean(ddx · y)        a = mean(dy · y)
                ddy = r · (ddx - y · q)
                dx  = -r² · (y · (p - 3 q a) + q · dy + a · ddx)

    Of one channel only the sign is left, and derivatives are of the size of ε.

    Cache       y and r, in which all derivatives are written.
    Source      Karras et al. 2018 (progressive growing), section 4.2; "Twice" derived here.
    """

    def __init__(self, *, eps: float = 1e-8) -> None:
        if not eps > 0:
            raise ValueError(f"PixelNorm needs eps > 0, got {eps}")
        self.eps = eps

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) >= 2, "(N, ..., C)")
        r = 1 / np.sqrt(_mean(x * x) + self.eps)
        y = r * x
        return y, (y, r)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        y, r = cache
        return r * (dy - y * _mean(dy * y))

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array, Grads]:
        y, r = cache
        p, q, a = _mean(ddx * dy), _mean(ddx * y), _mean(dy * y)
        dx = -(r * r) * (y * (p - 3 * q * a) + q * dy + a * ddx)
        return r * (ddx - y * q), dx, {}


def _mean(t: Array) -> Array:
    return t.mean(axis=-1, keepdims=True)
