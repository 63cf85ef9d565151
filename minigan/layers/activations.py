"""Activations: functions of each number alone.

For y = f(x) all of them answer alike; a page states f, its slope f' and its curvature f'':

    Backward    dx = f'(x) · dy
    Twice       ddy = f'(x) · ddx        dx = f''(x) · dy · ddx   (None where f is piecewise linear)
"""

from __future__ import annotations

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, any_shape


class LeakyReLU(Layer):
    """Pass what is positive, let a little of the negative through.

    Shapes      x and y the same, any
    Forward     y = max(x, a · x)        a = negative_slope, 0 <= a <= 1
    Backward    f' = 1 where x > 0, a elsewhere        x > 0 where y > 0, for every a
    Twice       f'' = 0
    Cache       y, whose sign is that of x, and which the next layer keeps anyway.
    Source      Maas, Hannun & Ng 2013; slope 0.2: Radford et al. 2015, section 3.
    """

    shown: tuple[str, ...] = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.2) -> None:
        if not 0 <= negative_slope <= 1:
            raise ValueError(
                f"negative_slope of LeakyReLU must lie in [0, 1], got {negative_slope}"
            )
        self.negative_slope = float(negative_slope)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, any_shape, "any shape")
        y = kernels.leaky_relu(x, self.negative_slope)
        return y, y

    def input_grad(self, dy: Array, y: Cache) -> Array:
        return kernels.leaky_relu_grad(dy, y, self.negative_slope)

    def double_backward(self, ddx: Array, dy: Array, y: Cache) -> tuple[Array, None, Grads]:
        return kernels.leaky_relu_grad(ddx, y, self.negative_slope), None, {}


class ReLU(LeakyReLU):
    """Pass what is positive: LeakyReLU with slope 0.

    Source      Nair & Hinton 2010.
    """

    shown = ()

    def __init__(self) -> None:
        super().__init__(negative_slope=0)


class _Smooth(Layer):
    """An activation with a curvature; its page gives `_slope` and `_curvature` from its cache."""

    def _slope(self, cache: Cache) -> Array:
        raise NotImplementedError(f"{self} has no slope")

    def _curvature(self, cache: Cache) -> Array:
        raise NotImplementedError(f"{self} has no curvature")

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return self._slope(cache) * dy

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array, Grads]:
        return self._slope(cache) * ddx, self._curvature(cache) * dy * ddx, {}


class Tanh(_Smooth):
    """Squash to (-1, 1): the range of the pixels that a generator generates.

    Shapes      x and y the same, any
    Forward     y = tanh x
    Backward    f' = 1 - y²
    Twice       f'' = -2 y (1 - y²)
    Cache       y, because f' and f'' are written in it.
    Source      calculus.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, any_shape, "any shape")
        y = np.tanh(x)
        return y, y

    def _slope(self, y: Cache) -> Array:
        return 1 - y * y

    def _curvature(self, y: Cache) -> Array:
        return -2 * y * (1 - y * y)


def _sigmoid(x: Array) -> Array:
    # e^min(x, 0) / (1 + e^-|x|): neither branch overflows, and no small number is the difference of
    # large ones.
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


class Sigmoid(_Smooth):
    """Squash to (0, 1).

    Shapes      x and y the same, any
    Forward     y = 1 / (1 + e⁻ˣ)
    Backward    f' = y (1 - y)
    Twice       f'' = y (1 - y) (1 - 2y)
    Cache       y, because f' and f'' are written in it.
    Source      calculus.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, any_shape, "any shape")
        y = _sigmoid(x)
        return y, y

    def _slope(self, y: Cache) -> Array:
        return y * (1 - y)

    def _curvature(self, y: Cache) -> Array:
        return y * (1 - y) * (1 - 2 * y)


class Softplus(_Smooth):
    """A smooth ReLU.

    Shapes      x and y the same, any
    Forward     y = log(1 + eˣ) = max(x, 0) + log(1 + e^-|x|)
    Backward    f' = σ = 1 / (1 + e⁻ˣ)
    Twice       f'' = σ (1 - σ)
    Cache       σ, because f' and f'' are written in it.
    Source      Dugas et al. 2001.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, any_shape, "any shape")
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), _sigmoid(x)

    def _slope(self, sigma: Cache) -> Array:
        return sigma

    def _curvature(self, sigma: Cache) -> Array:
        return sigma * (1 - sigma)


class ELU(_Smooth):
    """A ReLU whose negative side bends towards -1.

    Shapes      x and y the same, any
    Forward     y = max(x, 0) + e^min(x, 0) - 1
    Backward    f' = e^min(x, 0)
    Twice       f'' = eˣ where x < 0, 0 elsewhere
    Cache       x, because f' and f'' are written in it.
    Source      Clevert, Unterthiner & Hochreiter 2015, with α = 1.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, any_shape, "any shape")
        return np.maximum(x, 0) + np.expm1(np.minimum(x, 0)), x

    def _slope(self, x: Cache) -> Array:
        return np.exp(np.minimum(x, 0))

    def _curvature(self, x: Cache) -> Array:
        return (x < 0) * np.exp(np.minimum(x, 0))
