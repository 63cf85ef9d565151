"""The layers of a StyleGAN's synthesis: a convolution with a style, and the image of a map."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers.activations import LeakyReLU
from minigan.layers.composite import Named, grads_of
from minigan.layers.conv import Conv2d, ConvTranspose2d
from minigan.layers.equalized import Equalized
from minigan.layers.layer import Cache, Grads, Layer
from minigan.layers.linear import Linear
from minigan.layers.modulated import AdaIN, ModulatedConv2d
from minigan.layers.network import Network
from minigan.layers.noise import Bias, Noise
from minigan.layers.resample import Blur2d

GAIN = 2**0.5  # before a LeakyReLU
STYLES = ("demod", "adain")


class Styled(Named):
    """A layer of two inputs between layers of one: x is a pair (image, w).

    Shapes      image (N, H, W, C), w (N, d); s what `affine` returns; y as of `after`

    Forward     h = before(image)        s = affine(w)        v = pair((h, s))        y = after(v)
    Backward    dv = after's        (dh, ds) = pair's        dimage = before's        dw = affine's
    Twice       up: ddh, dds, ddv, ddy, and what each part contributes to its own input; then an
                ordinary backward pass carries these contributions down both ways

    Names       "affine.weight", "pair.weight", "after.1.strength".
    Cache       the caches of the four parts, because each part's backward pass needs its own.
    Source      the chain rule.
    """

    parts = ("before", "affine", "pair", "after")
    before: Layer
    affine: Layer
    pair: Any  # a Layer of a pair
    after: Layer

    def forward(self, x: Any, train: bool = True) -> tuple[Array, Cache]:
        image, w = x
        h, first = self.before.forward(image, train)
        s, second = self.affine.forward(w, train)
        v, third = self.pair.forward((h, s), train)
        y, last = self.after.forward(v, train)
        return y, (first, second, third, last)

    def backward(
        self,
        dy: Array,
        cache: Cache,
        grads: Grads | None = None,
        need_dx: bool = True,
    ) -> Any:
        dv = self.after.backward(dy, cache[3], grads_of("after", grads))
        return self._below(self.pair.backward(dv, cache[2], grads_of("pair", grads)), cache, grads)

    def _below(self, dpair: Any, cache: Cache, grads: Grads | None) -> Any:
        """(dimage, dw) from (dh, ds)."""
        dh, ds = dpair
        dimage = self.before.backward(dh, cache[0], grads_of("before", grads))
        return dimage, self.affine.backward(ds, cache[1], grads_of("affine", grads))

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Any, Any]:
        """(dimage, dw), and the trace: what reached each of the parts, in their order."""
        dv, after = self.after.traced_backward(dy, cache[3])
        (dh, ds), pair = self.pair.traced_backward(dv, cache[2])
        dimage, before = self.before.traced_backward(dh, cache[0])
        dw, affine = self.affine.traced_backward(ds, cache[1])
        return (dimage, dw), [before, affine, pair, after]

    def double_backward(self, ddx: Any, dy: Any, cache: Cache) -> tuple[Array, Any, Grads]:
        """As in Layer; `dy` is the trace of a traced backward, or dy itself, then traced here."""
        trace = dy if isinstance(dy, list) else self.traced_backward(dy, cache)[1]
        grads: Grads = {}
        ddh, own_image, grads["before"] = self.before.double_backward(ddx[0], trace[0], cache[0])
        dds, own_w, grads["affine"] = self.affine.double_backward(ddx[1], trace[1], cache[1])
        ddv, pair, grads["pair"] = self.pair.double_backward((ddh, dds), trace[2], cache[2])
        ddy, own_v, grads["after"] = self.after.double_backward(ddv, trace[3], cache[3])
        if own_v is not None:
            below = self.pair.backward(own_v, cache[2], grads["pair"])
            pair = pair[0] + below[0], pair[1] + below[1]
        dimage, dw = self._below(pair, cache, grads)
        dimage = dimage if own_image is None else dimage + own_image
        return ddy, (dimage, dw if own_w is None else dw + own_w), grads

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.pair}, {self.after})"


class StyledConv(Styled):
    """A convolution whose channels the style scales, noise, a bias, and a leaky ReLU.

    Shapes      image (N, H, W, in), w (N, d); y (N, H, W, out), (N, 2H, 2W, out) with `up`
    Forward     "demod"   y = LeakyReLU(blur(modulated(image, affine(w))) + noise + bias)
                "adain"   y = AdaIN(LeakyReLU(blur(conv(image)) + noise + bias), affine(w))
    Backward    as Styled
    Twice       as Styled
    Cache       as Styled
    Source      Karras et al. 2020 (StyleGAN2), figure 2; "adain": Karras et al. 2018 (StyleGAN).

    size    height and width of y
    blur    only with `up`, after the transposed convolution
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        size: tuple[int, int],
        *,
        up: bool = False,
        style: str = "demod",
        rng: np.random.Generator,
    ) -> None:
        if style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(STYLES)}, got {style!r}")
        tail: list[Layer] = [Blur2d((1, 1), gain=4)] if up else []
        tail += [Noise(*size, out_channels, rng=rng), Bias(out_channels), LeakyReLU(0.2)]
        if style == "demod":
            affine = Linear(w_dim, in_channels, rng=rng)
            conv = ModulatedConv2d(in_channels, out_channels, 3, up=up, gain=GAIN, rng=rng)
            scaled = Equalized(affine, bias_init=1, rng=rng)
            super().__init__(before=Same(), affine=scaled, pair=conv, after=Network(*tail))
        else:
            affine = Linear(w_dim, 2 * out_channels, rng=rng)
            channels = in_channels, out_channels
            plain: Any = (
                ConvTranspose2d(*channels, 3, 2, bias=False, rng=rng)
                if up
                else Conv2d(*channels, 3, 1, 1, bias=False, rng=rng)
            )
            before = Network(Equalized(plain, gain=GAIN, rng=rng), *tail)
            scaled, norm = Equalized(affine, rng=rng), AdaIN(out_channels)
            super().__init__(before=before, affine=scaled, pair=norm, after=Same())


class ToImage(Styled):
    """A modulated 1 x 1 convolution to the colours of an image, and a bias.

    Shapes      image (N, H, W, in), w (N, d); y (N, H, W, colours)
    Forward     s = affine(w)        y = modulated(image, s) + bias, without demodulation
    Backward    as Styled
    Twice       as Styled
    Cache       as Styled
    Source      Karras et al. 2020 (StyleGAN2), figure 7.
    """

    def __init__(
        self, in_channels: int, colours: int, w_dim: int, *, rng: np.random.Generator
    ) -> None:
        affine = Equalized(Linear(w_dim, in_channels, rng=rng), bias_init=1, rng=rng)
        conv = ModulatedConv2d(in_channels, colours, 1, demodulate=False, rng=rng)
        super().__init__(before=Same(), affine=affine, pair=conv, after=Network(Bias(colours)))


class Same(Layer):
    """y = x, where a part has nothing to compute.

    Shapes      x, y and their gradients the same, any
    Forward     y = x
    Backward    dx = dy
    Twice       ddy = ddx
    Cache       None, because nothing depends on x.
    Source      the identity.
    """

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        return x, None

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        return dy

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, None, Grads]:
        return ddx, None, {}
