"""PReLU: a leaky ReLU whose slope is trained."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, whole


class PReLU(Layer):
    """Pass what is positive; multiply what is negative by a slope that is trained.

    Shapes      x, y, dx, dy, ddx, ddy (..., C); weight (C,), or (1,) for one slope of all channels
                sums run over everything that shares a slope

    Forward     y = max(x, 0) + weight · min(x, 0)

    Backward    s = 1 where x > 0, weight elsewhere
                dx = s · dy        dweight = Σ dy · min(x, 0)

    Twice       ddy = s · ddx      dweight = Σ ddx · dy where x <= 0

    Cache       x, not y as in LeakyReLU: with a negative slope y does not show the sign of x.
    Source      He et al. 2015, section 2.1; "Twice" derived here.
    """

    params = ("weight",)
    shown = ("num_parameters",)

    def __init__(
        self,
        num_parameters: int = 1,
        *,
        init: float = 0.25,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not whole(num_parameters) or not math.isfinite(init):
            expected = "num_parameters >= 1 and a finite slope"
            raise ValueError(f"PReLU needs {expected}, got {num_parameters} and {init}")
        self.num_parameters = num_parameters
        self.weight: Array = np.full(num_parameters, init, dtype)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        C = self.num_parameters
        fits = "(N, ..., C)" if C == 1 else f"(N, ..., {C})"
        self.check(x, lambda shape: len(shape) >= 2 and C in (1, shape[-1]), fits)
        return np.maximum(x, 0) + self.weight * np.minimum(x, 0), x

    def input_grad(self, dy: Array, x: Cache) -> Array:
        return self._slope(x) * dy

    def param_grads(self, dy: Array, x: Cache) -> Grads:
        return {"weight": self._sum(dy * np.minimum(x, 0))}

    def double_backward(self, ddx: Array, dy: Array, x: Cache) -> tuple[Array, None, Grads]:
        ddy = self._slope(x) * ddx
        return ddy, None, {"weight": self._sum(ddx * dy * (x <= 0))}

    def _sum(self, t: Array) -> Array:
        of_channels = kernels.channel_sum(t)
        return of_channels if self.num_parameters > 1 else of_channels.sum(keepdims=True)

    def _slope(self, x: Array) -> Array:
        positive = (x > 0).astype(x.dtype)
        return self.weight + (1 - self.weight) * positive
