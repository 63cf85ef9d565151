"""A table of vectors, one for every label or word."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.init import Initializer, normal
from minigan.layers.layer import Cache, Grads, Layer, whole

N01 = normal(1.0)


class Embedding(Layer):
    """Look up a row of a table for every integer.

    Shapes      x (N,) or (N, T), integers in [0, K); y, dy (..., d); weight (K, d)

    Forward     y = weight[x]        0 where x = padding_idx
    Backward    dweight = scatter(x, dy): the sum of dy over the places with the same integer
                no dx: integers have no gradient
    Twice       none. It is a part of what computes a condition, whose ordinary backward pass is
                all that a penalty on dD/dx asks for (Conditioned).

    Whoever reads the data checks the range of the integers: here, on a GPU, it would have to wait.

    Cache       x, because dy is added to the rows that x has chosen.
    Source      Bengio, Ducharme, Vincent & Jauvin 2003, section 2.
    """

    params = ("weight",)
    shown = ("num_embeddings", "embedding_dim")

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        rng: np.random.Generator,
        init: Initializer = N01,
        dtype: DTypeLike = np.float32,
    ) -> None:
        K, d = num_embeddings, embedding_dim
        if not whole(K, d):
            raise ValueError(f"Embedding needs at least one row and one column, got {K} and {d}")
        if padding_idx is not None and not (whole(padding_idx + 1) and padding_idx < K):
            raise ValueError(f"padding_idx must be a row in [0, {K}), got {padding_idx}")
        self.num_embeddings, self.embedding_dim, self.padding_idx = K, d, padding_idx
        self.weight = init(rng, (K, d), K).astype(dtype)
        if padding_idx is not None:
            self.weight[padding_idx] = 0

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        came = getattr(x, "dtype", type(x).__name__)
        if getattr(came, "kind", None) not in ("i", "u"):
            raise ValueError(f"{self}: x must be an array of integers, got {came}")
        if x.ndim not in (1, 2):
            raise ValueError(f"{self}: x has shape {tuple(x.shape)}, expected (N,) or (N, T)")
        return self._without_padding(self.weight[x], x), x

    def input_grad(self, dy: Array, x: Cache) -> Array:
        raise TypeError(f"{self}: integers have no gradient; ask with need_dx=False")

    def param_grads(self, dy: Array, x: Cache) -> Grads:
        rows = self._without_padding(dy, x).reshape(-1, self.embedding_dim)
        return {"weight": kernels.scatter(x.ravel(), rows, self.num_embeddings)}

    def _without_padding(self, rows: Array, x: Array) -> Array:
        """rows (..., d), 0 where x is the padding."""
        if self.padding_idx is None:
            return rows
        return rows * (x != self.padding_idx)[..., np.newaxis].astype(rows.dtype)
