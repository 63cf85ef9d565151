"""A network shared by a team: every member, a thread or a process, computes it for its own rows of the batch.

    y   = [f(rows of member 0), f(rows of member 1), ...]        dx likewise
    dθ  = Σ over the members, in their order                     the same sum, added up in another order

Some layers need more than their rows, and have a form for teams (`shared_layers.py`): batch norm's sums run over the
whole team. For one number of members the result is the same to the last bit every time; for another number it differs
by rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import accumulate as accumulated
from itertools import pairwise
from typing import Any, Self

import numpy as np

from minigan.device import Array
from minigan.engine.copies import Memo, twin
from minigan.engine.processes import Processes
from minigan.engine.shared_layers import FORMS, without_form
from minigan.engine.team import Team
from minigan.layers import Layer, accumulate
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads


class Sharded(Around):
    """A network computed by a team: every member has a replica with the same parameters, and computes its rows.

    Its parameters and buffers are the network's own. It is a Layer like any other: steps, penalties and optimizers do
    not depend on the team. Members are threads (`Team`) or processes (`Processes`): what a job returns reaches all,
    caches stay where they are. ValueError for a batch with fewer rows than members.
    """

    def __init__(self, network: Layer, team: Team | Processes) -> None:
        lacking = without_form(network)
        if lacking:
            raise ValueError(f"{lacking[0]} couples the rows of a batch or draws, and has no form for threads")
        super().__init__(network)
        self.team, self.wanted = team, False
        first, *others = team.ranks  # the first of this process has the network's own buffers
        self.replicas = {rank: replica(network, team.exchange, rank, own_buffers=rank == first) for rank in team.ranks}
        self._buffers = buffer_pairs(network, [self.replicas[rank] for rank in others])

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        rows, caches = shares(x, self.team.size), {}
        update(self._buffers)

        def job(rank: int) -> Array:
            y, caches[rank] = self.replicas[rank].forward(x[rows[rank]], train)
            return y

        ys = self.team.run(job)
        return np.concatenate(ys), (caches, rows, parts_of(ys))

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        caches, _, outputs = cache

        def job(rank: int) -> tuple[Array | None, Grads | None]:
            of_rows: Grads | None = None if grads is None else {}
            return self.replicas[rank].backward(dy[outputs[rank]], caches[rank], of_rows, need_dx), of_rows

        parts, by_rank = zip(*self.team.run(job), strict=True)
        if grads is not None:
            self.add_up(grads, by_rank)
        return np.concatenate(parts) if need_dx else None

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        caches, _, outputs = cache
        traces = Traces()

        def job(rank: int) -> Array:
            dx, traces[rank] = self.replicas[rank].traced_backward(dy[outputs[rank]], caches[rank])
            return dx

        return np.concatenate(self.team.run(job)), traces

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        caches, rows, outputs = cache

        def job(rank: int) -> tuple[Array, Array | None, Grads]:
            seen = dy[rank] if isinstance(dy, Traces) else dy[outputs[rank]]
            return self.replicas[rank].double_backward(ddx[rows[rank]], seen, caches[rank])

        ddys, dxs, by_rank = zip(*self.team.run(job), strict=True)
        grads: Grads = {}
        self.add_up(grads, by_rank)
        return np.concatenate(ddys), None if dxs[0] is None else np.concatenate(dxs), grads

    def given(self, condition: Any, *, wanted: bool = False, towards: Any = None) -> Self:
        """As in Layer; every member gets the rows of the condition that belong to its rows of x."""
        bound = copy.copy(self)
        bound.network, bound.wanted = self.network.given(condition, wanted=wanted, towards=towards), wanted
        bound.replicas = given_rows(self.replicas, self.team.size, condition, wanted, towards)
        return bound

    def add_up(self, grads: Grads, by_rank: Sequence[Grads]) -> None:
        """grads += the members' gradients, in their order."""
        if self.wanted:
            join_conditions(by_rank)
        for more in by_rank:
            accumulate(grads, more)

    def __repr__(self) -> str:
        return f"{self.network} by {self.team.size} {self.team.kind}"


class Traces(dict[int, Any]):
    """The trace of a traced backward pass, by member."""


def replica(network: Layer, exchange: Any, rank: int, own_buffers: bool) -> Layer:
    """A copy for one member of a team, with the same parameters; `own_buffers`: and with the network's own buffers."""

    def stand_in(layer: Layer, memo: Memo) -> Layer | None:
        form: Any = FORMS.get(type(layer))
        return None if form is None else form(layer, exchange, rank, memo)

    return twin(network, stand_in, own_buffers)


def buffer_pairs(network: Layer, replicas: Sequence[Layer]) -> list[tuple[Array, Array]]:
    """Each buffer of the network with that of each replica. These arrays stay the same while a network is trained."""
    pairs = {}
    for other in replicas:
        for layer, copied in zip(network.walk(), other.walk(), strict=True):
            for (_, source), (_, target) in zip(layer.named_buffers(), copied.named_buffers(), strict=True):
                pairs[id(target)] = source, target
    return list(pairs.values())


def update(pairs: Sequence[tuple[Array, Array]]) -> None:
    """Make the replicas' buffers what the network's are now."""
    for source, target in pairs:
        target[...] = source


def given_rows(
    replicas: Mapping[int, Layer], size: int, condition: Any, wanted: bool, towards: Any
) -> dict[int, Layer]:
    """Replicas, those of `size` members that share a batch, bound to their rows of its condition."""
    rows = shares(condition, size)

    def bind(layer: Layer, part: slice) -> Layer:
        return layer.given(condition[part], wanted=wanted, towards=None if towards is None else towards[part])

    return {rank: bind(layer, rows[rank]) for rank, layer in replicas.items()}


def join_conditions(parts: Sequence[Grads]) -> None:
    """Concatenate the gradients of a condition, which have rows as it has: into the first part, out of the others."""
    for name, value in list(parts[0].items()):
        if isinstance(value, dict):
            join_conditions([part[name] for part in parts])
        elif name == "condition":
            parts[0][name] = np.concatenate([part.pop(name) for part in parts])


def parts_of(ys: Sequence[Array]) -> list[slice]:
    """Where each thread's part lies in all of them joined: a network may give several rows for one of x (Patches)."""
    ends = [0, *accumulated(len(y) for y in ys)]
    return [slice(a, b) for a, b in pairwise(ends)]


def shares(x: Array, size: int) -> list[slice]:
    """The rows of each thread: equal numbers, the last threads one more where it does not come out even."""
    N = len(x)
    if size > N:
        raise ValueError(f"a batch of {N} rows cannot be shared by {size} threads; take fewer threads")
    ends = [N * rank // size for rank in range(size + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]
