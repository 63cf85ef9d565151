"""Layers that move numbers without changing them."""

from __future__ import annotations

import math

from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, whole


class Reshape(Layer):
    """Read every sample's numbers in another shape.

    Shapes      x (N, ...), y (N, *shape), with the same number of values per sample
    Forward     y = x in the shape of y
    Backward    dx = dy in the shape of x
    Twice       ddy = ddx in the shape of y
    Cache       the shape of x, to which dy goes back.
    Source      linear, and its own inverse's transpose.
    """

    def __init__(self, *shape: int) -> None:
        if not shape or not whole(*shape):
            raise ValueError(f"Reshape needs positive sizes, without the batch's, got {shape}")
        self.shape = shape

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        values = math.prod(self.shape)
        expected = f"(N, ...) with {values} values per sample"
        self.check(x, lambda shape: len(shape) >= 2 and math.prod(shape[1:]) == values, expected)
        return x.reshape(len(x), *self.shape), x.shape

    def input_grad(self, dy: Array, shape: Cache) -> Array:
        return dy.reshape(shape)

    def double_backward(self, ddx: Array, dy: Array, shape: Cache) -> tuple[Array, None, Grads]:
        return ddx.reshape(dy.shape), None, {}

    def __repr__(self) -> str:
        return f"Reshape({', '.join(map(str, self.shape))})"


class Flatten(Layer):
    """Write every sample's numbers in one row, channels fastest.

    Shapes      x (N, ...), y (N, values per sample)
    Forward     y = x as rows
    Backward    dx = dy in the shape of x
    Twice       ddy = ddx as rows
    Cache       the shape of x, to which dy goes back.
    Source      as Reshape.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) >= 2, "(N, ...)")
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape

    def input_grad(self, dy: Array, shape: Cache) -> Array:
        return dy.reshape(shape)

    def double_backward(self, ddx: Array, dy: Array, shape: Cache) -> tuple[Array, None, Grads]:
        return ddx.reshape(dy.shape), None, {}
