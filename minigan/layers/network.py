"""Network: layers in a row, and the three passes of backpropagation."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from minigan.device import Array
from minigan.layers.composite import Numbered
from minigan.layers.layer import Cache, Grads, Layer


class Network(Numbered):
    """The layers one after the other: y = f_n(... f_2(f_1(x))). Itself a layer, so networks nest.

    Forward     x ──► ──► ──► y             each layer returns a cache
    Backward    dx ◄── ◄── ◄── dy           the chain rule, layer by layer
    Twice       ddx ──► ──► ──► ddy         the second-order pass: the gradient of what Backward
                    ◄── ◄── ◄──             computed. Each curved layer also contributes a gradient
                                            to its own input; an ordinary backward pass carries
                                            these contributions down. (Where every layer is
                                            piecewise linear there are none, and no pass is made.)

    Names       A parameter's name is its layer's place and its own name: "3.weight". Optimizers and
                checkpoints use the same names. `grads` nests as the layers nest:
                {"3": {"weight": ...}}.
    Cache       The layers' caches, in order, because every layer's backward pass needs its own.
    Source      Rumelhart, Hinton & Williams 1986; "Twice": Drucker & Le Cun 1992, and derived here.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        caches: list[Cache] = []
        for layer in self.layers:
            x, cache = layer.forward(x, train)
            caches.append(cache)
        return x, caches

    def backward(
        self,
        dy: Array,
        caches: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        last = 0 if need_dx else self._first_that_learns()
        for i, layer, cache in self._downwards(caches):
            if i < last:
                return None
            inner = None if grads is None else grads.setdefault(str(i), {})
            dy = layer.backward(dy, cache, inner, need_dx or i > last)
        return dy

    def traced_backward(self, dy: Array, caches: Cache) -> tuple[Array, Any]:
        """dx, and the trace: the gradient that reached each layer, in the layers' order."""
        trace = []
        for _, layer, cache in self._downwards(caches):
            dy, seen = layer.traced_backward(dy, cache)
            trace.append(seen)
        return dy, trace[::-1]

    def double_backward(
        self,
        ddx: Array,
        dy: Any,
        caches: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself, then traced here."""
        trace = dy if isinstance(dy, list) else self.traced_backward(dy, caches)[1]
        grads: Grads = {}
        contributions = []  # of each layer to its own input; None where it is piecewise linear
        for i, (layer, seen, cache) in enumerate(zip(self.layers, trace, caches, strict=True)):
            ddx, dx, grads[str(i)] = layer.double_backward(ddx, seen, cache)
            contributions.append(dx)
        total = None
        for i, layer, cache in self._downwards(caches):
            if total is not None:
                total = layer.backward(total, cache, grads[str(i)])
            contribution = contributions[i]
            if contribution is not None:
                total = contribution if total is None else total + contribution
        return ddx, total, grads

    def _repr_html_(self) -> str:
        """The layers and the shapes of their parameters, as a table for a notebook."""
        lines = ["<tr><th></th><th>layer</th><th>parameters</th></tr>"]
        for i, layer in enumerate(self.layers):
            shapes = ", ".join(f"{name} {param.shape}" for name, param in layer.named_params())
            lines.append(f"<tr><td>{i}</td><td>{escape(repr(layer))}</td><td>{shapes}</td></tr>")
        size = sum(param.size for _, param in self.named_params())
        return f"<table>{''.join(lines)}</table>{size:,} trained numbers"

    def _first_that_learns(self) -> int:
        """The place of the first layer that has parameters, or a condition whose gradient may be
        asked for: the layers before it need no gradient where nobody needs dx."""
        for i, layer in enumerate(self.layers):
            if layer.takes_condition or next(layer.named_params(), None) is not None:
                return i
        return len(self.layers)

    def _downwards(self, caches: Cache) -> Iterator[tuple[int, Layer, Cache]]:
        """The place of each layer, the layer and its cache, from the last to the first."""
        rows = list(zip(range(len(self.layers)), self.layers, caches, strict=True))
        return reversed(rows)
