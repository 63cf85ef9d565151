"""Branches: layers side by side, and their outputs in one array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers.composite import Numbered, grads_of
from minigan.layers.layer import Cache, Grads, Layer


class Branches(Numbered):
    """Give the same input to several layers, and join their outputs along the last axis.

    Shapes      x, dx, ddx as the layers take it; y, dy, ddy (..., C_0 + C_1 + ...), where layer i
                returns (..., C_i)

    Forward     y = [f_0(x), f_1(x), ...]
    Backward    dx = Σ_i dx_i        dx_i of layer i from its own part of dy
    Twice       ddy = [ddy_0, ddy_1, ...]        dx = Σ_i dx_i, layer i's of its second-order pass

    Names       as a Network's, a branch's place and the name inside: "2.0.weight"; `grads` nests in
                the same way.
    Cache       the layers' caches, in order; where each part of y ends, because dy is cut there.
    Source      Szegedy et al. 2014 (GoogLeNet), section 4: a block of filters of several sizes.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        parts, caches = zip(*(layer.forward(x, train) for layer in self.layers), strict=True)
        if len({part.shape[:-1] for part in parts}) > 1:
            shapes = ", ".join(str(tuple(part.shape)) for part in parts)
            same = "all axes but the last must be the same"
            raise ValueError(f"{self}: the branches give {shapes}; {same}")
        ends = [0]
        for part in parts:
            ends.append(ends[-1] + part.shape[-1])
        return np.concatenate(parts, axis=-1), (caches, ends)

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        dxs = []
        for i, (layer, part, inner) in enumerate(self._parts(dy, cache)):
            dxs.append(layer.backward(part, inner, grads_of(str(i), grads), need_dx))
        return _sum(dxs)

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        """dx, and the trace: those of the branches."""
        rows = [layer.traced_backward(part, inner) for layer, part, inner in self._parts(dy, cache)]
        return _sum([dx for dx, _ in rows]), [seen for _, seen in rows]

    def double_backward(
        self,
        ddx: Array,
        dy: Any,
        cache: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself, then traced here."""
        trace = dy if isinstance(dy, list) else self.traced_backward(dy, cache)[1]
        rows = zip(self.layers, trace, cache[0], strict=True)
        results = [layer.double_backward(ddx, seen, inner) for layer, seen, inner in rows]
        ddys, dxs, grads = zip(*results, strict=True)
        nested = {str(i): grad for i, grad in enumerate(grads)}
        return np.concatenate(ddys, axis=-1), _sum(dxs), nested

    def _parts(self, dy: Array, cache: Cache) -> Iterator[tuple[Layer, Array, Cache]]:
        """Every branch with its part of dy and its cache."""
        caches, ends = cache
        parts = (dy[..., start:end] for start, end in pairwise(ends))
        return zip(self.layers, parts, caches, strict=True)


def _sum(gradients: Sequence[Array | None]) -> Array | None:
    """Their sum without those that are None: not asked for, or zero. None where none is left."""
    total = None
    for gradient in gradients:
        if gradient is not None:
            total = gradient if total is None else total + gradient
    return total
