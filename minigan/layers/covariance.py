"""The covariance witness of McGAN."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan.device import Array
from minigan.init import Initializer
from minigan.kernels import matmul
from minigan.layers.layer import Cache, Grads, Layer, whole


def orthonormal(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """Orthonormal columns: the Q of a matrix (rows >= columns) of normal numbers."""
    return np.linalg.qr(rng.normal(size=shape))[0]


class Covariance(Layer):
    """Look at the features from two sets of directions, and add up the products of what is seen.

    Averaged over a batch that is <u, C v> with C = mean of x xᵀ: the difference of two batches
    compares their second moments, where a linear witness <v, x> compares their means.

    Shapes      x, dx, ddx (N, in); y, dy, ddy (N, 1); u, v (in, rank); p, q, a, b (N, rank)

    Forward     p = x · u        q = x · v        y = Σ p q over the rank

    Backward    dx = (dy q) · uᵀ + (dy p) · vᵀ
                du = xᵀ · (dy q)                     dv = xᵀ · (dy p)

    Twice       a = ddx · u      b = ddx · v      <ddx, dx> = Σ dy (a q + b p)
                ddy = Σ (a q + b p) over the rank
                dx = (dy b) · uᵀ + (dy a) · vᵀ
                du = ddxᵀ · (dy q) + xᵀ · (dy b)     dv = ddxᵀ · (dy p) + xᵀ · (dy a)

    The columns of u and of v are orthonormal at first; the objective makes them so again
    after each update.

    Cache       x, p and q, because every derivative multiplies by one of them.
    Source      Mroueh, Sercu & Goel 2017 (McGAN), section 4; "Twice" derived here.
    """

    params = ("u", "v")
    shown = ("in_features", "rank")

    def __init__(
        self,
        in_features: int,
        rank: int,
        *,
        rng: np.random.Generator,
        init: Initializer = orthonormal,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not whole(in_features, rank) or rank > in_features:
            raise ValueError(
                f"Covariance needs 1 <= rank <= in_features, so that its columns can be "
                f"orthonormal, got in_features "
                f"{in_features} and rank {rank}"
            )
        self.in_features, self.rank = in_features, rank
        self.u = init(rng, (in_features, rank), in_features).astype(dtype)
        self.v = init(rng, (in_features, rank), in_features).astype(dtype)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(
            x,
            lambda shape: len(shape) == 2 and shape[1] == self.in_features,
            f"(N, {self.in_features})",
        )
        p, q = matmul(x, self.u), matmul(x, self.v)
        return (p * q).sum(axis=1, keepdims=True), (x, p, q)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        _, p, q = cache
        return matmul(dy * q, self.u.T) + matmul(dy * p, self.v.T)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        x, p, q = cache
        return {"u": matmul(x.T, dy * q), "v": matmul(x.T, dy * p)}

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array, Grads]:
        x, p, q = cache
        a, b = matmul(ddx, self.u), matmul(ddx, self.v)
        ddy = (a * q + b * p).sum(axis=1, keepdims=True)
        dx = matmul(dy * b, self.u.T) + matmul(dy * a, self.v.T)
        du = matmul(ddx.T, dy * q) + matmul(x.T, dy * b)
        return ddy, dx, {"u": du, "v": matmul(ddx.T, dy * p) + matmul(x.T, dy * a)}
