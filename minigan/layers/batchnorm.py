"""Batch normalisation."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.layers.activations import LeakyReLU, ReLU
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

    Twice       P is symmetric, so the third sweep meets the same P:
                ddy     = weight · rstd · P(ddx)
                dweight = rstd · S            S = Σ ddx · P(dy)
                dx      = rstd · P(h) - weight · rstd² / m · x̂ · S
                h       = -weight · rstd · (ddx · mean(dy · x̂) + dy · mean(ddx · x̂))

    Eval mode   mean and var are the running ones, constants: dx = weight · rstd · dy, ddy = weight · rstd · ddx.

    Running     running += momentum · (batch - running): momentum is the weight of the new batch, as in PyTorch;
                the running variance is unbiased (m - 1), the one that normalises is not.

    Cache       x, mean, rstd, and the mode that the forward pass ran in.
    Source      Ioffe & Szegedy 2015, section 3, for forward and backward; "Twice" derived here.
    """

    couples = True  # through mean and rstd of the batch
    params = ("weight", "bias")
    buffers = ("running_mean", "running_var")
    shown = ("num_features",)

    def __init__(
        self, num_features: int, *, eps: float = 1e-5, momentum: float = 0.1, dtype: DTypeLike = np.float32
    ) -> None:
        if not whole(num_features) or not eps > 0 or not 0 <= momentum <= 1:
            raise ValueError(
                "BatchNorm needs num_features >= 1, eps > 0 and momentum (the weight of the new batch) in [0, 1], "
                f"got {num_features}, {eps} and {momentum}"
            )
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight, self.bias = np.ones(num_features, dtype), np.zeros(num_features, dtype)
        self.running_mean, self.running_var = np.zeros(num_features, dtype), np.ones(num_features, dtype)

    def forward(self, x: Array, train: bool = True, slope: float = 1) -> tuple[Array, Cache]:
        """As in Layer; with a slope, y is what a leaky ReLU behind this layer gives."""
        C = self.num_features
        self.check(x, lambda shape: len(shape) >= 2 and shape[-1] == C, f"(N, {C}) or (N, H, W, {C})")
        if train:
            mean, var = self._batch_moments(x)
        else:
            mean, var = self.running_mean.copy(), self.running_var  # the cache outlives the next update of the buffer
        rstd = 1 / np.sqrt(var + self.eps)
        return kernels.batchnorm(x, mean, rstd, self.weight, self.bias, slope), (x, mean, rstd, train)

    def takes_along(self, layer: Layer | None) -> TypeGuard[LeakyReLU]:
        """Can forward's `slope` stand for `layer`, the next one? Not where a subclass of either has its own way."""
        kept = type(self).forward is BatchNorm.forward and type(self).backward is BatchNorm.backward
        return kept and type(layer) in (LeakyReLU, ReLU)

    def _batch_moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of this batch, towards which the running ones take a step."""
        m = x.size // self.num_features
        if m < 2:
            raise ValueError(
                f"{self}: a batch of {m} values per channel has no variance; use more samples or train=False"
            )
        mean, var = kernels.moments(x)
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var * (m / (m - 1)) - self.running_var)
        return mean, var

    def backward(
        self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True, out: Array | None = None
    ) -> Array | None:
        """As in Layer; the two sums are taken once and serve both questions. `out` takes dx, and may be dy itself."""
        sums = self.param_grads(dy, cache)
        dx = self._input_grad(dy, cache, sums, out) if need_dx else None
        if grads is not None:
            accumulate(grads, sums)
        return dx

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return self._input_grad(dy, cache, self.param_grads(dy, cache))

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        x, mean, rstd, _ = cache
        dbias, dweight = kernels.batchnorm_sums(dy, x, mean, rstd)
        return {"weight": dweight, "bias": dbias}

    def _input_grad(self, dy: Array, cache: Cache, sums: Grads, out: Array | None = None) -> Array:
        x, mean, rstd, train = cache
        if not train:
            return np.multiply(self.weight * rstd, dy, out=out)
        return kernels.batchnorm_grad(dy, x, mean, rstd, self.weight, *self._means(sums, x), out)

    def _means(self, sums: Grads, x: Array) -> tuple[Array, Array]:
        """mean(dy) and mean(dy · x̂), from this batch's two sums."""
        m = x.size // self.num_features
        return sums["bias"] / m, sums["weight"] / m

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array | None, Grads]:
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
