"""A network shared by a team: every thread computes it for its own rows of the batch.

    y   = [f(rows of thread 0), f(rows of thread 1), ...]        dx likewise
    dθ  = Σ over the threads, in their order                     the same sum, added up in another order

Some layers need more than their rows, and have a form for threads (`shared_layers.py`): batch norm's sums run over the
whole team. For one number of threads the result is the same to the last bit every time; for another number it differs
by rounding.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import accumulate as accumulated
from itertools import pairwise
from typing import Any, Self

import numpy as np

from minigan.device import Array
from minigan.engine.copies import Memo, twin
from minigan.engine.shared_layers import FORMS, without_form
from minigan.engine.team import Exchange, Team
from minigan.layers import Layer, accumulate
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads


class Sharded(Around):
    """A network computed by a team: every thread has a replica with the same parameters, and computes its rows.

    Its parameters and buffers are the network's own. It is a Layer like any other: steps, penalties and optimizers do
    not depend on the team. ValueError for a batch with fewer rows than threads.
    """

    def __init__(self, network: Layer, team: Team) -> None:
        lacking = without_form(network)
        if lacking:
            raise ValueError(f"{lacking[0]} couples the rows of a batch or draws, and has no form for threads")
        super().__init__(network)
        self.team, self.wanted = team, False
        self.replicas = [replica(network, team.exchange, rank, own=rank == 0) for rank in range(team.size)]
        self._buffers = buffer_pairs(network, self.replicas[1:])  # the first has the network's own buffers

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        rows = shares(x, self.team.size)
        update(self._buffers)
        results = self.team.run(lambda rank: self.replicas[rank].forward(x[rows[rank]], train))
        ys, caches = zip(*results, strict=True)
        return np.concatenate(ys), (caches, rows, parts_of(ys))

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        caches, _, outputs = cache
        own: list[Any] = [None if grads is None else {} for _ in outputs]
        parts: list[Array] = self.team.run(
            lambda rank: self.replicas[rank].backward(dy[outputs[rank]], caches[rank], own[rank], need_dx)
        )
        if grads is not None:
            self.add_up(grads, own)
        return np.concatenate(parts) if need_dx else None

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        caches, _, outputs = cache
        results = self.team.run(lambda rank: self.replicas[rank].traced_backward(dy[outputs[rank]], caches[rank]))
        parts, traces = zip(*results, strict=True)
        return np.concatenate(parts), Traces(traces)

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        caches, rows, outputs = cache
        seen = dy if isinstance(dy, Traces) else [dy[part] for part in outputs]
        results = self.team.run(
            lambda rank: self.replicas[rank].double_backward(ddx[rows[rank]], seen[rank], caches[rank])
        )
        ddys, dxs, own = zip(*results, strict=True)
        grads: Grads = {}
        self.add_up(grads, own)
        return np.concatenate(ddys), None if dxs[0] is None else np.concatenate(dxs), grads

    def given(self, condition: Any, *, wanted: bool = False, towards: Any = None) -> Self:
        """As in Layer; every thread gets the rows of the condition that belong to its rows of x."""
        bound = copy.copy(self)
        bound.network, bound.wanted = self.network.given(condition, wanted=wanted, towards=towards), wanted
        bound.replicas = given_rows(self.replicas, condition, wanted, towards)
        return bound

    def add_up(self, grads: Grads, own: Sequence[Grads]) -> None:
        """grads += the threads' gradients, in the order of the threads."""
        if self.wanted:
            join_conditions(own)
        for more in own:
            accumulate(grads, more)

    def __repr__(self) -> str:
        return f"{self.network} by {self.team.size} threads"


class Traces(tuple[Any, ...]):
    """What a traced backward left in each thread."""


def replica(network: Layer, exchange: Exchange, rank: int, own: bool) -> Layer:
    """A copy for one thread, with the same parameters; `own`: and with the network's own buffers."""

    def stand_in(layer: Layer, memo: Memo) -> Layer | None:
        form: Any = FORMS.get(type(layer))
        return None if form is None else form(layer, exchange, rank, memo)

    return twin(network, stand_in, own)


def buffer_pairs(network: Layer, replicas: Sequence[Layer]) -> list[tuple[Array, Array]]:
    """Each buffer of the network with that of each replica. These arrays stay the same while a network is trained."""
    pairs = {}
    for other in replicas:
        for theirs, ours in zip(network.walk(), other.walk(), strict=True):
            for (_, source), (_, target) in zip(theirs.named_buffers(), ours.named_buffers(), strict=True):
                pairs[id(target)] = source, target
    return list(pairs.values())


def update(pairs: Sequence[tuple[Array, Array]]) -> None:
    """Make the replicas' buffers what the network's are now."""
    for source, target in pairs:
        target[...] = source


def given_rows(replicas: Sequence[Layer], condition: Any, wanted: bool, towards: Any) -> list[Layer]:
    """The replicas that share a batch, bound to their rows of its condition."""
    rows = shares(condition, len(replicas))
    tangents = [None if towards is None else towards[part] for part in rows]
    bound = zip(replicas, rows, tangents, strict=True)
    return [one.given(condition[part], wanted=wanted, towards=tangent) for one, part, tangent in bound]


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
