"""Batch normalisation with a scale and a shift that depend on the condition."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.init import normal
from minigan.layers.batchnorm import BatchNorm
from minigan.layers.layer import Cache, Grads, Layer
from minigan.layers.table import Tabled, ones_of, over_pixels, sum_of_pixels

N002 = normal(0.02)


class ConditionalBatchNorm(Tabled, BatchNorm):
    """Normalise every channel over the batch, then rescale every sample by its condition.

    Shapes      x, y, dx, dy, ddx, ddy (N, ..., C); mean, rstd (C,); γ, β (N, C), one row for all
                pixels of a sample; Σ over the pixels of a sample, means over batch and pixels
                labels: weight, bias (K, C), c in [0, K); vectors: weight, bias (d, C), c (N, d)

    Forward     x̂ = (x - mean) · rstd        statistics of the whole batch, all classes together
                y = γ · x̂ + β
                labels:   γ = weight[c]          β = bias[c]
                vectors:  γ = 1 + c · weight     β = c · bias

    Backward    v = γ · dy                   P as in BatchNorm
                dx = rstd · P(v)
                dγ = Σ dy · x̂                dβ = Σ dy
                labels:   dweight = scatter(c, dγ)       dbias = scatter(c, dβ)
                vectors:  dweight = cᵀ · dγ              dbias = cᵀ · dβ
                          dc = dγ · weightᵀ + dβ · biasᵀ

    Twice       u = rstd · P(ddx)
                ddy = γ · u
                the gradient with respect to γ is q = Σ dy · u: it goes where dγ goes; bias has none
                h  = -rstd · (ddx · mean(v · x̂) + v · mean(ddx · x̂))
                dx = rstd · P(h) - rstd · x̂ · mean(ddx · rstd · P(v))

    With ddc    g = ddc · weight             b = ddc · bias
                ddy += g · x̂ + b             h += g · dy
                dweight += ddcᵀ · dγ         dbias += ddcᵀ · dβ

    Eval mode   mean and var are the running ones, constants: P(t) = t, and the only dx under Twice
                is that of h = g · dy. The running ones belong to the mixture of conditions in
                training; a batch of one class in training mode would be normalised by its own.

    Cache       x, mean, rstd and the mode, as in BatchNorm; and c, which the tables are read by.
    Source      Dumoulin, Shlens & Kudlur 2017, section 2.2; "Twice" derived here.
    """

    backward = Layer.backward

    def __init__(
        self,
        num_features: int,
        *,
        classes: int | None = None,
        vectors: int | None = None,
        rng: np.random.Generator | None = None,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, dtype=dtype)
        rows, C = self._choose(classes, vectors), num_features
        if self.classes is not None:
            self.weight, self.bias = np.ones((rows, C), dtype), np.zeros((rows, C), dtype)
        elif rng is None:
            raise ValueError("ConditionalBatchNorm of vectors draws its first weights: pass rng=")
        else:
            self.weight, self.bias = (N002(rng, (rows, C), rows).astype(dtype) for _ in range(2))

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        mean, rstd = self._statistics(x, train)
        c = self._checked(x)
        beta = over_pixels(self._rows(c, self.bias), x)
        return self._gamma(c, x) * ((x - mean) * rstd) + beta, (x, mean, rstd, train, c)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        x, mean, rstd, train, c = cache
        v = self._gamma(c, x) * dy
        if not train:
            return rstd * v
        means = self._over_batch(x, *kernels.batchnorm_sums(v, x, mean, rstd))
        return kernels.batchnorm_grad(v, x, mean, rstd, ones_of(x), *means)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        x, mean, rstd, _, c = cache
        dgamma, dbeta = sum_of_pixels(dy * ((x - mean) * rstd)), sum_of_pixels(dy)
        grads = {"weight": self._table_grad(c, dgamma), "bias": self._table_grad(c, dbeta)}
        return self._with_condition(grads, (dgamma, self.weight), (dbeta, self.bias))

    def double_backward(
        self,
        ddx: Array,
        dy: Array,
        cache: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        x, mean, rstd, train, c = cache
        x_hat, gamma = (x - mean) * rstd, self._gamma(c, x)
        batch = tuple(range(x.ndim - 1))

        def average(t: Array) -> Array:
            return self._over_batch(x, t.sum(axis=batch))[0]

        def P(t: Array) -> Array:
            return t - average(t) - x_hat * average(t * x_hat) if train else t

        v, u, h, dx = gamma * dy, rstd * P(ddx), None, None
        ddy, q = gamma * u, sum_of_pixels(dy * u)
        grads = {"weight": self._table_grad(c, q)}
        if train:
            h = -rstd * (ddx * average(v * x_hat) + v * average(ddx * x_hat))
        if self.towards is not None:
            ddc = self.towards
            g = over_pixels(kernels.matmul(ddc, self.weight), x)
            ddy = ddy + g * x_hat + over_pixels(kernels.matmul(ddc, self.bias), x)
            h = g * dy if h is None else h + g * dy
            grads["weight"] += kernels.matmul(ddc.T, sum_of_pixels(dy * x_hat))
            grads["bias"] = kernels.matmul(ddc.T, sum_of_pixels(dy))
        if h is not None:
            dx = rstd * P(h)
        if train:
            dx = dx - rstd * x_hat * average(ddx * rstd * P(v))
        return ddy, dx, self._with_condition(grads, (q, self.weight))

    def _over_batch(self, x: Array, *sums: Array) -> list[Array]:
        """The means of which these are the sums over batch and pixels."""
        return [total / (x.size // self.num_features) for total in sums]

    def _gamma(self, c: Array, x: Array) -> Array:
        rows = self._rows(c, self.weight)
        return over_pixels(rows if self.classes is not None else 1 + rows, x)

    def __repr__(self) -> str:
        return f"ConditionalBatchNorm({self.num_features}, {self._kind()})"
