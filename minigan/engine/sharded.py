"""A network shared by a team: every thread takes it through its own part of the batch.

    y   = [f(rows of thread 0), f(rows of thread 1), ...]        dx likewise
    dθ  = Σ over the threads, in their order                     the same sum, added up in another order

Only some layers look across the rows (`shared_layers.py`): batch norm's sums run over the whole team. For one number of
threads the result is the same to the last bit every time; for another number it differs by rounding.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.engine.copies import Memo, twin
from minigan.engine.shared_layers import SharedBatchNorm, SharedDropout
from minigan.engine.team import Circle, Team
from minigan.layers import BatchNorm, Dropout, Layer, accumulate
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads


class Sharded(Around):
    """A network, run by a team: every thread has a replica with the same parameters, and takes its rows of the batch.

    Its parameters and buffers are the network's own. It is a Layer like any other: steps, penalties and optimizers do
    not know of the team. ValueError for a batch with fewer rows than threads.
    """

    def __init__(self, network: Layer, team: Team) -> None:
        super().__init__(network)
        self.team = team
        self.replicas = [replica(network, team.circle, rank, own=rank == 0) for rank in range(team.size)]

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        rows = shares(x, self.team.size)
        for other in self.replicas[1:]:  # the first has the network's own buffers
            copy_buffers(self.network, other)
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

    def __repr__(self) -> str:
        return f"{self.network} by {self.team.size} threads"


class Traces(tuple[Any, ...]):
    """What a traced backward left in each thread."""


def replica(network: Layer, circle: Circle, rank: int, own: bool) -> Layer:
    """A copy for one thread of a circle, with the same parameters; `own`: and with the network's own buffers."""

    def member(layer: Layer, memo: Memo) -> Layer | None:
        if type(layer) is BatchNorm:
            return SharedBatchNorm(layer, circle, rank, memo)
        return SharedDropout(layer, circle, rank, memo) if type(layer) is Dropout else None

    return twin(network, member, own)


def copy_buffers(source: Layer, target: Layer) -> None:
    """Give a replica the network's buffers as they are now."""
    for (_, buffer), (_, own) in zip(target.named_buffers(), source.named_buffers(), strict=True):
        buffer[...] = own


def shares(x: Array, size: int) -> list[slice]:
    """The rows of each thread: equal numbers, the last threads one more where it does not come out even."""
    N = len(x)
    if size > N:
        raise ValueError(f"a batch of {N} rows cannot be shared by {size} threads; take fewer threads")
    ends = [N * rank // size for rank in range(size + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def _add_up(grads: Grads | None, own: Any) -> None:
    if grads is not None:
        for more in own:
            accumulate(grads, more)
