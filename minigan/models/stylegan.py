"""The networks of a StyleGAN: from noise to styles to an image, and two discriminators.

Images have the size base · 2^k with base 4, 5, 6 or 7: 28 = 7 · 4, 32 = 4 · 8, 64 = 4 · 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.init import normal
from minigan.layers import (
    Blur2d,
    Constant,
    Conv2d,
    Downsample2d,
    Equalized,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    MinibatchStd,
    Network,
    Partners,
    PixelNorm,
    Reshape,
    StyledConv,
    Styles,
    Sum,
    Synthesis,
    Tanh,
    ToImage,
)
from minigan.models.model import norm

CHANNELS = (12, 32, 64, 96, 128, 128)  # of the generator's levels, from the last to the first
GAIN = 2**0.5  # of weights before a LeakyReLU
N02 = normal(0.02)


class StyleGenerator(Network):
    """A generator with names for its parts.

    z ─► mapping ─► w ─► styles ─► ws ─► synthesis (─► Tanh) ─► image

    In training the mapping has the noise of partners beside z, and the styles are mixed.

    z_dim       numbers of z
    synthesis   ws (N, L, w_dim) -> image; L layers
    styles      w (N, w_dim) -> ws; its buffer `mean` is the running mean of w
    """

    def __init__(
        self,
        mapping: Sequence[Layer],
        styles: Styles,
        synthesis: Synthesis,
        *,
        z_dim: int,
        tanh: bool,
        partners: Partners | None = None,
    ) -> None:
        before = [] if partners is None else [partners]
        super().__init__(*before, *mapping, styles, synthesis, *([Tanh()] if tanh else []))
        self.z_dim, self.places = z_dim, (len(before), len(before) + len(mapping))

    @property
    def mapping(self) -> Network:
        """z -> w."""
        return Network(*self.layers[self.places[0] : self.places[1]])

    @property
    def styles(self) -> Styles:
        styles = self.layers[self.places[1]]
        assert isinstance(styles, Styles)
        return styles

    @property
    def synthesis(self) -> Network:
        """ws -> image."""
        return Network(*self.layers[self.places[1] + 1 :])

    @property
    def L(self) -> int:
        """The number of layers with a style."""
        return self.styles.layers

    def map(self, z: Array) -> Array:
        """w (N, w_dim) of the noise z (N, z_dim), in evaluation mode."""
        return self.mapping.forward(z, train=False)[0]

    def image(self, ws: Array) -> Array:
        """The images of ws (N, L, w_dim), or of w (N, w_dim) for all layers, in evaluation mode."""
        if ws.ndim == 2:
            ws = np.repeat(ws[:, np.newaxis], self.L, axis=1)
        return self.synthesis.forward(ws, train=False)[0]

    def __repr__(self) -> str:
        return f"StyleGenerator(z of {self.z_dim} numbers, {self.L} layers with a style)"


def levels(sample_shape: tuple[int, ...]) -> tuple[int, int]:
    """base and k of the size base · 2^k of images (H, H, C); ValueError for other shapes."""
    if len(sample_shape) != 3:
        raise ValueError(f"stylegan generates images, got samples of shape {sample_shape}")
    H, W, _ = sample_shape
    base, k = H, 0
    while base > 7 and base % 2 == 0:
        base, k = base // 2, k + 1
    if H != W or not 4 <= base <= 7 or k == 0:
        raise ValueError(
            f"stylegan generates H x H images with H = 4, 5, 6 or 7 times a power of two "
            f"(28, 32, 40, 48, 56, 64, ...), got {H} x {W}; "
            "for a folder of pictures, --size 64 resizes them"
        )
    return base, k


def generator(
    rng: np.random.Generator,
    *,
    sample_shape: tuple[int, ...],
    z_dim: int = 64,
    w_dim: int = 64,
    depth: int = 2,
    lr_mul: float = 0.5,
    width: float = 1.0,
    style: str = "demod",
    first: str = "w",
    mixing: float = 0.0,
    skip: bool = True,
    tanh: bool = True,
) -> StyleGenerator:
    """A mapping of `depth` layers, and a synthesis network of two styled convolutions per level.

    first   "w": the first map is a linear layer of the style; "constant": one for all is learned
    mixing  how often a training sample takes the last layers' styles from another one
    skip    the image is the sum of an image of every level
    """
    base, k = levels(sample_shape)
    if depth < 1:
        raise ValueError(f"depth, the layers of the mapping, must be at least 1, got {depth}")
    if first not in ("w", "constant"):
        raise ValueError(f"first must be w or constant, got {first!r}")
    channels, colours = scaled(CHANNELS, k, width), sample_shape[-1]
    mapping: list[Layer] = [PixelNorm()]
    for i in range(depth):
        linear = Linear(z_dim if i == 0 else w_dim, w_dim, rng=rng)
        mapping += [Equalized(linear, gain=GAIN, lr_mul=lr_mul, rng=rng), LeakyReLU(0.2)]
    start: Layer = Constant(base, base, channels[0], rng=rng)
    if first == "w":
        first_map = Equalized(Linear(w_dim, base * base * channels[0], rng=rng), gain=GAIN, rng=rng)
        start = Network(first_map, Reshape(base, base, channels[0]), LeakyReLU(0.2))
    same, first_size = (channels[0], channels[0]), (base, base)
    convs: list[Layer] = [StyledConv(*same, w_dim, first_size, style=style, rng=rng)]
    for level, (wide, narrow) in enumerate(pairwise(channels), 1):
        size = base * 2**level, base * 2**level
        convs.append(StyledConv(wide, narrow, w_dim, size, up=True, style=style, rng=rng))
        convs.append(StyledConv(narrow, narrow, w_dim, size, style=style, rng=rng))
    images = [ToImage(c, colours, w_dim, rng=rng) for c in (channels if skip else channels[-1:])]
    synthesis = Synthesis(start, convs, images)
    styles = Styles(synthesis.L, w_dim, mixing=mixing, rng=rng)
    partners = Partners(rng=rng) if mixing > 0 else None
    return StyleGenerator(mapping, styles, synthesis, z_dim=z_dim, tanh=tanh, partners=partners)


def plain_discriminator(
    rng: np.random.Generator,
    *,
    sample_shape: tuple[int, ...],
    width: float = 1.0,
    kind: str | None = "batch",
) -> Network:
    """Convolutions of stride 2 down to 4 to 7 pixels, and a hidden layer, as in InfoGAN.

    kind    of norm: "batch", "layer" or None

    Source      Chen et al. 2016 (InfoGAN), appendix C.1, a quarter as wide.
    """
    base, k = levels(sample_shape)
    channels = [max(1, round(16 * 2**i * width)) for i in range(k)]
    layers: list[Layer] = []
    size = base * 2**k
    for i, (narrow, wide) in enumerate(pairwise((sample_shape[-1], *channels))):
        size //= 2
        normed = kind if i > 0 else None
        layers.append(Conv2d(narrow, wide, 4, 2, 1, bias=normed is None, rng=rng, init=N02))
        layers += [*norm(normed, (size, size, wide)), LeakyReLU()]
    hidden = max(1, round(256 * width))
    inputs = size * size * channels[-1]
    layers += [Flatten(), Linear(inputs, hidden, bias=kind is None, rng=rng, init=N02)]
    layers += [*norm(kind, (hidden,)), LeakyReLU(), Linear(hidden, 1, rng=rng, init=N02)]
    return Network(*layers)


def residual_discriminator(
    rng: np.random.Generator,
    *,
    sample_shape: tuple[int, ...],
    width: float = 1.0,
    group: int = 4,
) -> Network:
    """Residual blocks of halving size with equalised rates, and the deviation of groups of samples.

    group   samples that are compared; 0: none are

    Source      Karras et al. 2020 (StyleGAN2), figure 7.
    """
    base, k = levels(sample_shape)
    channels = scaled(CHANNELS, k, width)[::-1]

    def conv(inputs: int, outputs: int, *window: Any) -> Layer:
        return Equalized(Conv2d(inputs, outputs, *window, rng=rng), gain=GAIN, rng=rng)

    layers: list[Layer] = [conv(sample_shape[-1], channels[0], 1), LeakyReLU(0.2)]
    for narrow, wide in pairwise(channels):
        first, second = conv(narrow, narrow, 3, 1, 1), conv(narrow, wide, 3, 2)
        down = Network(first, LeakyReLU(0.2), Blur2d((2, 2)), second, LeakyReLU(0.2))
        shortcut = Equalized(Conv2d(narrow, wide, 1, bias=False, rng=rng), rng=rng)
        layers.append(Sum(down, Network(Downsample2d(), shortcut), scale=0.5**0.5))
    last = channels[-1]
    layers += [MinibatchStd(group)] if group > 0 else []
    layers += [conv(last + (group > 0), last, 3, 1, 1), LeakyReLU(0.2), Flatten()]
    hidden = Equalized(Linear(base * base * last, last, rng=rng), gain=GAIN, rng=rng)
    layers += [hidden, LeakyReLU(0.2)]
    return Network(*layers, Equalized(Linear(last, 1, rng=rng), rng=rng))


def scaled(channels: Sequence[int], k: int, width: float) -> list[int]:
    """The channels of the levels 0 ... k, `width` times as many."""
    if not width > 0:
        raise ValueError(f"width must be positive, got {width}")
    if k >= len(channels):
        channels = (*channels, *[channels[-1]] * (k + 1 - len(channels)))
    return [max(1, round(c * width)) for c in reversed(channels[: k + 1])]
