"""Residual: layers in a row, and a way around them."""

from __future__ import annotations

from typing import Any

from minigan.device import Array
from minigan.layers.layer import Cache, Grads
from minigan.layers.network import Network


class Residual(Network):
    """Add to x what the layers f make of it.

    Forward     y = x + f(x)
    Backward    dx = dy + f's dx
    Twice       ddy = ddx + f's ddy        dx and the gradients of the parameters: f's
    Names       as a Network's: "4.0.weight"
    Cache       f's caches, because the sum needs nothing.
    Source      He et al. 2016.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        y, caches = super().forward(x, train)
        if y.shape != x.shape:  # broadcasting would hide a (N, H, W, 1)
            raise ValueError(
                f"{self}: the layers give shape {tuple(y.shape)} for x of shape {tuple(x.shape)}; "
                "both must be the same to be added"
            )
        return x + y, caches  # not y += x: y may be a view of x

    def backward(
        self,
        dy: Array,
        caches: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Array | None:
        dx = super().backward(dy, caches, grads, need_dx)
        return dy + dx if need_dx else None

    def traced_backward(self, dy: Array, caches: Cache) -> tuple[Array, Any]:
        dx, trace = super().traced_backward(dy, caches)
        return dy + dx, trace  # the layers inside got the same dy

    def double_backward(
        self,
        ddx: Array,
        dy: Any,
        caches: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        # The trace is f's: traced here, the way around would count twice.
        trace = dy if isinstance(dy, list) else super().traced_backward(dy, caches)[1]
        ddy, dx, grads = super().double_backward(ddx, trace, caches)
        return ddx + ddy, dx, grads
