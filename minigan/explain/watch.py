"""Watch: layers and networks that compute as they always do, and record every pass.

The steps of `training.steps` run on these as on any others: what is shown is what happened, not computed again.
"""

from __future__ import annotations

import copy
from typing import Any

from minigan.device import Array
from minigan.engine.copies import places_of, twin
from minigan.explain.events import Log, Row, Size, size
from minigan.layers import Layer, Network, accumulate
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads
from minigan.optim.optimizer import flatten

NOISE = "the noise z"


def watched(network: Layer, log: Log, name: str) -> Layer:
    """The network, whose passes are recorded from now on under its name, with the same arrays.

    Of one that computes nothing itself, an encoder beside a decoder, each of its parts is recorded under its own name.
    """
    if type(network).forward is not Layer.forward:
        return WatchedNetwork(network, log, name)
    holder = copy.copy(network)
    for attribute, inner in vars(network).items():
        if isinstance(inner, Layer):
            setattr(holder, attribute, watched(inner, log, attribute))
    return holder


class _Recorded(Around):
    """A layer whose passes are recorded; everything else about it is its own."""

    def __init__(self, network: Layer, log: Log) -> None:
        super().__init__(network)
        self.log = log


class WatchedLayer(_Recorded):
    """A layer in a network: one row for every pass."""

    def __init__(self, layer: Layer, log: Log, place: str) -> None:
        super().__init__(layer, log)
        self.place = place

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        y, cache = self.network.forward(x, train)
        self._note(x, y)
        return y, cache

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        new: Grads | None = None if grads is None else {}
        dx = self.network.backward(dy, cache, new, need_dx)
        self._change("twice", "back", dy)  # what curved layers add to the gradients of their inputs
        self._note(dy, dx, new)
        if grads is not None and new is not None:
            accumulate(grads, new)
        return dx

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        dx, seen = self.network.traced_backward(dy, cache)
        self._note(dy, dx)
        return dx, seen

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        ddy, dx, grads = self.network.double_backward(ddx, dy, cache)
        self._change("back", "twice", ddx)  # a network inside another is done, and the outer pass continues
        self._note(ddx, ddy, grads, dx)
        return ddy, dx, grads

    def _change(self, before: str, now: str, into: Array) -> None:
        sweep = self.log.sweep
        if sweep.kind == before:
            self.log.begin(sweep.network, now, sweep.about, into)

    def _note(self, into: Array, out: Array | None, grads: Grads | None = None, extra: Array | None = None) -> None:
        params = {name: size(grad) for name, grad in flatten(grads or {}).items()}
        self.log.add(Row(self.place, self.network, size(into), _maybe(out), params, _maybe(extra)))


class WatchedNetwork(_Recorded):
    """A whole network: one record for every pass. A network that computes something itself, such as an autoencoder,
    gets a row after those of its layers."""

    def __init__(self, network: Layer, log: Log, name: str) -> None:
        places = dict(places_of(network))
        self.page, self.name = network, name

        def stand_in(layer: Layer, memo: dict[int, Any]) -> Layer | None:
            return WatchedLayer(layer, log, places[id(layer)]) if id(layer) in places else None

        super().__init__(twin(network, stand_in), log)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        about = self.log.name_of(x) or ("the penalty's points x̂" if self.log.in_penalty else "samples")
        self.log.begin(self.name, "forward", about, x)
        y, cache = self.network.forward(x, train)
        self._note(x, y)
        self.log.name(cache, about)
        self.log.name(y, f"the samples {self.name}(z)" if about == NOISE else f"{self.name} of {about}")
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
        self.log.begin(self.name, "twice", self._about(cache), ddx)
        ddy, dx, grads = self.network.double_backward(ddx, dy, cache)
        self._note(ddx, ddy, extra=dx)
        return ddy, dx, grads

    def _about(self, cache: Cache) -> str:
        return self.log.name_of(cache) or "samples"

    def _note(self, into: Array, out: Array | None, extra: Array | None = None) -> None:
        if not isinstance(self.page, Network):
            self.log.add(Row("", self.page, size(into), _maybe(out), {}, _maybe(extra)))


def _maybe(array: Array | None) -> Size | None:
    return None if array is None else size(array)
