"""Pooling: every output pixel is the largest number, or the mean, of one window of its channel."""

from __future__ import annotations

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.kernels import Pair
from minigan.layers.layer import Cache, Grads, Layer


class _Pool(Layer):
    """The windows of both layers; they tile the image where no stride is given."""

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
    ) -> None:
        name = type(self).__name__
        self.kernel_size = kernels.pair(kernel_size, f"kernel_size of {name}", least=1)
        stride = self.kernel_size if stride is None else stride
        self.stride = kernels.pair(stride, f"stride of {name}", least=1)
        self.padding = kernels.pair(padding, f"padding of {name}", least=0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"padding of {name} must be at most half of kernel_size, got padding {padding} "
                f"for a window of "
                f"{kernel_size}"
            )
        self.windows = (self.kernel_size, self.stride, self.padding)

    def output_size(self, size: Pair) -> Pair:
        """Height and width of y for height and width of x."""
        return kernels.conv_size(size, *self.windows)

    def _check_image(self, x: Array) -> None:
        self.check(x, lambda shape: len(shape) == 4, "(N, H, W, C)")
        if min(*x.shape[1:3], *self.output_size(x.shape[1:3])) < 1:
            raise ValueError(
                f"{self}: x of shape {tuple(x.shape)} is too small, the output would be empty"
            )

    def __repr__(self) -> str:
        pairs = {"kernel_size": self.kernel_size, "stride": self.stride, "padding": self.padding}
        usual = {"stride": self.kernel_size, "padding": (0, 0)}
        shown = (
            f"{name}={h if h == w else (h, w)}"
            for name, (h, w) in pairs.items()
            if usual.get(name) != (h, w)
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class MaxPool2d(_Pool):
    """Keep the largest number of every window, channel by channel.

    Shapes      x, dx, ddx (N, H, W, C); y, dy, ddy (N, OH, OW, C)
                OH = ⌊(H + 2 padding - KH) / stride⌋ + 1, OW likewise

    Forward     y = x at the winner, the largest of its window
                Of equal ones the first wins, row by row, and it alone. Padding counts as -∞ and
                never wins. A NaN in the window makes y NaN.

    Backward    dx = Σ dy of the windows that x won

    Twice       Linear in dy, with the winners for constants: they change only where two numbers are
                equal.
                ddy = ddx at the winner

    Cache       the winner's place in its window, k · KW + l, (N, OH, OW, C), in one byte while
                KH · KW <= 256, because dy goes there; height and width of x, to which it goes back.
    Source      Riesenhuber & Poggio 1999; "Twice" derived here.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self._check_image(x)
        y, winner = kernels.max_pool(x, *self.windows)
        return y, (winner, x.shape[1:3])

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        winner, size = cache
        return kernels.max_pool_grad(dy, winner, size, *self.windows)

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, None, Grads]:
        winner, _ = cache
        return kernels.max_pool_pick(ddx, winner, *self.windows), None, {}


class AvgPool2d(_Pool):
    """The mean of every window, channel by channel.

    Shapes      x, dx, ddx (N, H, W, C); y, dy, ddy (N, OH, OW, C); n a number or (1, OH, OW, 1)
                OH = ⌊(H + 2 padding - KH) / stride⌋ + 1, OW likewise

    Forward     y = Σ x of the window / n
                n = KH · KW, which counts padding as pixels of value 0; with count_include_pad=False
                the number of real pixels in the window

    Backward    dx = Σ dy / n of the windows that x lies in

    Twice       Linear: the forward pass.
                ddy = Σ ddx of the window / n

    Cache       n, by which dy is divided; height and width of x, to which it goes back.
    Source      LeCun et al. 1998, section II (subsampling, without its coefficients); "Twice"
                derived here.
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        *,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.count_include_pad = count_include_pad

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self._check_image(x)
        n = self._pixels(x)
        return kernels.sum_pool(x, *self.windows) / n, (n, x.shape[1:3])

    def _pixels(self, x: Array) -> int | Array:
        """n; where padding does not count, it is what the windows of an image of ones add up to."""
        if self.count_include_pad or self.padding == (0, 0):
            return self.kernel_size[0] * self.kernel_size[1]
        return kernels.sum_pool(np.ones_like(x, shape=(1, *x.shape[1:3], 1)), *self.windows)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        n, size = cache
        return kernels.sum_pool_grad(dy / n, size, *self.windows)

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, None, Grads]:
        n, _ = cache
        return kernels.sum_pool(ddx, *self.windows) / n, None, {}

    def __repr__(self) -> str:
        shown = super().__repr__()
        return shown if self.count_include_pad else f"{shown[:-1]}, count_include_pad=False)"
