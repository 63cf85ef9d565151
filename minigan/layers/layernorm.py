"""Layer normalisation, and what it shares with instance normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, whole


class SampleNorm(Layer):
    """The base of layers that normalise within each sample: a page states over which axes.

    Forward     x̂ = (x - mean) · rstd        rstd = 1 / √(var + ε), var the biased variance
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

    Cache       x̂ and rstd, in which all derivatives are written.
    """

    params: tuple[str, ...] = ("weight", "bias")
    eps: float
    weight: Array
    bias: Array

    def _mean(self, t: Array) -> Array:
        """The mean over the axes that are normalised, broadcast against t."""
        raise NotImplementedError(f"{self} does not state its means")

    def _sum(self, t: Array) -> Array:
        """The sum over everything that shares a weight, in the shape of the weight."""
        raise NotImplementedError(f"{self} does not state its sums")

    def _scaled(self, t: Array) -> Array:
        return self.weight * t

    def _P(self, t: Array, x_hat: Array) -> Array:
        return t - self._mean(t) - x_hat * self._mean(t * x_hat)

    def _normalised(self, x: Array) -> tuple[Array, Array]:
        """x̂ and rstd."""
        centred = x - self._mean(x)
        rstd = 1 / np.sqrt(self._mean(centred * centred) + self.eps)
        return centred * rstd, rstd

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        x_hat, rstd = self._normalised(x)
        return self._scaled(x_hat) + self.bias, (x_hat, rstd)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        x_hat, rstd = cache
        return rstd * self._P(self._scaled(dy), x_hat)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        x_hat, _ = cache
        return {"weight": self._sum(dy * x_hat), "bias": self._sum(dy)}

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array, Grads]:
        x_hat, rstd = cache
        v, u = self._scaled(dy), rstd * self._P(ddx, x_hat)
        h = -rstd * (v * self._mean(ddx * x_hat) + ddx * self._mean(v * x_hat))
        curved = self._mean(ddx * rstd * self._P(v, x_hat))
        dx = rstd * self._P(h, x_hat) - rstd * x_hat * curved
        return self._scaled(u), dx, {"weight": self._sum(dy * u)}


class LayerNorm(SampleNorm):
    """Give every sample zero mean and unit variance over its own features, then rescale.

    No sample depends on another, so a critic with a penalty per sample (WGAN-GP) may use it where
    batch norm is forbidden.

    Shapes      x, y, dx, dy, ddx, ddy (..., *normalized_shape); weight, bias normalized_shape
                means run over the axes of normalized_shape, sums over the axes before them

    Forward     x̂ = (x - mean) · rstd        rstd = 1 / √(var + ε)
                y = weight · x̂ + bias
    Backward    as SampleNorm
    Twice       as SampleNorm
    Cache       as SampleNorm
    Source      Ba, Kiros & Hinton 2016, section 3, for forward and backward; "Twice" derived here.
    """

    shown = ("normalized_shape",)

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        *,
        eps: float = 1e-5,
        dtype: DTypeLike = np.float32,
    ) -> None:
        sizes: Any = normalized_shape
        shape = tuple(sizes) if isinstance(sizes, tuple | list) else (sizes,)
        if not shape or not whole(*shape) or not eps > 0:
            expected = "a shape of positive sizes and eps > 0"
            raise ValueError(f"LayerNorm needs {expected}, got {normalized_shape} and {eps}")
        self.normalized_shape, self.eps = shape, eps
        self.weight, self.bias = np.ones(shape, dtype), np.zeros(shape, dtype)
        self._features = tuple(range(-len(shape), 0))

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        d, shape = len(self.normalized_shape), self.normalized_shape
        expected = f"(N, ..., {', '.join(map(str, shape))})"
        self.check(x, lambda s: len(s) > d and tuple(s[-d:]) == shape, expected)
        return super().forward(x, train)

    def _mean(self, t: Array) -> Array:
        return t.mean(axis=self._features, keepdims=True)

    def _sum(self, t: Array) -> Array:
        return t.sum(axis=tuple(range(t.ndim - len(self.normalized_shape))))


class InstanceNorm(SampleNorm):
    """Give every channel of every image zero mean and unit variance over its pixels, then rescale.

    Training and evaluation are the same function: there are no running statistics. How bright and
    how contrasty an image was is lost after it. A convolution before it needs no bias.

    Shapes      x, y, dx, dy, ddx, ddy (N, H, W, C); weight, bias (C,)
                means run over H and W of one sample and channel, sums over N, H and W

    Forward     x̂ = (x - mean) · rstd        rstd = 1 / √(var + ε)
                y = weight · x̂ + bias        y = x̂ where affine is false
    Backward    as SampleNorm
    Twice       as SampleNorm
    Cache       as SampleNorm
    Source      Ulyanov, Vedaldi & Lempitsky 2016; "Twice" as LayerNorm's, derived here.
    """

    shown = ("num_features",)

    def __init__(
        self,
        num_features: int,
        *,
        affine: bool = True,
        eps: float = 1e-5,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not whole(num_features) or not eps > 0:
            expected = "num_features >= 1 and eps > 0"
            raise ValueError(f"InstanceNorm needs {expected}, got {num_features} and {eps}")
        self.num_features, self.affine, self.eps = num_features, affine, eps
        self.params = ("weight", "bias") if affine else ()
        if affine:
            self.weight, self.bias = np.ones(num_features, dtype), np.zeros(num_features, dtype)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        C = self.num_features
        self.check(x, lambda shape: len(shape) == 4 and shape[3] == C, f"(N, H, W, {C})")
        if x.shape[1] * x.shape[2] < 2:
            raise ValueError(f"{self}: x has shape {tuple(x.shape)}: one pixel has no variance")
        x_hat, rstd = self._normalised(x)
        y = self._scaled(x_hat)
        return (y + _row(self.bias, x) if self.affine else y), (x_hat, rstd)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        return super().param_grads(dy, cache) if self.affine else {}

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array, Grads]:
        ddy, dx, grads = super().double_backward(ddx, dy, cache)
        return ddy, dx, grads if self.affine else {}

    def _mean(self, t: Array) -> Array:
        # A product with a row of 1/m is several times as fast as t.mean, and a mean that stands
        # once for each pixel of a row gives long inner loops: (N, 1, W, C), not (N, 1, 1, C).
        N, H, W, C = t.shape
        pixels = np.full_like(t, 1 / (H * W), shape=(1, H * W))
        return np.repeat((pixels @ t.reshape(N, H * W, C))[:, np.newaxis], W, axis=2)

    def _sum(self, t: Array) -> Array:
        return kernels.channel_sum(t)

    def _scaled(self, t: Array) -> Array:
        return _row(self.weight, t) * t if self.affine else t

    def __repr__(self) -> str:
        shown = super().__repr__()
        return shown if self.affine else f"{shown[:-1]}, affine=False)"


def _row(v: Array, t: Array) -> Array:
    """v (C,) for every pixel of a row of t, (W, C): inner loops are W times as long."""
    return np.repeat(v[np.newaxis], t.shape[2], axis=0)
