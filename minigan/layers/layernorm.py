"""Layer normalisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, whole


class LayerNorm(Layer):
    """Give every sample zero mean and unit variance over its own features, then rescale.

    Samples do not meet, so a critic with a penalty per sample (WGAN-GP) may use it where batch norm is forbidden.

    Shapes      x, y, dx, dy, ddx, ddy (..., *normalized_shape); weight, bias normalized_shape
                means run over the axes of normalized_shape; m = values per mean; Σ runs over the axes in front

    Forward     x̂ = (x - mean) · rstd        rstd = 1 / √(var + ε)
                y = weight · x̂ + bias

    Backward    v = weight · dy
                P(t) = t - mean(t) - x̂ · mean(t · x̂)
                dx = rstd · P(v)
                dweight = Σ dy · x̂           dbias = Σ dy

    Twice       u       = rstd · P(ddx)
                ddy     = weight · u
                dweight = Σ dy · u
                dx      = rstd · P(h) - rstd · x̂ · mean(ddx · rstd · P(v))
                h       = -rstd · (v · mean(ddx · x̂) + ddx · mean(v · x̂))

    Cache       x̂ and rstd.
    Source      Ba, Kiros & Hinton 2016, section 3, for forward and backward; "Twice" derived here.
    """

    params = ("weight", "bias")
    shown = ("normalized_shape",)

    def __init__(
        self, normalized_shape: int | tuple[int, ...], *, eps: float = 1e-5, dtype: DTypeLike = np.float32
    ) -> None:
        shape = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
        if not shape or not whole(*shape) or not eps > 0:
            raise ValueError(f"LayerNorm needs a shape of positive sizes and eps > 0, got {normalized_shape} and {eps}")
        self.normalized_shape, self.eps = shape, eps
        self.weight, self.bias = np.ones(shape, dtype), np.zeros(shape, dtype)
        self._features = tuple(range(-len(shape), 0))

    def _mean(self, t: Array) -> Array:
        return t.mean(axis=self._features, keepdims=True)

    def _P(self, t: Array, x_hat: Array) -> Array:
        return t - self._mean(t) - x_hat * self._mean(t * x_hat)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        d, shape = len(self.normalized_shape), self.normalized_shape
        self.check(x, lambda s: len(s) > d and tuple(s[-d:]) == shape, f"(N, ..., {', '.join(map(str, shape))})")
        centred = x - self._mean(x)
        rstd = 1 / np.sqrt(self._mean(centred * centred) + self.eps)
        x_hat = centred * rstd
        return self.weight * x_hat + self.bias, (x_hat, rstd)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        x_hat, rstd = cache
        return rstd * self._P(self.weight * dy, x_hat)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        x_hat, _ = cache
        samples = tuple(range(dy.ndim - len(self.normalized_shape)))
        return {"weight": (dy * x_hat).sum(axis=samples), "bias": dy.sum(axis=samples)}

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array, Grads]:
        x_hat, rstd = cache
        samples = tuple(range(dy.ndim - len(self.normalized_shape)))
        v, u = self.weight * dy, rstd * self._P(ddx, x_hat)
        h = -rstd * (v * self._mean(ddx * x_hat) + ddx * self._mean(v * x_hat))
        dx = rstd * self._P(h, x_hat) - rstd * x_hat * self._mean(ddx * rstd * self._P(v, x_hat))
        return self.weight * u, dx, {"weight": (dy * u).sum(axis=samples)}
