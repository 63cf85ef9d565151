"""Fusion: a batch norm and the activation after it are computed together, with fewer passes over memory.

In a fused network, `BatchNormReLU, Identity` stand in the places of `BatchNorm, ReLU`. All names and arrays stay as
they are, and the results are the same to the last bit.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.layers import BatchNorm, Layer, LeakyReLU, Network, ReLU
from minigan.layers.layer import Cache, Grads, accumulate


class BatchNormReLU(BatchNorm):
    """Batch norm and the leaky ReLU after it.

    Forward     t = batch norm of x        y = max(t, a · t)
    Backward    dt = dy where y > 0, a · dy elsewhere        dx: batch norm's, of dt
    Twice       batch norm's with dt in place of dy; its ddt becomes ddy as dy became dt
    Cache       batch norm's, and y, which shows where t was positive.
    """

    def __init__(self, norm: BatchNorm, activation: LeakyReLU) -> None:
        vars(self).update(vars(norm))
        self.slope = activation.negative_slope

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        mean, rstd = self._statistics(x, train)
        y = kernels.batchnorm(x, mean, rstd, self.weight, self.bias, self.slope)
        return y, ((x, mean, rstd, train), y)

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        norm, y = cache
        dt = kernels.leaky_relu_grad(dy, y, self.slope)
        sums = super().param_grads(dt, norm)
        dx = self._over(dt, norm, sums) if need_dx else None
        if grads is not None:
            accumulate(grads, sums)
        return dx

    def _over(self, dt: Array, norm: Cache, sums: Grads) -> Array:
        """dx, written over dt."""
        x, mean, rstd, train = norm
        if not train:
            return np.multiply(self.weight * rstd, dt, out=dt)
        return kernels.batchnorm_grad(dt, x, mean, rstd, self.weight, *self._means(sums, x), dt)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        dx = self.backward(dy, cache)
        assert dx is not None
        return dx

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        norm, y = cache
        return super().param_grads(kernels.leaky_relu_grad(dy, y, self.slope), norm)

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array | None, Grads]:
        norm, y = cache
        ddt, dx, grads = super().double_backward(ddx, kernels.leaky_relu_grad(dy, y, self.slope), norm)
        return kernels.leaky_relu_grad(ddt, y, self.slope), dx, grads


class Identity(Layer):
    """y = x: what is left of an activation that the layer before has computed."""

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        return x, None

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return dy

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, None, Grads]:
        return ddx, None, {}


def fused(layer: Layer) -> Layer:
    """The layer with all pairs in it fused, at every depth; the layer itself where it has none.

    Only the composites around a pair are copied: all other layers, and all arrays, are the same objects. Subclasses of
    BatchNorm, ReLU, LeakyReLU and Network may compute something else, and stay as they are.
    """
    changed = {}
    for name, value in vars(layer).items():
        other = _within(value)
        if other is not value:
            changed[name] = other
    if type(layer) is Network:
        layers = changed.get("layers", layer.layers)
        if any(_is_pair(*pair) for pair in pairwise(layers)):
            changed["layers"] = _with_pairs(layers)
    if not changed:
        return layer
    twin = copy.copy(layer)
    vars(twin).update(changed)
    return twin


def _within(value: Any) -> Any:
    """The same for a value that may be a layer, or hold layers in a tuple, list or dict."""
    if isinstance(value, Layer):
        return fused(value)
    if isinstance(value, dict):
        items = {key: _within(item) for key, item in value.items()}
        return items if any(items[key] is not item for key, item in value.items()) else value
    if isinstance(value, tuple | list):
        new = [_within(item) for item in value]
        if all(a is b for a, b in zip(new, value, strict=True)):
            return value
        return type(value)(*new) if hasattr(value, "_fields") else type(value)(new)  # a named tuple takes its fields
    return value


def _is_pair(layer: Layer, after: Layer) -> bool:
    return type(layer) is BatchNorm and type(after) in (LeakyReLU, ReLU)


def _with_pairs(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The layers in a row with every pair of them fused."""
    row = list(layers)
    for i, (layer, after) in enumerate(pairwise(layers)):
        if _is_pair(layer, after):
            row[i : i + 2] = BatchNormReLU(layer, after), Identity()  # type: ignore[arg-type]
    return tuple(row)
