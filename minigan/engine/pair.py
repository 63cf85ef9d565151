"""Two batches at once, real and generated: in one batch, or each by half of a team. And one generation for two steps.

Each is a network with a `forward_pair` of its own (or a memory), to be used in place of the one it was made of.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minigan.device import Array
from minigan.engine.fuse import BatchNormReLU
from minigan.engine.processes import Processes
from minigan.engine.sharded import Sharded, buffer_pairs, join_conditions, parts_of, replica, shares, update
from minigan.engine.team import Team
from minigan.layers import BatchNorm, Layer, accumulate
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads


class OneBatch(Around):
    """A network in which nothing couples the rows of a batch: two batches of equal length go through it as one.

    Products with twice the rows take less than twice the time, and weights are read once. Where it draws random numbers
    (dropout), it draws others than in two passes. Batches of different lengths stay apart.
    """

    def __init__(self, network: Layer) -> None:
        if couples(network):
            raise ValueError(f"a layer in {network} couples the rows of a batch: two batches cannot become one")
        super().__init__(network)
        self._unbound: tuple[Layer, Any, bool] | None = None  # the network, its condition, and whether that is wanted

    def forward_pair(self, x1: Array, x2: Array) -> tuple[Array, Array, Cache]:
        if len(x1) != len(x2):
            y1, y2, caches = self.network.forward_pair(x1, x2)
            return y1, y2, (None, caches)
        joint = self._joint()
        y, cache = joint.forward(np.concatenate([x1, x2]))
        half = len(y) // 2  # not len(x1): Patches gives several rows for each sample
        return y[:half], y[half:], (joint, cache)

    def backward_pair(self, dy1: Array, dy2: Array, caches: Cache, grads: Grads) -> None:
        joint, cache = caches
        if joint is None:
            return self.network.backward_pair(dy1, dy2, cache, grads)
        of_both: Grads = {}
        joint.backward(np.concatenate([dy1, dy2]), cache, of_both, need_dx=False)
        if self._unbound is not None:
            add_halves(of_both)
        accumulate(grads, of_both)

    def given(self, condition: Any, *, wanted: bool = False, towards: Any = None) -> OneBatch:
        """As in Layer; the condition is that of both batches."""
        bound = copy.copy(self)
        bound.network = self.network.given(condition, wanted=wanted, towards=towards)
        bound._unbound = self.network, condition, wanted
        return bound

    def _joint(self) -> Layer:
        """The network for both batches as one: its condition stands twice."""
        if self._unbound is None:
            return self.network
        network, condition, wanted = self._unbound
        return network.given(np.concatenate([condition, condition]), wanted=wanted)


class SideBySide(Sharded):
    """A network shared by a team that, of two batches, computes both at the same time, each with half of its threads.

    For batch norm, which sums over all rows of its batch: in two halves it waits for half as many threads, with two
    threads for none. Two passes move a running statistic r twice: r ← r + μ (s - r), first by the first batch, then by
    the second. Both halves start at r, and end at r' and r''; one after the other they end at r'' + (1 - μ) (r' - r).
    """

    def __init__(self, network: Layer, team: Team | Processes) -> None:
        if not side_by_side(network, team):
            raise ValueError(f"two batches cannot be computed side by side by {network} and {team.size} {team.kind}")
        super().__init__(network, team)
        self.half = team.size // 2
        exchanges = [team.exchange_of(self.half) for _ in range(2)]
        self.halves = {
            rank: replica(network, exchanges[rank // self.half], rank % self.half, own_buffers=False)
            for rank in team.ranks
        }
        self._half_buffers = buffer_pairs(network, list(self.halves.values()))
        norms = {rank: list(_norms(half)) for rank, half in self.halves.items()}
        self._running = {rank: [getattr(*pair) for pair in _statistics(layers)] for rank, layers in norms.items()}
        moving = _statistics(list(_norms(network)))
        self._moving = [(layer.momentum, getattr(layer, name)) for layer, name in moving]

    def forward_pair(self, x1: Array, x2: Array) -> tuple[Array, Array, Cache]:
        parts, caches = [x[rows] for x in (x1, x2) for rows in shares(x, self.half)], {}
        update(self._half_buffers)

        def job(rank: int) -> tuple[Array, list[Array]]:
            y, caches[rank] = self.halves[rank].forward(parts[rank])
            return y, self._running[rank]

        ys, running = zip(*self.team.run(job), strict=True)
        for (momentum, r), r1, r2 in zip(self._moving, running[0], running[self.half], strict=True):
            r[...] = r2 + (1 - momentum) * (r1 - r)
        first, second = ys[: self.half], ys[self.half :]
        return np.concatenate(first), np.concatenate(second), (caches, parts_of(first), parts_of(second))

    def backward_pair(self, dy1: Array, dy2: Array, caches: Cache, grads: Grads) -> None:
        inner, first, second = caches
        parts = [*(dy1[rows] for rows in first), *(dy2[rows] for rows in second)]

        def job(rank: int) -> Grads:
            of_rows: Grads = {}
            self.halves[rank].backward(parts[rank], inner[rank], of_rows, need_dx=False)
            return of_rows

        by_rank = self.team.run(job)
        if self.wanted:
            join_conditions(by_rank[: self.half])
            join_conditions(by_rank[self.half :])
        for more in by_rank:
            accumulate(grads, more)

    def given(self, condition: Any, *, wanted: bool = False, towards: Any = None) -> Self:
        """As in Layer; the condition is that of both batches."""
        bound = super().given(condition, wanted=wanted, towards=towards)
        rows = shares(condition, self.half) * 2
        bound.halves = {
            rank: layer.given(
                condition[rows[rank]], wanted=wanted, towards=None if towards is None else towards[rows[rank]]
            )
            for rank, layer in self.halves.items()
        }
        return bound


def _norms(network: Layer) -> Iterator[BatchNorm]:
    return (layer for layer in network.walk() if isinstance(layer, BatchNorm))


def _statistics(norms: Sequence[BatchNorm]) -> list[tuple[BatchNorm, str]]:
    """The running statistics of batch norms, each as the layer and a name."""
    return [(layer, name) for layer in norms for name in layer.buffers]


class OneGeneration(Around):
    """A generator that computes the same noise once: for D's step, and then for its own, where it is unchanged.

    The noise is the same if it is the very same array, under the very same condition. The result is dropped when G
    computes its gradients, because its parameters are about to move.
    """

    def __init__(self, network: Layer) -> None:
        super().__init__(network)
        self._memory = Memory()  # shared by all that `given` returns

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        if not train:
            return self.network.forward(x, train)
        memory = self._memory
        if memory.network is not self.network or memory.x is not x:
            memory.result = self.network.forward(x, train)
            memory.network, memory.x = self.network, x
        return memory.result

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        self._memory.network = self._memory.x = self._memory.result = None
        return self.network.backward(dy, cache, grads, need_dx)

    def given(self, condition: Any, *, wanted: bool = False, towards: Any = None) -> OneGeneration:
        """As in Layer; the same object again for the same condition as the last time."""
        asked = self.network, condition, wanted, towards
        memory = self._memory
        if memory.bound is None or not all(a is b for a, b in zip(memory.asked, asked, strict=True)):
            bound = copy.copy(self)
            bound.network = self.network.given(condition, wanted=wanted, towards=towards)
            memory.asked, memory.bound = asked, bound
        return memory.bound


@dataclass
class Memory:
    """The last forward pass of a generator, and the last condition that was bound to it."""

    network: Layer | None = None
    x: Any = None
    result: Any = None
    asked: tuple[Any, ...] = ()
    bound: Any = None


def couples(network: Layer) -> bool:
    """Does a layer in the network couple the rows of a batch?"""
    return any(layer.couples for layer in network.walk())


def side_by_side(network: Layer, team: Team | Processes) -> bool:
    """Can the team be halved, and is batch norm all that couples? Its running statistics follow from two passes at the
    same time, but masks are drawn one after the other."""
    layers = list(network.walk())
    only = all(type(layer) in (BatchNorm, BatchNormReLU) for layer in layers if layer.couples)
    return team.halves and only and not any(layer.draws for layer in layers)


def add_halves(grads: Grads) -> None:
    """Add the two halves of a condition that stood twice: of its gradients, which have rows as it has."""
    for name, value in grads.items():
        if isinstance(value, dict):
            add_halves(value)
        elif name == "condition":
            n = len(value) // 2
            grads[name] = value[:n] + value[n:]
