"""Layers that change the size of an image without weights: shuffled channels, mirrors, copies.

All three are linear: `double_backward` is the forward pass, and the backward pass its transpose.
"""

from __future__ import annotations

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.kernels import Pair
from minigan.layers.layer import Cache, Grads, Layer, whole


class PixelShuffle(Layer):
    """Turn r² channels of one pixel into r x r pixels of one channel.

    The order of channels is PyTorch's: the channel of y first, then the row, then the column.

    Shapes      x, dx, ddx (N, H, W, C r²); y, dy, ddy (N, H r, W r, C)
    Forward     y[n, h r + i, w r + j, c] = x[n, h, w, c r² + i r + j]
    Backward    dx[n, h, w, c r² + i r + j] = dy[n, h r + i, w r + j, c]
    Twice       linear: ddy from ddx as y from x
    Cache       None, because a permutation needs nothing to be inverted.
    Source      Shi et al. 2016 (sub-pixel convolution).
    """

    shown = ("upscale_factor",)

    def __init__(self, upscale_factor: int) -> None:
        if not whole(upscale_factor):
            raise ValueError(f"upscale_factor of PixelShuffle must be >= 1, got {upscale_factor}")
        self.upscale_factor = upscale_factor

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        r = self.upscale_factor
        expected = f"(N, H, W, C) with C a multiple of {r * r}"
        self.check(x, lambda shape: len(shape) == 4 and shape[3] % (r * r) == 0, expected)
        return self._shuffle(x), None

    def _shuffle(self, x: Array) -> Array:
        (N, H, W, C), r = x.shape, self.upscale_factor
        parts = x.reshape(N, H, W, C // (r * r), r, r)  # n h w c i j
        return parts.transpose(0, 1, 4, 2, 5, 3).reshape(N, H * r, W * r, C // (r * r))

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        (N, H, W, C), r = dy.shape, self.upscale_factor
        parts = dy.reshape(N, H // r, r, W // r, r, C)  # n h i w j c
        return parts.transpose(0, 1, 3, 5, 2, 4).reshape(N, H // r, W // r, C * r * r)

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, None, Grads]:
        return self._shuffle(ddx), None, {}


class ReflectionPad2d(Layer):
    """Continue an image beyond its edges as in mirrors that stand on its edge pixels.

    Shapes      x, dx, ddx (N, H, W, C); y, dy, ddy (N, H + 2p, W + 2q, C); padding p or (p, q),
                p < H and q < W

    Forward     y[p + i] = x[i]        y[p - k] = x[k]        y[p + H - 1 + k] = x[H - 1 - k]
                for k = 1 ... p, which does not repeat the edge; columns likewise
    Backward    dx[i] = Σ of dy over all places where x[i] stands: the mirrors are folded back
    Twice       linear: ddy from ddx as y from x
    Cache       None, because the sizes follow from dy.
    Source      Johnson, Alahi & Fei-Fei 2016, for its use in networks that make images.
    """

    shown = ("padding",)

    def __init__(self, padding: int | Pair) -> None:
        self.padding = kernels.pair(padding, "padding of ReflectionPad2d", least=0)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) == 4, "(N, H, W, C)")
        (p, q), (H, W) = self.padding, x.shape[1:3]
        if p >= H or q >= W:
            needed = f"{p + 1} x {q + 1} pixels or more"
            raise ValueError(f"ReflectionPad2d: padding {p, q} needs {needed}, got {H} x {W}")
        return self._mirrored(x), None

    def _mirrored(self, x: Array) -> Array:
        (p, q), (N, H, W, C) = self.padding, x.shape
        y = np.empty_like(x, shape=(N, H + 2 * p, W + 2 * q, C))
        y[:, p : p + H, q : q + W] = x
        rows = y[:, :, q : q + W]
        for k in range(1, p + 1):
            rows[:, p - k], rows[:, p + H - 1 + k] = rows[:, p + k], rows[:, p + H - 1 - k]
        for k in range(1, q + 1):
            y[:, :, q - k], y[:, :, q + W - 1 + k] = y[:, :, q + k], y[:, :, q + W - 1 - k]
        return y

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        (p, q), (_, OH, OW, _) = self.padding, dy.shape
        H, W = OH - 2 * p, OW - 2 * q
        rows = dy[:, :, q : q + W].copy()  # columns first, the other way round than forward
        for k in range(1, q + 1):
            rows[:, :, k] += dy[:, :, q - k]
            rows[:, :, W - 1 - k] += dy[:, :, q + W - 1 + k]
        dx = rows[:, p : p + H].copy()
        for k in range(1, p + 1):
            dx[:, k] += rows[:, p - k]
            dx[:, H - 1 - k] += rows[:, p + H - 1 + k]
        return dx

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, None, Grads]:
        return self._mirrored(ddx), None, {}

    def __repr__(self) -> str:
        p, q = self.padding
        return f"ReflectionPad2d({p if p == q else (p, q)})"


class UpsampleNearest2d(Layer):
    """Repeat every pixel s x s times.

    With a 3 x 3 convolution after it, it takes the place of a transposed convolution and leaves no
    checkerboard.

    Shapes      x, dx, ddx (N, H, W, C); y, dy, ddy (N, H s, W s, C)
    Forward     y[h s + i, w s + j] = x[h, w]
    Backward    dx[h, w] = Σ dy[h s + i, w s + j] over i and j
    Twice       linear: ddy from ddx as y from x
    Cache       None, because the sizes follow from dy.
    Source      Odena, Dumoulin & Olah 2016.
    """

    shown = ("scale_factor",)

    def __init__(self, scale_factor: int) -> None:
        if not whole(scale_factor):
            raise ValueError(f"scale_factor of UpsampleNearest2d must be >= 1, got {scale_factor}")
        self.scale_factor = scale_factor

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) == 4, "(N, H, W, C)")
        return self._enlarged(x), None

    def _enlarged(self, x: Array) -> Array:
        (N, H, W, C), s = x.shape, self.scale_factor
        y = np.empty_like(x, shape=(N, H, s, W, s, C))
        y[...] = x[:, :, np.newaxis, :, np.newaxis]
        return y.reshape(N, H * s, W * s, C)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        s = self.scale_factor
        return kernels.sum_pool(dy, (s, s), (s, s), (0, 0))

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, None, Grads]:
        return self._enlarged(ddx), None, {}
