"""A network shared by a team: every thread takes it through its own part of the batch.

    y   = [f(rows of thread 0), f(rows of thread 1), ...]        dx likewise
    dθ  = Σ over the threads, in their order                     the same sum, added up in another order

Only batch norm looks across the rows: its sums run over the whole team (`TeamBatchNorm`). For one number of threads the
result is the same to the last bit every time; for another number it differs by rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.layers import BatchNorm, Layer, accumulate
from minigan.layers.composite import Composite
from minigan.layers.layer import Cache, Grads
from minigan.training.team import Team, walk


class TeamBatchNorm(BatchNorm):
    """Batch norm of one thread's rows with the moments and means of all of them: the page's formulas, its sums being
    sums over the team. dweight and dbias are those of its own rows."""

    def __init__(self, page: BatchNorm, team: Team, rank: int, memo: dict[int, Any]) -> None:
        vars(self).update(copy.deepcopy(vars(page), memo))
        self.team, self.rank = team, rank

    def _batch_moments(self, x: Array) -> tuple[Array, Array]:
        m = x.size // self.num_features
        parts = self.team.gather(self.rank, (m, *kernels.moments(x)))
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
        parts = self.team.gather(self.rank, (x.size // self.num_features, *sums))
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


class Sharded(Composite):
    """A network, run by a team: every thread has a replica with the same parameters, and takes its rows of the batch.

    Its parameters and buffers are the network's own. It is a Layer like any other: steps, penalties and optimizers do
    not know of the team. ValueError for a batch with fewer rows than threads.
    """

    def __init__(self, network: Layer, team: Team) -> None:
        self.network, self.team = network, team
        self.replicas = [_replica(network, team, rank) for rank in range(team.size)]

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        rows = self._rows(x)
        for replica in self.replicas[1:]:  # the first has the network's own buffers
            for (_, buffer), (_, own) in zip(replica.named_buffers(), self.network.named_buffers(), strict=True):
                buffer[...] = own
        found = self.team.run(lambda rank: self.replicas[rank].forward(x[rows[rank]], train))
        ys, caches = zip(*found, strict=True)
        return np.concatenate(ys), (caches, rows)

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        caches, rows = cache
        own: list[Grads | None] = [None if grads is None else {} for _ in rows]
        parts: list[Array] = self.team.run(
            lambda rank: self.replicas[rank].backward(dy[rows[rank]], caches[rank], own[rank], need_dx)
        )
        _add_up(grads, own)
        return np.concatenate(parts) if need_dx else None

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        caches, rows = cache
        found = self.team.run(lambda rank: self.replicas[rank].traced_backward(dy[rows[rank]], caches[rank]))
        parts, traces = zip(*found, strict=True)
        return np.concatenate(parts), Traces(traces)

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        caches, rows = cache
        seen = dy if isinstance(dy, Traces) else [dy[part] for part in rows]
        found = self.team.run(
            lambda rank: self.replicas[rank].double_backward(ddx[rows[rank]], seen[rank], caches[rank])
        )
        ddys, dxs, own = zip(*found, strict=True)
        grads: Grads = {}
        _add_up(grads, own)
        return np.concatenate(ddys), None if dxs[0] is None else np.concatenate(dxs), grads

    def __getattr__(self, name: str) -> Any:
        """What a game asks of its D besides, such as its encoder or its last layer: the network's own."""
        if "network" not in vars(self):
            raise AttributeError(name)
        return getattr(self.network, name)

    def named_params(self) -> Iterator[tuple[str, Array]]:
        return self.network.named_params()

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        return self.network.named_buffers()

    def __repr__(self) -> str:
        return f"{self.network} by {self.team.size} threads"

    def _rows(self, x: Array) -> list[slice]:
        """The rows of each thread: equal numbers, the first threads one more where it does not come out even."""
        N, size = len(x), self.team.size
        if size > N:
            raise ValueError(f"a batch of {N} rows cannot be shared by {size} threads; take fewer threads")
        ends = [N * rank // size for rank in range(size + 1)]
        return [slice(a, b) for a, b in pairwise(ends)]


class Traces(tuple[Any, ...]):
    """What a traced backward left in each thread."""


def _replica(network: Layer, team: Team, rank: int) -> Layer:
    """A copy with the same parameters, for the first thread with the same buffers too, and batch norm over the team."""
    memo: dict[int, Any] = {id(array): array for _, array in network.named_params()}
    if rank == 0:
        memo |= {id(array): array for _, array in network.named_buffers()}
    for layer in walk(network):
        if type(layer) is BatchNorm:
            memo[id(layer)] = TeamBatchNorm(layer, team, rank, memo)
    return copy.deepcopy(network, memo)


def _add_up(grads: Grads | None, own: Any) -> None:
    if grads is not None:
        for more in own:
            accumulate(grads, more)
