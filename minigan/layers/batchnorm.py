"""Batch normalisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, accumulate, whole


class BatchNorm(Layer):
    """Give every channel zero mean and unit variance over the batch, then rescale.

    Shapes      x, y, dx, dy, ddx, ddy (..., C), the batch and the pixels in front; all else (C,)
                m = values per channel; means and sums run over those m values

    Forward     x̂ = (x - mean) · rstd        rstd = 1 / √(var + ε)
                y = weight · x̂ + bias

    Backward    mean and rstd depend on x, so dy loses two of its components:
                P(v) = v - mean(v) - x̂ · mean(v · x̂)
                dx = weight · rstd · P(dy)
                dweight = Σ dy · x̂           dbias = Σ dy

    Twice       the second-order pass; P is symmetric, so it appears in it again:
                ddy     = weight · rstd · P(ddx)
                dweight = rstd · S            S = Σ ddx · P(dy)
                dx      = rstd · P(h) - weight · rstd² / m · x̂ · S
                h       = -weight · rstd · (ddx · mean(dy · x̂) + dy · mean(ddx · x̂))

    Eval mode   mean and var are the running ones, constants:
                dx = weight · rstd · dy, ddy = weight · rstd · ddx.

    Running     running += momentum · (batch - running): momentum is the weight of the new batch, as
                in PyTorch; the running variance is unbiased (m - 1), the one in rstd is not.

    Cache       x, mean and rstd, from which x̂ is computed again: as an array of its own it would
                double the memory. And the mode, because in eval mode mean and rstd are constants.
    Source      Ioffe & Szegedy 2015, section 3, for forward and backward; "Twice" derived here.
    """

    couples = True  # through mean and rstd of the batch
    params = ("weight", "bias")
    buffers = ("running_mean", "running_var")
    shown = ("num_features",)

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not whole(num_features) or not eps > 0 or not 0 <= momentum <= 1:
            raise ValueError(
                "BatchNorm needs num_features >= 1, eps > 0 and momentum (the weight of the new "
                f"batch) in [0, 1], got {num_features}, {eps} and {momentum}"
            )
        C = self.num_features = num_features
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = np.ones(C, dtype), np.zeros(C, dtype)
        self.running_mean, self.running_var = np.zeros(C, dtype), np.ones(C, dtype)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        mean, rstd = self._statistics(x, train)
        return kernels.batchnorm(x, mean, rstd, self.weight, self.bias), (x, mean, rstd, train)

    def _statistics(self, x: Array, train: bool) -> tuple[Array, Array]:
        """The mean and rstd that normalise x."""
        C = self.num_features
        fits = f"(N, {C}) or (N, H, W, {C})"
        self.check(x, lambda shape: len(shape) >= 2 and shape[-1] == C, fits)
        if train:
            mean, var = self._batch_moments(x)
        else:  # a copy, because the cache must not change when the running mean does
            mean, var = self.running_mean.copy(), self.running_var
        return mean, 1 / np.sqrt(var + self.eps)

    def _batch_moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of this batch, towards which the running ones take a step."""
        m = x.size // self.num_features
        self._refuse_one_value(m)
        mean, var = kernels.moments(x)
        self._move_running(mean, var, m)
        return mean, var

    def _refuse_one_value(self, m: int) -> None:
        if m < 2:
            problem = f"a batch of {m} values per channel has no variance"
            raise ValueError(f"{self}: {problem}; use more samples (--batch-size) or train=False")

    def _move_running(self, mean: Array, var: Array, m: int) -> None:
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var * (m / (m - 1)) - self.running_var)

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        """As in Layer; the two sums are computed once, for dx and for the parameters."""
        sums = self.param_grads(dy, cache)
        dx = self._input_grad(dy, cache, sums) if need_dx else None
        if grads is not None:
            accumulate(grads, sums)
        return dx

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return self._input_grad(dy, cache, self.param_grads(dy, cache))

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        x, mean, rstd, _ = cache
        dbias, dweight = kernels.batchnorm_sums(dy, x, mean, rstd)
        return {"weight": dweight, "bias": dbias}

    def _input_grad(self, dy: Array, cache: Cache, sums: Grads) -> Array:
        x, mean, rstd, train = cache
        if not train:
            return self.weight * rstd * dy
        means = self._means(sums, x)
        return kernels.batchnorm_grad(dy, x, mean, rstd, self.weight, *means)

    def _means(self, sums: Grads, x: Array) -> tuple[Array, Array]:
        """mean(dy) and mean(dy · x̂), from this batch's two sums."""
        m = x.size // self.num_features
        return sums["bias"] / m, sums["weight"] / m

    def double_backward(
        self,
        ddx: Array,
        dy: Array,
        cache: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        x, mean, rstd, train = cache
        batch = tuple(range(x.ndim - 1))
        scale = self.weight * rstd
        if not train:
            return scale * ddx, None, {"weight": rstd * (ddx * dy).sum(axis=batch)}
        x_hat, m = (x - mean) * rstd, x.size // self.num_features

        def P(v: Array) -> Array:
            return v - v.mean(axis=batch) - x_hat * (v * x_hat).mean(axis=batch)

        S = (ddx * P(dy)).sum(axis=batch)
        h = -scale * (ddx * (dy * x_hat).mean(axis=batch) + dy * (ddx * x_hat).mean(axis=batch))
        dx = rstd * P(h) - scale * rstd / m * x_hat * S
        return scale * P(ddx), dx, {"weight": rstd * S}
