"""The projection of features onto a condition: the last layer of a conditional discriminator."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.init import Initializer, normal, uniform_fan_in
from minigan.layers.layer import Cache, Grads, whole
from minigan.layers.table import Tabled

N002 = normal(0.02)


class Projection(Tabled):
    """A score of the features that depends on the condition by an inner product.

    Shapes      x, dx, ddx (N, n); y, dy, ddy (N, 1); weight (n, 1); bias (1,); r (N, n)
                embed (K, n), c labels in [0, K); or embed (d, n), c, dc, ddc vectors (N, d)

    Forward     y = x · weight + bias + Σ r x over n
                r = embed[c], or c · embed
    Backward    dx = dy · (weightᵀ + r)          dweight = xᵀ · dy        dbias = Σ dy
                dr = dy · x                      dembed = scatter(c, dr), or cᵀ · dr
                                                 dc = dr · embedᵀ of vectors
    Twice       ddy = ddx · weight + Σ ddx r     dweight = ddxᵀ · dy      no dx
                the gradient with respect to r is dy · ddx: it goes where dr goes
                With ddc: ddr = ddc · embed      ddy += Σ ddr x           dx = dy · ddr
                                                 dembed += ddcᵀ · dr

    If log p(x | c) / q(x | c) is linear in the features for every c, it splits into this inner
    product and a part without c. embed starts at N(0, 0.02): with N(0, 1) the conditional part
    would be larger than the rest.

    Whoever reads the data checks the range of labels.

    Cache       x and c, because the two are multiplied.
    Source      Miyato & Koyama 2018, section 3; "Twice" derived here.
    """

    params = ("weight", "bias", "embed")

    def __init__(
        self,
        in_features: int,
        *,
        classes: int | None = None,
        vectors: int | None = None,
        rng: np.random.Generator,
        init: Initializer = uniform_fan_in,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not whole(in_features):
            raise ValueError(f"Projection needs at least one input, got {in_features}")
        rows, n = self._choose(classes, vectors), in_features
        self.in_features = n
        self.weight, self.bias = init(rng, (n, 1), n).astype(dtype), np.zeros(1, dtype)
        self.embed = N002(rng, (rows, n), rows).astype(dtype)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        n = self.in_features
        self.check(x, lambda shape: len(shape) == 2 and shape[1] == n, f"(N, {n})")
        c = self._checked(x)
        r = self._rows(c, self.embed)
        y = kernels.matmul(x, self.weight) + self.bias + (r * x).sum(axis=1, keepdims=True)
        return y, (x, c)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        _, c = cache
        return dy * (self.weight.T + self._rows(c, self.embed))

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        x, c = cache
        dr = dy * x
        dweight, dbias = kernels.matmul(x.T, dy), kernels.channel_sum(dy)
        grads = {"weight": dweight, "bias": dbias, "embed": self._table_grad(c, dr)}
        return self._with_condition(grads, (dr, self.embed))

    def double_backward(
        self,
        ddx: Array,
        dy: Array,
        cache: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        x, c = cache
        r, dr_twice = self._rows(c, self.embed), dy * ddx
        ddy = kernels.matmul(ddx, self.weight) + (ddx * r).sum(axis=1, keepdims=True)
        dembed, dx = self._table_grad(c, dr_twice), None
        if self.towards is not None:
            ddr = kernels.matmul(self.towards, self.embed)
            ddy = ddy + (ddr * x).sum(axis=1, keepdims=True)
            dx = dy * ddr
            dembed += kernels.matmul(self.towards.T, dy * x)
        grads = {"weight": kernels.matmul(ddx.T, dy), "embed": dembed}
        return ddy, dx, self._with_condition(grads, (dr_twice, self.embed))

    def __repr__(self) -> str:
        return f"Projection({self.in_features}, {self._kind()})"
