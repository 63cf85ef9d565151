"""The first map of a StyleGAN, and what is added to its maps: noise and a bias."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, whole
from minigan.random import Random, generator

MODES = ("fixed", "random", "none")  # of Noise, in evaluation mode


class _Map(Layer):
    """The base class of the first two layers: the size of a map."""

    shown = ("height", "width", "channels")

    def __init__(self, height: int, width: int, channels: int) -> None:
        if not whole(height, width, channels):
            expected = f"{type(self).__name__} needs sizes of at least 1"
            raise ValueError(f"{expected}, got {height, width, channels}")
        self.height, self.width, self.channels = height, width, channels


class Constant(_Map):
    """A map that is learned, and the same for every sample.

    Shapes      x, dx, ddx (N, ...), of which only N is used; value (H, W, C); y, dy (N, H, W, C)
    Forward     y[n] = value
    Backward    dvalue = Σ_n dy[n]        dx = 0
    Twice       ddy = 0; no dx
    Cache       x, because dx has its shape.
    Source      Karras et al. 2018 (StyleGAN), section 2. Its code starts at ones, where an instance
                norm divides by √ε and the first gradients are 10⁴ times too long: here N(0, 1).
    """

    params = ("value",)

    def __init__(
        self,
        height: int,
        width: int,
        channels: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(height, width, channels)
        self.value = rng.normal(size=(height, width, channels)).astype(dtype)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) >= 1, "(N, ...)")
        return np.repeat(self.value[np.newaxis], len(x), axis=0), x

    def input_grad(self, dy: Array, x: Cache) -> Array:
        return np.zeros_like(x)

    def param_grads(self, dy: Array, x: Cache) -> Grads:
        return {"value": dy.sum(axis=0)}

    def double_backward(self, ddx: Array, dy: Array, x: Cache) -> tuple[Array, None, Grads]:
        return np.zeros_like(dy), None, {}


class Noise(_Map):
    """Add a random picture to all channels, to each of them as strongly as it has learned.

    Shapes      x, y and their gradients (N, H, W, C); n (N, H, W, 1), a picture for each sample;
                strength (C,)

    Forward     y = x + strength · n        n ~ N(0, 1)
    Backward    dx = dy        dstrength = Σ dy · n over batch and pixels
    Twice       ddy = ddx

    Eval mode   n by `mode`: "fixed" (default) is the buffer `fixed` (H, W, 1), the same for all
                samples, so that a sample is a function of its style; "random" draws; "none" is 0.

    At first strength = 0.

    Cache       n, because dstrength needs it; None where there is none.
    Source      Karras et al. 2018 (StyleGAN), section 2.
    """

    params = ("strength",)
    buffers = ("fixed",)
    draws = True

    def __init__(
        self,
        height: int,
        width: int,
        channels: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(height, width, channels)
        self.mode = "fixed"
        self.strength = np.zeros(channels, dtype)
        self.fixed = generator(rng).normal(size=(height, width, 1)).astype(dtype)
        self.rng: Random = rng

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        size = self.height, self.width, self.channels
        expected = f"(N, {', '.join(map(str, size))})"
        self.check(x, lambda shape: tuple(shape[1:]) == size, expected)
        if not train and self.mode == "none":
            return x, None
        n = self.fixed if not train and self.mode == "fixed" else self._pictures(x)
        return x + self.strength * n, n

    def _pictures(self, x: Array) -> Array:
        """n for the rows of x."""
        return kernels.normal(x, (*x.shape[:3], 1), self.rng)

    def input_grad(self, dy: Array, n: Cache) -> Array:
        return dy

    def param_grads(self, dy: Array, n: Cache) -> Grads:
        return {} if n is None else {"strength": kernels.channel_sum(dy * n)}

    def double_backward(self, ddx: Array, dy: Array, n: Cache) -> tuple[Array, None, Grads]:
        return ddx, None, {}


class Bias(Layer):
    """Add a learned number to every channel, where the layer before is scaled afterwards.

    Shapes      x, y and their gradients (..., C); bias (C,)
    Forward     y = x + bias
    Backward    dx = dy        dbias = Σ dy over all axes but the last
    Twice       ddy = ddx
    Cache       None, because nothing depends on x.
    Source      Karras et al. 2020 (StyleGAN2), section 2.1: after the demodulated convolution.
    """

    params = ("bias",)
    shown = ("channels",)

    def __init__(self, channels: int, *, dtype: DTypeLike = np.float32) -> None:
        if not whole(channels):
            raise ValueError(f"Bias needs at least one channel, got {channels}")
        self.channels = channels
        self.bias = np.zeros(channels, dtype)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        C = self.channels
        self.check(x, lambda shape: len(shape) >= 2 and shape[-1] == C, f"(N, ..., {C})")
        return x + self.bias, None

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return dy

    def param_grads(self, dy: Array, cache: Cache) -> Grads:
        return {"bias": kernels.channel_sum(dy)}

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, None, Grads]:
        return ddx, None, {}
