"""Cases of the layers of a StyleGAN. Those of two inputs are checked as layers of one, `Packed`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers import (
    AdaIN,
    Bias,
    Blur2d,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Downsample2d,
    Equalized,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    MinibatchStd,
    ModulatedConv2d,
    Network,
    Noise,
    Partners,
    PixelNorm,
    Reshape,
    StyledConv,
    Styles,
    Sum,
    Synthesis,
    Tanh,
    ToImage,
    Upsample2d,
)
from minigan.layers.composite import Around
from minigan.layers.layer import Cache, Grads

Row = tuple[Callable[[np.random.Generator], Layer], tuple[int, ...], str]  # how it is made, shape of x, name


class Packed(Around):
    """A layer of a pair (image, style) as a layer of rows: the numbers of the image, then those of the style.

    Everything that is checked of layers is checked of these through it, mixed second derivatives included.
    """

    def __init__(self, layer: Layer, image_shape: tuple[int, int, int]) -> None:
        super().__init__(layer)
        self.image_shape = image_shape

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        return self.network.forward(self._unpacked(x), train)

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        dx = self.network.backward(dy, cache, grads)
        return self._packed(dx) if need_dx else None

    def traced_backward(self, dy: Array, cache: Cache) -> tuple[Array, Any]:
        dx, seen = self.network.traced_backward(dy, cache)
        return self._packed(dx), seen

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        ddy, dx, grads = self.network.double_backward(self._unpacked(ddx), dy, cache)
        return ddy, self._packed(dx), grads

    def _unpacked(self, x: Array) -> tuple[Array, Array]:
        P = math.prod(self.image_shape)
        return x[:, :P].reshape(len(x), *self.image_shape), x[:, P:]

    def _packed(self, pair: Any) -> Array:
        image, style = pair
        return np.concatenate([image.reshape(len(image), -1), style], axis=1)


def styled_layers() -> list[Row]:
    """Odd maps that are not square; more channels out than in."""
    flat, image = (4, 6), (3, 5, 4, 2)
    return [
        (lambda rng: PixelNorm(), flat, ""),
        (lambda rng: PixelNorm(), (3, 5, 4, 3), "PixelNorm, images"),
        (_equalized_linear, flat, "Equalized(Linear), lr_mul 0.5"),
        (lambda rng: Equalized(Conv2d(2, 3, 3, 1, 1, rng=rng), gain=1.5, rng=rng), image, "Equalized(Conv2d)"),
        (_equalized_transpose, image, "Equalized(ConvTranspose2d), no bias"),
        (lambda rng: Constant(3, 2, 4, rng=rng), flat, ""),
        (lambda rng: Noise(5, 4, 2, rng=rng), image, ""),
        (lambda rng: Bias(2), image, ""),
        (lambda rng: Upsample2d(), image, ""),
        (lambda rng: Upsample2d(taps=(1, 1)), image, "Upsample2d, box"),
        (lambda rng: Downsample2d(), (3, 6, 4, 2), ""),
        (lambda rng: Blur2d((1, 1), gain=4), image, ""),
        (lambda rng: Blur2d((2, 1), taps=(1, 2, 3, 4)), image, "Blur2d, uneven taps and pads"),
        (lambda rng: MinibatchStd(3), (7, 3, 2, 2), ""),
        (lambda rng: Sum(Linear(6, 5, rng=rng), Network(Tanh(), Linear(6, 5, rng=rng)), scale=0.7), flat, "Sum"),
        (_residual, (6, 6, 4, 2), "Residual block: Sum, blur, std of groups"),
        *_pairs(),
        (lambda rng: Network(Partners(rng=rng), Tanh()), flat, "Partners, tanh"),
        (_mixed, flat, "Mapping with style mixing"),
        (lambda rng: Styles(3, 6, mixing=0, rng=rng), flat, "Styles without mixing"),
        (small_synthesis("demod"), (3, 4, 3), "Synthesis, 6 x 4, skip"),
        (small_synthesis("adain"), (3, 4, 3), "Synthesis, 6 x 4, AdaIN, skip"),
        (small_synthesis("demod", images=1, first=True), (3, 4, 3), "Synthesis, 6 x 4, first map from w"),
        (_generator, flat, "Styled generator: mapping, mixing, synthesis"),
    ]


def _pairs() -> list[Row]:
    shape, rows = (5, 4, 2), (3, 5 * 4 * 2 + 2)
    modulated: dict[str, dict[str, Any]] = {
        "ModulatedConv2d": {"gain": 1.3},
        "ModulatedConv2d, up": {"up": True, "gain": 1.3},
        "ModulatedConv2d, not demodulated": {"demodulate": False, "gain": 1.3},
        "ModulatedConv2d, up, not demodulated": {"demodulate": False, "up": True},
    }

    def make(options: dict[str, Any]) -> Callable[[np.random.Generator], Layer]:
        return lambda rng: Packed(ModulatedConv2d(2, 3, 3, rng=rng, **options), shape)

    wide = (3, 5 * 4 * 2 + 3)
    return [
        *((make(options), rows, name) for name, options in modulated.items()),
        (lambda rng: Packed(AdaIN(2), shape), (3, 5 * 4 * 2 + 4), "AdaIN"),
        (lambda rng: Packed(StyledConv(2, 3, 3, (5, 4), rng=rng), shape), wide, "StyledConv"),
        (lambda rng: Packed(StyledConv(2, 3, 3, (10, 8), up=True, rng=rng), shape), wide, "StyledConv, up"),
        (
            lambda rng: Packed(StyledConv(2, 3, 3, (10, 8), up=True, style="adain", rng=rng), shape),
            wide,
            "StyledConv, up, AdaIN",
        ),
        (lambda rng: Packed(ToImage(2, 3, 3, rng=rng), shape), wide, "ToImage"),
    ]


def _equalized_linear(rng: np.random.Generator) -> Equalized:
    return Equalized(Linear(6, 5, rng=rng), lr_mul=0.5, rng=rng)


def _equalized_transpose(rng: np.random.Generator) -> Equalized:
    return Equalized(ConvTranspose2d(2, 3, (4, 3), 2, 1, bias=False, rng=rng), rng=rng)


def _residual(rng: np.random.Generator) -> Network:
    down = Equalized(Conv2d(2, 3, 3, 2, rng=rng), gain=2**0.5, rng=rng)
    around = Network(Downsample2d(), Equalized(Conv2d(2, 3, 1, bias=False, rng=rng), rng=rng))
    block = Sum(Network(Tanh(), Blur2d((2, 2)), down, LeakyReLU()), around, scale=0.5**0.5)
    return Network(block, MinibatchStd(3), Tanh(), Flatten(), Linear(24, 1, rng=rng))


def _mixed(rng: np.random.Generator) -> Network:
    mapping = PixelNorm(), Equalized(Linear(6, 5, rng=rng), lr_mul=0.5, rng=rng), Tanh()
    return Network(Partners(rng=rng), *mapping, Styles(4, 5, mixing=0.7, rng=rng), Tanh())


def small_synthesis(style: str, images: int = 2, first: bool = False) -> Callable[[np.random.Generator], Synthesis]:
    def make(rng: np.random.Generator) -> Synthesis:
        base = (3, 2)
        convs = [
            StyledConv(2, 2, 3, base, style=style, rng=rng),
            StyledConv(2, 3, 3, (6, 4), up=True, style=style, rng=rng),
            StyledConv(3, 3, 3, (6, 4), style=style, rng=rng),
        ]
        to_images = [ToImage(channels, 2, 3, rng=rng) for channels in (2, 3)[-images:]]
        start: Layer = Constant(3, 2, 2, rng=rng)
        if first:
            start = Network(Equalized(Linear(3, 12, rng=rng), rng=rng), Tanh(), Reshape(3, 2, 2))
        return Synthesis(start, convs, to_images)

    return make


def _generator(rng: np.random.Generator) -> Network:
    mapping = PixelNorm(), Equalized(Linear(6, 3, rng=rng), gain=2**0.5, lr_mul=0.5, rng=rng), LeakyReLU()
    styles = Styles(4, 3, mixing=0.6, rng=rng)
    return Network(Partners(rng=rng), *mapping, styles, small_synthesis("demod")(rng), Tanh())
