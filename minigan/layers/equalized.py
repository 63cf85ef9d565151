"""Equalised learning rate."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator

import numpy as np

from minigan.device import Array, like
from minigan.layers.conv import Conv2d, ConvTranspose2d
from minigan.layers.layer import Cache, Grads, Layer
from minigan.layers.linear import Linear
from minigan.layers.spectralnorm import OUT_AXIS


class Equalized(Layer):
    """Keep a layer's weights at unit size, and scale them where they are used.

    Adam moves every number by about its learning rate. With weights of one size, one rate moves all
    layers by the same part of their weights; a layer with `lr_mul` 0.01 learns a hundred times
    slower.

    Shapes      x, y and their gradients as of the layer inside; fan_in its inputs for one output

    Forward     W̄ = c · W        b̄ = l · b        c = gain · l / √fan_in        l = lr_mul
                y = the layer's, with W̄ and b̄
    Backward    dx = the layer's        dW = c · dW̄        db = l · db̄
    Twice       as of the layer with W̄; dW = c · dW̄

    At first W ~ N(0, 1) / l and b = bias_init / l. `gain` is √2 before a LeakyReLU, 1 elsewhere.

    Names       the layer's own: "weight", "bias".
    Cache       the layer with W̄ and b̄, because its backward pass needs them, and its cache.
    Source      Karras et al. 2018 (progressive growing), section 4.1; lr_mul: Karras et al. 2019.
    """

    def __init__(
        self,
        layer: Linear | Conv2d | ConvTranspose2d,
        *,
        gain: float = 1.0,
        lr_mul: float = 1.0,
        bias_init: float = 0.0,
        rng: np.random.Generator,
    ) -> None:
        if type(layer) not in OUT_AXIS:
            expected = "a Linear, Conv2d or ConvTranspose2d"
            raise ValueError(f"Equalized wraps {expected}, got {layer!r}")
        if not (gain > 0 and lr_mul > 0):
            raise ValueError(f"Equalized needs gain > 0 and lr_mul > 0, got {gain} and {lr_mul}")
        self.layer, self.gain, self.lr_mul, self.params = layer, gain, lr_mul, layer.params
        fan_in = layer.weight.size // layer.weight.shape[OUT_AXIS[type(layer)]]
        self.scale = gain * lr_mul / math.sqrt(fan_in)
        layer.weight = like(rng.normal(size=layer.weight.shape) / lr_mul, layer.weight)
        if "bias" in self.params:
            layer.bias += bias_init / lr_mul

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        twin = copy.copy(self.layer)
        twin.weight = self.scale * self.layer.weight
        if "bias" in self.params:
            twin.bias = self.lr_mul * self.layer.bias
        y, cache = twin.forward(x, train)
        return y, (twin, cache)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        twin, inner = cache
        return twin.input_grad(dy, inner)

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        twin, inner = cache
        return self._scaled(twin.param_grads(dy, inner))

    def double_backward(
        self,
        ddx: Array,
        dy: Array,
        cache: Cache,
    ) -> tuple[Array, Array | None, Grads]:
        twin, inner = cache
        ddy, dx, grads = twin.double_backward(ddx, dy, inner)
        return ddy, dx, self._scaled(grads)

    def _scaled(self, grads: Grads) -> Grads:
        """Gradients of W and b, from those of W̄ and b̄."""
        factor = {"weight": self.scale, "bias": self.lr_mul}
        return {name: factor[name] * grad for name, grad in grads.items()}

    def named_params(self) -> Iterator[tuple[str, Array]]:
        return self.layer.named_params()

    def convert(self, change: Callable[[Array], Array]) -> None:
        self.layer.convert(change)

    def __repr__(self) -> str:
        return f"Equalized({self.layer})"
