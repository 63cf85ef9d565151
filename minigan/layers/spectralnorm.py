"""Spectral normalisation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np

from minigan import kernels
from minigan.device import Array, like
from minigan.layers.conv import Conv2d, ConvTranspose2d
from minigan.layers.layer import Cache, Grads, Layer
from minigan.layers.linear import Linear
from minigan.random import generator

OUT_AXIS: dict[type[Layer], int] = {Linear: 1, Conv2d: 3, ConvTranspose2d: 2}  # of the weight


class SpectralNorm(Layer):
    """Divide a layer's weight by its largest singular value, so that the layer stretches no vector.

    Shapes      x, y and their gradients as of the layer inside; W = weight as a matrix (out, rest),
                rest = all its axes but that of the outputs; u (out,) and v (rest,) unit vectors;
                σ a number

    Forward     v ← Wᵀ u / (‖Wᵀ u‖ + ε)        u ← W v / (‖W v‖ + ε)        in training: one step of
                                                                            power iteration
                σ = uᵀ W v        W̄ = W / σ        y = the layer's, with W̄ instead of W

    Backward    dx = the layer's, with W̄
                dW = (dW̄ - <dW̄, W̄> · u vᵀ) / σ     u and v count as constants: where they are
                                                   W's singular vectors, dσ = uᵀ dW v is exact,
                                                   for σ is stationary in them

    Twice       as of the layer with W̄; the gradient of W̄ gives that of W by the same formula.

    Eval mode   u and v as they are stored.

    The bias is not changed. u and v are buffers, changed in place: inside `keeping_buffers` the
    iteration is undone. A weight that is all zero has no direction, and σ = 0.

    Names       the layer's own: "weight", "bias".
    Cache       the layer with W̄, and its cache; u, v and σ, because the next pass changes them.
    Source      Miyato et al. 2018, section 2 and appendix A.
    """

    couples = True  # every training pass changes u and v; two batches in one pass: only once
    buffers = ("u", "v")

    def __init__(
        self,
        layer: Linear | Conv2d | ConvTranspose2d,
        eps: float = 1e-12,
        *,
        rng: np.random.Generator,
    ) -> None:
        if type(layer) not in OUT_AXIS:
            expected = "a Linear, Conv2d or ConvTranspose2d"
            raise ValueError(f"SpectralNorm wraps {expected}, got {layer!r}")
        if not eps > 0:
            raise ValueError(f"SpectralNorm needs eps > 0, got {eps}")
        self.layer, self.eps, self.params = layer, eps, layer.params
        W = self._matrix()
        self.u = self._unit(like(generator(rng).normal(size=len(W)), W))
        self.v = self._unit(kernels.vector_matrix(self.u, W))

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        W, u, v = self._matrix(), self.u.copy(), self.v.copy()  # the cache keeps them
        if train:
            v = self._unit(kernels.vector_matrix(u, W))
        Wv = kernels.matrix_vector(W, v)
        if train:
            u = self._unit(Wv)
        sigma = (u * Wv).sum()
        twin = copy.copy(self.layer)
        twin.weight = self.layer.weight / sigma
        y, cache = twin.forward(x, train)  # ValueError for a wrong x, before any buffer changes
        if train:
            self.u[...], self.v[...] = u, v
        return y, (twin, cache, u, v, sigma)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        twin, inner, *_ = cache
        return twin.input_grad(dy, inner)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        twin, inner, *_ = cache
        return self._of_weight(twin.param_grads(dy, inner), cache)

    def double_backward(
        self,
        ddx: Array,
        dy: Array,
        cache: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        twin, inner, *_ = cache
        ddy, dx, grads = twin.double_backward(ddx, dy, inner)
        return ddy, dx, self._of_weight(grads, cache)

    def _of_weight(self, grads: Grads, cache: Cache) -> Grads:
        """The layer's gradients, with that of W̄ carried on to W."""
        twin, _, u, v, sigma = cache
        dW, axis = grads["weight"], self._out_axis
        others = tuple(n for i, n in enumerate(dW.shape) if i != axis)
        uv = np.moveaxis((u[:, np.newaxis] * v).reshape(len(u), *others), 0, axis)
        return grads | {"weight": (dW - (dW * twin.weight).sum() * uv) / sigma}

    @property
    def _out_axis(self) -> int:
        return OUT_AXIS[type(self.layer)]

    def _matrix(self) -> Array:
        """The weight as (out, rest)."""
        weight = self.layer.weight
        return np.moveaxis(weight, self._out_axis, 0).reshape(weight.shape[self._out_axis], -1)

    def _unit(self, t: Array) -> Array:
        return t / (np.sqrt((t * t).sum()) + self.eps)

    def named_params(self) -> Iterator[tuple[str, Array]]:
        return self.layer.named_params()

    def convert(self, change: Callable[[Array], Array]) -> None:
        self.layer.convert(change)
        self.u, self.v = change(self.u), change(self.v)

    def __repr__(self) -> str:
        return f"SpectralNorm({self.layer})"
