"""Minibatch standard deviation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, whole


class MinibatchStd(Layer):
    """Append a channel that shows D how different the samples of a group are from one another.

    Shapes      x, dx, ddx (N, H, W, C); y, dy, ddy (N, H, W, C + 1); P = H W C
                groups of g = `group_size` samples that lie next to each other, the last one smaller
                where they do not come out even; mean, var, rstd (H, W, C) of each group

    Forward     x̂ = (x - mean) · rstd        σ = √(var + ε) = 1 / rstd
                t = mean of σ over pixels and channels, a number for each group        y = [x, t]

    Backward    dy = [dy_x, dy_t]        T = Σ dy_t over the group and its pixels
                dx = dy_x + T / (g P) · x̂

    Twice       ddy_x = ddx        ddy_t = Σ ddx · x̂ / (g P) over the group, at every pixel
                dx = T / (P g) · rstd · (ddx - mean(ddx) - x̂ · mean(ddx · x̂))

    A group of one has t = √ε.

    Cache       x̂ and rstd of each group, in which all derivatives are written.
    Source      Karras et al. 2018 (progressive growing), section 3. Their groups are strided; of
                independent samples that is the same, and adjacent groups survive a batch that is
                cut or joined at multiples of g.
    """

    couples = True
    shown = ("group_size",)

    def __init__(self, group_size: int = 4, *, eps: float = 1e-8) -> None:
        if not whole(group_size) or not eps > 0:
            expected = "group_size >= 1 and eps > 0"
            raise ValueError(f"MinibatchStd needs {expected}, got {group_size} and {eps}")
        self.group_size, self.eps = group_size, eps

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) == 4, "(N, H, W, C)")
        N, H, W, C = x.shape
        y = np.empty_like(x, shape=(N, H, W, C + 1))
        y[..., :C] = x
        cache = []
        for rows in self._groups(N):
            centred = x[rows] - x[rows].mean(axis=0)
            sigma = np.sqrt((centred * centred).mean(axis=0) + self.eps)
            y[rows, ..., C] = sigma.mean()
            cache.append((centred / sigma, 1 / sigma))
        return y, cache

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        dx = dy[..., :-1].copy()
        for rows, (x_hat, _) in zip(self._groups(len(dy)), cache, strict=True):
            dx[rows] += dy[rows, ..., -1].sum() / x_hat.size * x_hat
        return dx

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array, Grads]:
        ddy, dx = np.empty_like(dy), np.empty_like(ddx)
        ddy[..., :-1] = ddx
        for rows, (x_hat, rstd) in zip(self._groups(len(dy)), cache, strict=True):
            ddy[rows, ..., -1] = (ddx[rows] * x_hat).sum() / x_hat.size
            T = dy[rows, ..., -1].sum()
            along = x_hat * (ddx[rows] * x_hat).mean(axis=0)
            dx[rows] = T / x_hat.size * rstd * (ddx[rows] - ddx[rows].mean(axis=0) - along)
        return ddy, dx, {}

    def _groups(self, N: int) -> Iterator[slice]:
        return (slice(i, min(i + self.group_size, N)) for i in range(0, N, self.group_size))
