"""Network: layers in a row, and the three sweeps of backprop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigan.device import Array
from minigan.layers.activations import LeakyReLU
from minigan.layers.batchnorm import BatchNorm
from minigan.layers.composite import Numbered
from minigan.layers.layer import Cache, Grads, Layer


class Network(Numbered):
    """The layers' functions one after the other: y = f_n(... f_2(f_1(x))). Itself a layer, so that networks nest.

    Forward     x ──► ──► ──► y             leaves the caches
    Backward    dx ◄── ◄── ◄── dy           the chain rule, layer by layer
    Twice       ddx ──► ──► ──► ddy         goes up through what the backward sweep was made of; what each layer
                    ◄── ◄── ◄──             owes its own input then goes home the ordinary way (a sweep that is
                                            skipped where every layer is piecewise linear)

    Names       A parameter's name is its layer's place and its own name: "3.weight". The same names are the
                optimizer's keys and the checkpoint's. `grads` nests as the layers nest: {"3": {"weight": ...}}.
    Pairs       A batch norm takes the ReLU behind it along, forward and backward: a matter of speed, the numbers are
                the same. The other sweeps go layer by layer.
    Cache       The layers' caches, in order.
    Source      Rumelhart, Hinton & Williams 1986; "Twice": Drucker & Le Cun 1992, and derived here.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        caches: list[Cache] = []
        for _, part in self._parts():
            if isinstance(part, Layer):
                x, cache = part.forward(x, train)
                caches.append(cache)
            else:
                norm, relu = part
                x, cache = norm.forward(x, train, relu.negative_slope)
                caches += [cache, x]  # the cache of a leaky ReLU is what it gives
        return x, caches

    def backward(self, dy: Array, caches: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        for i, part in reversed(list(self._parts())):
            own, need = None if grads is None else grads.setdefault(str(i), {}), need_dx or i > 0
            if isinstance(part, Layer):
                dy = part.backward(dy, caches[i], own, need)
            else:
                norm, relu = part
                g = relu.input_grad(dy, caches[i + 1])
                dy = norm.backward(g, caches[i], own, need, out=g)
        return dy

    def _parts(self) -> Iterator[tuple[int, Layer | tuple[BatchNorm, LeakyReLU]]]:
        """The place of each layer, and the layer or the pair that begins there."""
        rows = enumerate(zip(self.layers, (*self.layers[1:], None), strict=True))
        for i, (layer, after) in rows:
            if isinstance(layer, BatchNorm) and layer.takes_along(after):
                next(rows)
                yield i, (layer, after)
            else:
                yield i, layer

    def traced_backward(self, dy: Array, caches: Cache) -> tuple[Array, Any]:
        """dx, and the trace: what reached each layer, in the layers' order."""
        trace = []
        for _, layer, cache in self._downwards(caches):
            dy, seen = layer.traced_backward(dy, cache)
            trace.append(seen)
        return dy, trace[::-1]

    def double_backward(self, ddx: Array, dy: Any, caches: Cache) -> tuple[Array, Array | None, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself, which is then traced here."""
        trace = dy if isinstance(dy, list) else self.traced_backward(dy, caches)[1]
        grads: Grads = {}
        owed = []
        for i, (layer, seen, cache) in enumerate(zip(self.layers, trace, caches, strict=True)):
            ddx, dx, grads[str(i)] = layer.double_backward(ddx, seen, cache)
            owed.append(dx)
        home = None
        for i, layer, cache in self._downwards(caches):
            if home is not None:
                home = layer.backward(home, cache, grads[str(i)])
            if owed[i] is not None:
                home = owed[i] if home is None else home + owed[i]
        return ddx, home, grads

    def _downwards(self, caches: Cache) -> Iterator[tuple[int, Layer, Cache]]:
        rows = list(zip(range(len(self.layers)), self.layers, caches, strict=True))
        return reversed(rows)
