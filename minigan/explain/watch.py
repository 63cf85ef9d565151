"""Watch: layers and networks that answer as they always do, and are noted down.

The steps of `training.steps` run on these as on any others: what is shown is what happened, not worked out again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigan.device import Array
from minigan.engine.copies import twin
from minigan.explain.events import Log, Row, Size, size
from minigan.layers import Layer, Network, accumulate
from minigan.layers.composite import Around, Composite
from minigan.layers.layer import Cache, Grads
from minigan.optim.optimizer import flatten


class _Asked(Around):
    """A layer of which one knows what it is asked; everything else about it is its own."""

    def __init__(self, network: Layer, log: Log) -> None:
        super().__init__(network)
        self.log = log


class WatchedLayer(_Asked):
    """A layer in a sweep: one row for every question."""

    def __init__(self, layer: Layer, log: Log, place: str) -> None:
        super().__init__(layer, log)
        self.place = place

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        y, cache = self.network.forward(x, train)
        self._note(x, y)
        return y, cache

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        own: Grads | None = None if grads is None else {}
        dx = self.network.backward(dy, cache, own, need_dx)
        self._turn("third", "home", dy)  # what curved layers owe goes down again
        self._note(dy, dx, own)
        if grads is not None and own is not None:
            accumulate(grads, own)
        return dx

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        dx, seen = self.network.traced_backward(dy, cache)
        self._note(dy, dx)
        return dx, seen

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        ddy, dx, grads = self.network.double_backward(ddx, dy, cache)
        self._turn("home", "third", ddx)  # a network inside another has come down, and the way up goes on
        self._note(ddx, ddy, grads, dx)
        return ddy, dx, grads

    def _turn(self, before: str, now: str, into: Array) -> None:
        sweep = self.log.sweep
        if sweep.kind == before:
            self.log.begin(sweep.network, now, sweep.about, into)

    def _note(self, into: Array, out: Array | None, grads: Grads | None = None, owed: Array | None = None) -> None:
        params = {name: size(grad) for name, grad in flatten(grads or {}).items()}
        self.log.add(Row(self.place, self.network, size(into), _maybe(out), params, _maybe(owed)))


class WatchedNetwork(_Asked):
    """A player: one sweep for every question. A network that calculates by itself, such as an autoencoder, gets a row
    behind those of its layers."""

    def __init__(self, network: Layer, log: Log, name: str) -> None:
        places = dict(_places(network))
        self.page, self.name = network, name

        def stand_in(layer: Layer, memo: dict[int, Any]) -> Layer | None:
            return WatchedLayer(layer, log, places[id(layer)]) if id(layer) in places else None

        super().__init__(twin(network, stand_in), log)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        about = self.log.words(x) or ("the penalty's points x̂" if self.log.in_penalty else "samples")
        self.log.begin(self.name, "forward", about, x)
        y, cache = self.network.forward(x, train)
        self._note(x, y)
        self.log.name(cache, about)
        if self.name == "G":
            self.log.name(y, "the fakes G(z)")
        return y, cache

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        self.log.begin(self.name, "backward", self._about(cache), dy)
        dx = self.network.backward(dy, cache, grads, need_dx)
        self._note(dy, dx)
        return dx

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        self.log.begin(self.name, "slope", self._about(cache), dy)
        dx, trace = self.network.traced_backward(dy, cache)
        self._note(dy, dx)
        return dx, trace

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        self.log.begin(self.name, "third", self._about(cache), ddx)
        ddy, dx, grads = self.network.double_backward(ddx, dy, cache)
        self._note(ddx, ddy, owed=dx)
        return ddy, dx, grads

    def _about(self, cache: Cache) -> str:
        return self.log.words(cache) or "samples"

    def _note(self, into: Array, out: Array | None, owed: Array | None = None) -> None:
        if not isinstance(self.page, Network):
            self.log.add(Row("", self.page, size(into), _maybe(out), {}, _maybe(owed)))


def _maybe(array: Array | None) -> Size | None:
    return None if array is None else size(array)


def _places(layer: Layer, prefix: str = "") -> Iterator[tuple[int, str]]:
    """The layers that calculate, by id, with their place among the composites."""
    if not isinstance(layer, Composite):
        yield id(layer), prefix.removesuffix(".")
        return
    for name, value in vars(layer).items():
        parts = enumerate(value) if isinstance(value, tuple) else [(name, value)]
        for part_name, part in parts:
            if isinstance(part, Layer):
                yield from _places(part, f"{prefix}{part_name}.")
