"""Sum: layers side by side, and their outputs added."""

from __future__ import annotations

from typing import Any

from minigan.device import Array
from minigan.layers.composite import Numbered, grads_of
from minigan.layers.layer import Cache, Grads, Layer


class Sum(Numbered):
    """Give the same input to several layers, and add up what they return.

    Shapes      x, dx, ddx as the layers take it; y, dy, ddy the same for all layers

    Forward     y = scale · Σ_i f_i(x)
    Backward    dx = Σ_i dx_i        dx_i of layer i from scale · dy
    Twice       ddy = scale · Σ_i ddy_i        dx = Σ_i dx_i, layer i's of its second-order pass

    scale = √½ of two layers keeps the variance.

    Names       as a Network's, a layer's place and the name inside: "1.0.weight"; `grads` nests in
                the same way.
    Cache       the layers' caches, in order, because every part's backward pass needs its own.
    Source      He et al. 2016, with a layer on both ways; scale: Karras et al. 2020 (StyleGAN2).
    """

    def __init__(self, *layers: Layer, scale: float = 1.0) -> None:
        super().__init__(*layers)
        self.scale = scale

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        parts, caches = zip(*(layer.forward(x, train) for layer in self.layers), strict=True)
        if len({part.shape for part in parts}) > 1:
            shapes = ", ".join(str(tuple(part.shape)) for part in parts)
            raise ValueError(f"{self}: the layers give {shapes}; all must be the same")
        return self.scale * sum(parts[1:], parts[0]), caches

    def backward(
        self,
        dy: Array,
        caches: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        d_sum, dx = self.scale * dy, None
        for i, (layer, cache) in enumerate(zip(self.layers, caches, strict=True)):
            more = layer.backward(d_sum, cache, grads_of(str(i), grads), need_dx)
            dx = _added(dx, more)
        return dx

    def traced_backward(self, dy: Array, caches: Cache) -> tuple[Array, Any]:
        """dx, and the trace: those of the layers."""
        d_sum, pairs = self.scale * dy, zip(self.layers, caches, strict=True)
        results = [layer.traced_backward(d_sum, cache) for layer, cache in pairs]
        return sum((dx for dx, _ in results[1:]), results[0][0]), [seen for _, seen in results]

    def double_backward(
        self,
        ddx: Array,
        dy: Any,
        caches: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself, then traced here."""
        trace = dy if isinstance(dy, list) else self.traced_backward(dy, caches)[1]
        ddy: Any = None
        dx: Any = None
        grads: Grads = {}
        for i, (layer, seen, cache) in enumerate(zip(self.layers, trace, caches, strict=True)):
            more, dx_layer, grads[str(i)] = layer.double_backward(ddx, seen, cache)
            ddy, dx = _added(ddy, more), _added(dx, dx_layer)
        return self.scale * ddy, dx, grads


def _added(total: Any, more: Any) -> Any:
    """Their sum, where None is a zero."""
    if total is None or more is None:
        return more if total is None else total
    return total + more
