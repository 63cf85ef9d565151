"""Conditioning augmentation: draw a condition from a Gaussian around what a text encoder gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan import init as initializers
from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, accumulate, whole

LOG_SIGMA = -1.0  # where log σ starts: with σ = 1 a generator would see noise, not its caption


class Augment(Layer):
    """Draw every sample's condition from a Gaussian whose mean and width depend on its embedding.

    Shapes      x, dx, ddx (N, n), an embedding; y, dy, ddy, ε (N, k); weight (n, 2k); bias (2k,)

    Forward     [μ, s] = x · weight + bias        y = μ + eˢ ε        ε ~ N(0, 1), s = log σ

    Backward    t = [dy, dy eˢ ε]        dx = t · weightᵀ
                dweight = xᵀ · t         dbias = Σ t over the batch

    Twice       [a, r] = ddx · weight
                ddy = a + r eˢ ε
                o = [0, dy r eˢ ε]       dx = o · weightᵀ
                dweight = ddxᵀ · t + xᵀ · o        dbias = Σ o

    ε is drawn in evaluation mode too: it is a part of what makes two samples of one caption differ.
    `kl` pulls the Gaussians towards N(0, 1), so that they overlap and the conditions between two
    captions are seen in training.

    Cache       x; eˢ ε, by which everything that depends on s is multiplied.
    Source      Zhang et al. 2016 (StackGAN), section 3.2; "Twice" derived here.
    """

    params = ("weight", "bias")
    shown = ("in_features", "codes")
    draws = True

    def __init__(
        self,
        in_features: int,
        codes: int,
        *,
        rng: np.random.Generator,
        init: initializers.Initializer = initializers.uniform_fan_in,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not whole(in_features, codes):
            expected = "Augment needs at least one input and one code"
            raise ValueError(f"{expected}, got {in_features} and {codes}")
        self.in_features, self.codes, self.rng = in_features, codes, rng
        self.weight = init(rng, (in_features, 2 * codes), in_features).astype(dtype)
        self.bias = np.zeros(2 * codes, dtype)
        self.bias[codes:] = LOG_SIGMA

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        return self.at(x, self._noise(x))

    def at(self, x: Array, eps: Array) -> tuple[Array, Cache]:
        """The forward pass with this ε (N, k), for whoever draws it."""
        mu, s = self._gaussian(x)
        spread = np.exp(s) * eps
        return mu + spread, (x, spread)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        _, spread = cache
        return kernels.matmul(self._both(dy, dy * spread), self.weight.T)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        x, spread = cache
        t = self._both(dy, dy * spread)
        return {"weight": kernels.matmul(x.T, t), "bias": kernels.channel_sum(t)}

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array, Grads]:
        x, spread = cache
        t, tangent = self._both(dy, dy * spread), kernels.matmul(ddx, self.weight)
        a, r = tangent[:, : self.codes], tangent[:, self.codes :]
        o = self._both(np.zeros_like(dy), dy * r * spread)
        dweight = kernels.matmul(ddx.T, t) + kernels.matmul(x.T, o)
        grads = {"weight": dweight, "bias": kernels.channel_sum(o)}
        return a + r * spread, kernels.matmul(o, self.weight.T), grads

    def kl(self, x: Array, grads: Grads, weight: float) -> Array:
        """R = weight · mean over batch and codes of ½ (μ² + e²ˢ - 1 - 2s), the divergence of the
        Gaussians from N(0, 1). Its parameter gradients are added to `grads`, like a penalty's:

        d[μ, s] = weight / (N k) · [μ, e²ˢ - 1]        dweight = xᵀ · d[μ, s]        dbias = Σ
        """
        mu, s = self._gaussian(x)
        variance = np.exp(2 * s)
        d = weight / mu.size * self._both(mu, variance - 1)
        accumulate(grads, {"weight": kernels.matmul(x.T, d), "bias": kernels.channel_sum(d)})
        return weight / 2 * (mu * mu + variance - 1 - 2 * s).mean()

    def _gaussian(self, x: Array) -> tuple[Array, Array]:
        """μ and s, both (N, k)."""
        n = self.in_features
        self.check(x, lambda shape: len(shape) == 2 and shape[1] == n, f"(N, {n})")
        both = kernels.matmul(x, self.weight) + self.bias
        return both[:, : self.codes], both[:, self.codes :]

    def _noise(self, x: Array) -> Array:
        """ε for the rows of x."""
        return kernels.normal(x, (len(x), self.codes), self.rng)

    def _both(self, left: Array, right: Array) -> Array:
        return np.concatenate([left, right], axis=1)
