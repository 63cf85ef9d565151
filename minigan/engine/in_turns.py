"""InTurns: a network that processes compute together inside a turn, and each alone outside."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from minigan.device import Array
from minigan.engine.processes import Processes
from minigan.layers import Layer
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads


class InTurns(Around):
    """The network itself outside of a turn, where the first process makes pictures and scores; else its form for all.

    form    makes that form; it is called in each process after the fork, because replicas belong to a process
    """

    def __init__(self, network: Layer, processes: Processes, form: Callable[[], Layer]) -> None:
        super().__init__(network)
        self._processes, self._make = processes, form
        self._form: tuple[int, Layer] | None = None  # of the process with this rank

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        return self._now.forward(x, train)

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        return self._now.backward(dy, cache, grads, need_dx)

    def forward_pair(self, x1: Array, x2: Array) -> tuple[Array, Array, Cache]:
        return self._now.forward_pair(x1, x2)

    def backward_pair(self, dy1: Array, dy2: Array, caches: Cache, grads: Grads) -> None:
        self._now.backward_pair(dy1, dy2, caches, grads)

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        return self._now.traced_backward(dy, cache)

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        return self._now.double_backward(ddx, dy, cache)

    def given(self, condition: Any, *, wanted: bool = False, towards: Any = None) -> InTurns:
        """As in Layer."""
        bound = copy.copy(self)
        bound.network = self.network.given(condition, wanted=wanted, towards=towards)
        bound._form = None
        bound._make = lambda: self._together.given(condition, wanted=wanted, towards=towards)
        return bound

    @property
    def _together(self) -> Layer:
        rank = self._processes.rank
        if self._form is None or self._form[0] != rank:
            self._form = rank, self._make()
        return self._form[1]

    @property
    def _now(self) -> Layer:
        return self._together if self._processes.active else self.network
