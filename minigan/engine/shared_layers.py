"""The layers that look across a team: each is its page's layer for one thread's rows, and meets the other threads.

They are members of a replica (`sharded.py`): thread `rank` of a circle holds one, and all of them run the same calls
in the same order. Parameters are the page's own arrays.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.engine.team import Circle
from minigan.layers import BatchNorm, Dropout, Layer
from minigan.layers.layer import Cache, Grads, any_shape

T = TypeVar("T")


class _Member:
    """A layer's place in a circle."""

    circle: Circle
    rank: int

    def join(self, page: Layer, circle: Circle, rank: int, memo: dict[int, Any]) -> None:
        """Become `page`, whose arrays are copied or shared as `memo` says, at this place."""
        vars(self).update(copy.deepcopy(vars(page), memo))
        self.circle, self.rank = circle, rank

    def gather(self, value: T) -> list[T]:
        return self.circle.gather(self.rank, value)

    def from_the_first(self, make: Callable[[], Array]) -> Array:
        """What the first thread makes, in every thread."""
        (made, *_) = self.gather(make() if self.rank == 0 else None)
        assert made is not None
        return made


class SharedBatchNorm(_Member, BatchNorm):
    """Batch norm with the moments and means of all threads' rows: the page's formulas, its sums being sums over the
    team. dweight and dbias are those of its own rows."""

    def __init__(self, page: BatchNorm, circle: Circle, rank: int, memo: dict[int, Any]) -> None:
        self.join(page, circle, rank, memo)

    def _batch_moments(self, x: Array) -> tuple[Array, Array]:
        m = x.size // self.num_features
        parts = self.gather((m, *kernels.moments(x)))
        M = sum(m for m, _, _ in parts)
        if M < 2:
            raise ValueError(
                f"{self}: a batch of {M} values per channel has no variance; use more samples or train=False"
            )
        mean = sum(m / M * mean for m, mean, _ in parts)
        var = sum(m / M * (var + (part - mean) ** 2) for m, part, var in parts)
        mean, var = mean.astype(x.dtype), var.astype(x.dtype)
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var * (M / (M - 1)) - self.running_var)
        return mean, var

    def _means(self, sums: Grads, x: Array) -> tuple[Array, Array]:
        M, a, b = self._totals(x, sums["bias"], sums["weight"])
        return a / M, b / M

    def _totals(self, x: Array, *sums: Array) -> list[Any]:
        """How many values per channel the team has, and the sums over the team."""
        parts = self.gather((x.size // self.num_features, *sums))
        return [sum(column[1:], column[0]) for column in zip(*parts, strict=True)]

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array | None, Grads]:
        x, mean, rstd, train = cache
        if not train:
            return super().double_backward(ddx, dy, cache)
        batch = tuple(range(x.ndim - 1))
        scale, x_hat = self.weight * rstd, (x - mean) * rstd

        def average(v: Array) -> Array:
            M, total = self._totals(x, v.sum(axis=batch))
            return total / M

        def P(v: Array) -> Array:
            return v - average(v) - x_hat * average(v * x_hat)

        own = (ddx * P(dy)).sum(axis=batch)
        M, S = self._totals(x, own)
        h = -scale * (ddx * average(dy * x_hat) + dy * average(ddx * x_hat))
        dx = rstd * P(h) - scale * rstd / M * x_hat * S
        return scale * P(ddx), dx, {"weight": rstd * own}


class SharedDropout(_Member, Dropout):
    """Dropout with the mask that one thread would have drawn: the first draws it, for everybody's rows."""

    def __init__(self, page: Dropout, circle: Circle, rank: int, memo: dict[int, Any]) -> None:
        self.join(page, circle, rank, memo)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, any_shape, "any shape")
        if not train or self.p == 0:
            return x, None
        counts = self.gather(len(x))
        start, everybodys = sum(counts[: self.rank]), np.empty_like(x, shape=(sum(counts), *x.shape[1:]))
        mask = self.from_the_first(lambda: kernels.dropout_mask(everybodys, self.p, self.rng))[start : start + len(x)]
        return mask * x, mask
