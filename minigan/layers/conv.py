"""Convolution and transposed convolution: one trilinear number, held by different ends.

    T(x, w, y) = <correlate(x, w), y> = <x, spread(y, w)> = <w, match(x, y)>

Its partial derivatives are three functions, and both layers with all their derivatives are choices
among them:

                          Conv2d               ConvTranspose2d
    y                     correlate(x, w)      spread(x, w)
    dx                    spread(dy, w)        correlate(dy, w)
    dw                    match(x, dy)         match(dy, x)
    ddy                   correlate(ddx, w)    spread(ddx, w)
    dw, second order      match(ddx, dy)       match(dy, ddx)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan import init as initializers
from minigan import kernels
from minigan.device import Array
from minigan.kernels import Pair
from minigan.layers.layer import Cache, Grads, Layer, whole


class _Convolution(Layer):
    """Both layers: their sizes, their weights, and the sums of the bias."""

    # the pairs that distinguish two layers
    windows: tuple[str, ...] = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair,
        padding: int | Pair,
        bias: bool,
        dtype: DTypeLike,
    ) -> None:
        name = type(self).__name__
        if not whole(in_channels, out_channels):
            raise ValueError(
                f"{name} needs at least one channel on each side, got {in_channels} and "
                f"{out_channels}"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = kernels.pair(kernel_size, f"kernel_size of {name}", least=1)
        self.stride = kernels.pair(stride, f"stride of {name}", least=1)
        self.padding = kernels.pair(padding, f"padding of {name}", least=0)
        self.params = ("weight", "bias") if bias else ("weight",)
        self.weight: Array
        if bias:
            self.bias = np.zeros(out_channels, dtype)

    def output_size(self, size: Pair) -> Pair:
        """Height and width of y for height and width of x."""
        raise NotImplementedError(f"{self} has no output size")

    def __repr__(self) -> str:
        pairs = {name: getattr(self, name) for name in self.windows}
        usual = {"padding": (0, 0), "output_padding": (0, 0)}
        tail = (
            f"{name}={h if h == w else (h, w)}"
            for name, (h, w) in pairs.items()
            if usual.get(name) != (h, w)
        )
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, {', '.join(tail)})"

    def _check_image(self, x: Array) -> None:
        C = self.in_channels
        self.check(x, lambda shape: len(shape) == 4 and shape[3] == C, f"(N, H, W, {C})")
        if min(*x.shape[1:3], *self.output_size(x.shape[1:3])) < 1:
            raise ValueError(
                f"{self}: x of shape {x.shape} is too small, the output would be empty"
            )

    def _with_bias(self, y: Array) -> Array:
        if "bias" in self.params:
            y += self.bias
        return y

    def _grads(self, dweight: Array, dy: Array) -> Grads:
        dbias = {"bias": kernels.channel_sum(dy)} if "bias" in self.params else {}
        return {"weight": dweight} | dbias


class Conv2d(_Convolution):
    """Slide a small window over the image; every output pixel is a weighted sum of one window.

    Shapes      x, dx, ddx (N, H, W, in); y, dy, ddy (N, OH, OW, out)
                weight (KH, KW, in, out); bias (out,)
                OH = ⌊(H + 2 padding - KH) / stride⌋ + 1, OW likewise
                padding counts zeros on each side

    Forward     y = correlate(x, weight) + bias

    Backward    dx = spread(dy, weight)
                dweight = match(x, dy)        dbias = Σ dy over batch and pixels

    Twice       Linear in x: the forward pass without bias, and the weight gradient with ddx instead
                of x.
                ddy = correlate(ddx, weight)        dweight = match(ddx, dy)

    Cache       x, because dweight is made of its windows; dx needs the weight alone.
    Source      LeCun et al. 1989; the three functions and "Twice" derived here.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        init: initializers.Initializer = initializers.uniform_fan_in,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias, dtype)
        KH, KW = self.kernel_size
        fan_in = KH * KW * in_channels
        self.weight = init(rng, (KH, KW, in_channels, out_channels), fan_in).astype(dtype)

    def output_size(self, size: Pair) -> Pair:
        return kernels.conv_size(size, self.kernel_size, self.stride, self.padding)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self._check_image(x)
        return self._with_bias(kernels.correlate(x, self.weight, self.stride, self.padding)), x

    def input_grad(self, dy: Array, x: Cache) -> Array:
        return kernels.spread(dy, self.weight, x.shape[1:3], self.stride, self.padding)

    def param_grads(self, dy: Array, x: Cache) -> Grads:
        return self._grads(kernels.match(x, dy, self.kernel_size, self.stride, self.padding), dy)

    def double_backward(self, ddx: Array, dy: Array, x: Cache) -> tuple[Array, None, Grads]:
        ddy = kernels.correlate(ddx, self.weight, self.stride, self.padding)
        dw = kernels.match(ddx, dy, self.kernel_size, self.stride, self.padding)
        return ddy, None, {"weight": dw}


class ConvTranspose2d(_Convolution):
    """Add a small window to the output for every input pixel, scaled by it; overlaps add up.

    Shapes      x, dx, ddx (N, H, W, in); y, dy, ddy (N, OH, OW, out)
                weight (KH, KW, out, in); bias (out,)
                OH = (H - 1) stride - 2 padding + KH + output_padding, OW likewise

    Forward     y = spread(x, weight) + bias

    Backward    dx = correlate(dy, weight)
                dweight = match(dy, x)        dbias = Σ dy over batch and pixels

    Twice       Linear in x: the forward pass without bias, and the weight gradient with ddx instead
                of x.
                ddy = spread(ddx, weight)        dweight = match(dy, ddx)

    output_padding (below stride) chooses among the sizes that a convolution of this stride maps to
    (H, W).

    Cache       x, because dweight is made of its windows; dx needs the weight alone.
    Source      Zeiler et al. 2010; the three functions and "Twice" derived here.
    """

    windows = ("kernel_size", "stride", "padding", "output_padding")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        init: initializers.Initializer = initializers.uniform_fan_in,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias, dtype)
        self.output_padding = kernels.pair(
            output_padding, "output_padding of ConvTranspose2d", least=0
        )
        if any(o >= s for o, s in zip(self.output_padding, self.stride, strict=True)):
            raise ValueError(f"{self}: output_padding must be smaller than stride")
        KH, KW = self.kernel_size
        # On average an output pixel adds up KH · KW / stride² windows.
        fan_in = max(1, KH * KW * in_channels // (self.stride[0] * self.stride[1]))
        self.weight = init(rng, (KH, KW, out_channels, in_channels), fan_in).astype(dtype)

    def output_size(self, size: Pair) -> Pair:
        return kernels.conv_transpose_size(
            size, self.kernel_size, self.stride, self.padding, self.output_padding
        )

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self._check_image(x)
        size = self.output_size(x.shape[1:3])
        return self._with_bias(kernels.spread(x, self.weight, size, self.stride, self.padding)), x

    def input_grad(self, dy: Array, x: Cache) -> Array:
        return kernels.correlate(dy, self.weight, self.stride, self.padding)

    def param_grads(self, dy: Array, x: Cache) -> Grads:
        return self._grads(kernels.match(dy, x, self.kernel_size, self.stride, self.padding), dy)

    def double_backward(self, ddx: Array, dy: Array, x: Cache) -> tuple[Array, None, Grads]:
        ddy = kernels.spread(ddx, self.weight, dy.shape[1:3], self.stride, self.padding)
        dw = kernels.match(dy, ddx, self.kernel_size, self.stride, self.padding)
        return ddy, None, {"weight": dw}
