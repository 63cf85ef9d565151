"""Fixed low-pass filters that keep, double or halve the size of an image.

Along each axis, with a filter f of K numbers whose sum is 1, zeros outside, and p = `before`:

    y[j] = gain · Σ_t f[t] · x[(down · j + t - p) / up]        over the t that give a whole number

Two axes after one another; no parameters. All three are linear: the backward pass is the transposed
map (the same sum with f in reverse, `up` and `down` exchanged, and K - 1 - p), and
`double_backward` the forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, whole

TAPS = (1, 3, 3, 1)


class _Resample(Layer):
    """Base of the three layers: the sum above."""

    up = down = 1
    pad = (0, 0)  # zeros before and after, along each axis
    gain = 1.0

    def __init__(self, *, taps: Sequence[float] = TAPS) -> None:
        name = type(self).__name__
        if len(taps) < 2 or len(taps) % 2 or not sum(taps) > 0:
            expected = "an even number of taps with a positive sum"
            raise ValueError(f"{name} needs {expected}, got {tuple(taps)}")
        self.taps = tuple(float(tap) / sum(taps) for tap in taps)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, lambda shape: len(shape) == 4, "(N, H, W, C)")
        if min(self._size(x)) < 1:
            raise ValueError(f"{self}: x of shape {tuple(x.shape)} is too small")
        return self._filtered(x), x.shape[1:3]

    def input_grad(self, dy: Array, size: Cache) -> Array:
        before = len(self.taps) - 1 - self.pad[0]
        return kernels.resample(dy, self._axis_taps()[::-1], self.down, self.up, before, size)

    def double_backward(self, ddx: Array, dy: Array, size: Cache) -> tuple[Array, None, Grads]:
        return self._filtered(ddx), None, {}

    def _filtered(self, x: Array) -> Array:
        taps, size = self._axis_taps(), self._size(x)
        return kernels.resample(x, taps, self.up, self.down, self.pad[0], size)

    def _axis_taps(self) -> list[float]:
        """f, and along each axis the root of the gain."""
        return [f * self.gain**0.5 for f in self.taps]

    def _size(self, x: Array) -> tuple[int, int]:
        """Height and width of y."""
        K, pads = len(self.taps), sum(self.pad)
        H, W = ((n * self.up + pads - K) // self.down + 1 for n in x.shape[1:3])
        return H, W


class Upsample2d(_Resample):
    """Double the size: zeros between the pixels, then the filter.

    Shapes      x, dx, ddx (N, H, W, C); y, dy, ddy (N, 2H, 2W, C)

    Forward     y[2i] = ¾ x[i] + ¼ x[i-1]        y[2i+1] = ¾ x[i] + ¼ x[i+1]        along both axes
    Backward    the transposed map: 4 times Downsample2d of dy
    Twice       linear: ddy from ddx as y from x

    In the interior this is bilinear interpolation; at the border it mixes with the zeros outside.

    Cache       the size of x, to which dy goes back.
    Source      Karras et al. 2020 (StyleGAN2); the filter after Zhang 2019.
    """

    up, gain = 2, 4.0

    def __init__(self, *, taps: Sequence[float] = TAPS) -> None:
        super().__init__(taps=taps)
        half = len(self.taps) // 2
        self.pad = half, half - 1


class Downsample2d(_Resample):
    """Halve the size: the filter, then every other pixel.

    Shapes      x, dx, ddx (N, 2H, 2W, C); y, dy, ddy (N, H, W, C)

    Forward     y[i] = (x[2i-1] + 3 x[2i] + 3 x[2i+1] + x[2i+2]) / 8        along both axes
    Backward    the transposed map: a quarter of Upsample2d of dy
    Twice       linear: ddy from ddx as y from x
    Cache       the size of x, to which dy goes back.
    Source      Karras et al. 2020 (StyleGAN2); the filter after Zhang 2019.
    """

    down = 2

    def __init__(self, *, taps: Sequence[float] = TAPS) -> None:
        super().__init__(taps=taps)
        half = len(self.taps) // 2
        self.pad = half - 1, half - 1


class Blur2d(_Resample):
    """The filter alone, with `pad` zeros before and after each axis.

    Shapes      x, dx, ddx (N, H, W, C); y, dy, ddy (N, OH, OW, C), OH = H + pads - K + 1

    Forward     y[j] = Σ_t f[t] x[j + t - pad], along both axes, times gain
    Backward    the transposed map
    Twice       linear: ddy from ddx as y from x

    pad (1, 1) and gain 4 after a transposed convolution of stride 2, three of whose four inputs
    were zeros; pad (2, 2) before a 3 x 3 convolution of stride 2.

    Cache       the size of x, to which dy goes back.
    Source      Karras et al. 2020 (StyleGAN2); Zhang 2019.
    """

    def __init__(
        self,
        pad: tuple[int, int],
        *,
        gain: float = 1.0,
        taps: Sequence[float] = TAPS,
    ) -> None:
        super().__init__(taps=taps)
        if len(pad) != 2 or not whole(pad[0] + 1, pad[1] + 1) or not gain > 0:
            expected = "two pads of at least 0 and gain > 0"
            raise ValueError(f"Blur2d needs {expected}, got {pad} and {gain}")
        self.pad, self.gain = (pad[0], pad[1]), gain

    def __repr__(self) -> str:
        return f"Blur2d({self.pad}, gain={self.gain:g})"
