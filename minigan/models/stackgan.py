"""StackGAN's networks in a size for minutes on a CPU: an encoder of captions, and two pairs of G and D."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np

from minigan.device import Array
from minigan.init import normal
from minigan.layers import (
    Augment,
    BatchNorm,
    Conditioned,
    Conv2d,
    Flatten,
    Join,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    Projection,
    ReLU,
    Reshape,
    Residual,
    Sum,
    Tanh,
    Upsample2d,
    UpsampleNearest2d,
)
from minigan.models.text import TextEncoder
from minigan.random import Streams

N02 = normal(0.02)
LARGEST_BASE = 8  # pixels along a side of the map that a generator begins with

Wide: TypeAlias = Callable[[int], int]  # a number of channels at width 1 -> at the width chosen


class Networks(NamedTuple):
    """The players of a StackGAN, by their names."""

    text: TextEncoder  # captions (N, T) -> (N, features)
    view: Network  # small pictures -> (N, features); it trains `text`, then the generators
    D1: Network  # small pictures, given a caption -> scores
    G1: Conditioned  # noise, given a caption -> small pictures
    D2: Network  # pictures, given a caption -> scores
    G2: Conditioned  # small pictures, given a caption -> pictures

    def encoded(self, tokens: Array) -> Array:
        """phi of captions (N, T), scaled to length √n: (N, n)."""
        phi, _ = self.text.forward(tokens, train=False)
        return phi * np.sqrt(phi.shape[1] / (phi * phi).sum(axis=1, keepdims=True))


def stackgan(
    streams: Streams,
    *,
    sample_shape: tuple[int, ...],
    words: int,
    length: int,
    scale: int = 2,
    z_dim: int = 32,
    features: int = 64,
    codes: int = 32,
    width: float = 1.0,
    skip: bool = False,
) -> Networks:
    """Pictures (H, W, C) of captions with `length` words out of `words`; the first stage makes H / scale x W / scale.

    Every caption is a vector of `features` numbers, of which Augment draws `codes` for a generator. With `skip` the
    second generator adds its input, enlarged, to what its layers compute.
    """
    rng, base = streams("init"), base_of(sample_shape, scale)
    H, W, C = sample_shape
    stairs = (H // scale // base[0]).bit_length() - 1  # from the base to the small picture

    def wide(channels: int) -> int:
        return max(1, round(channels * width))

    more = scale.bit_length() - 1
    return Networks(
        TextEncoder(words, length, features, rng=rng),
        _view((H // scale, W // scale, C), features, wide, rng),
        _discriminator(C, base, stairs, features, wide, rng),
        Conditioned(Augment(features, codes, rng=rng), _first(C, base, stairs, z_dim + codes, codes, wide, rng)),
        _discriminator(C, base, stairs + more, features, wide, rng),
        Conditioned(Augment(features, codes, rng=rng), _second(C, more, codes, wide, skip, rng)),
    )


def base_of(sample_shape: tuple[int, ...], scale: int) -> tuple[int, int]:
    """Height and width of the map that the first generator begins with; ValueError where sides cannot be halved."""
    if len(sample_shape) != 3 or any(side % scale for side in sample_shape[:2]):
        raise ValueError(
            f"stackgan makes pictures with sides that {scale} divides, got samples of shape {sample_shape}"
        )
    H, W = (side // scale for side in sample_shape[:2])
    halved = False
    while H % 2 == W % 2 == 0 and (not halved or max(H, W) > LARGEST_BASE):
        H, W, halved = H // 2, W // 2, True
    if not halved or max(H, W) > LARGEST_BASE:
        *sides, last = (scale * side for side in (14, 16, 28, 32))
        raise ValueError(
            f"pictures of {sample_shape[0]} x {sample_shape[1]} pixels do not fit --scale {scale}: small ones are "
            f"halved once or more, to at most {LARGEST_BASE}; take --size {', '.join(map(str, sides))} or {last}"
        )
    return H, W


def _first(
    C: int, base: tuple[int, int], stairs: int, inputs: int, codes: int, wide: Wide, rng: np.random.Generator
) -> Network:
    H, W = base
    channels, hidden = wide(48), wide(256)
    layers: list[Layer] = [
        Join(vectors=codes),
        Linear(inputs, hidden, bias=False, rng=rng, init=N02),
        BatchNorm(hidden),
        ReLU(),
        Linear(hidden, H * W * channels, bias=False, rng=rng, init=N02),
        Reshape(H, W, channels),
        BatchNorm(channels),
        ReLU(),
    ]
    for _ in range(stairs):
        layers += [UpsampleNearest2d(2), *_conv(channels, wide(32), rng)]
        channels = wide(32)
    return Network(*layers, *_conv(channels, wide(32), rng), _plain(wide(32), C, rng), Tanh())


def _second(C: int, stairs: int, codes: int, wide: Wide, skip: bool, rng: np.random.Generator) -> Network:
    n = wide(32)
    layers: list[Layer] = [_plain(C, n, rng), ReLU(), Join(vectors=codes), *_conv(n + codes, n, rng)]
    for _ in range(2):
        layers += [Residual(*_conv(n, n, rng), *_conv(n, n, rng)[:2]), ReLU()]
    for channels in (wide(24), wide(12))[:stairs]:
        layers += [UpsampleNearest2d(2), *_conv(n, channels, rng)]
        n = channels
    layers.append(_plain(n, C, rng))
    if skip:
        layers = [Sum(Network(*(Upsample2d() for _ in range(stairs))), Network(*layers))]
    return Network(*layers, Tanh())


def _discriminator(
    C: int, base: tuple[int, int], stairs: int, features: int, wide: Wide, rng: np.random.Generator
) -> Network:
    """Down to the base, beside the caption through one more layer, and a projection of the caption as the head."""
    beside, hidden, n = wide(32), wide(256), wide(48)
    few = (24, 48)[:stairs]
    channels = [wide(count) for count in (few if stairs < 3 else (16, 32, *[48] * (stairs - 2)))]
    layers: list[Layer] = [_down(C, channels[0], rng, bias=True), LeakyReLU()]
    for narrow, broad in pairwise(channels):
        layers += [_down(narrow, broad, rng), BatchNorm(broad), LeakyReLU()]
    if stairs == 1:
        layers += [*_conv(channels[-1], n, rng)[:2], LeakyReLU()]
        channels.append(n)
    joined = Network(Join(vectors=beside), _plain(channels[-1] + beside, n, rng, size=1, bias=False), BatchNorm(n))
    caption = Network(Linear(features, beside, rng=rng), LeakyReLU())
    return Network(
        *layers,
        Conditioned(caption, joined),
        LeakyReLU(),
        Flatten(),
        Linear(base[0] * base[1] * n, hidden, bias=False, rng=rng, init=N02),
        BatchNorm(hidden),
        LeakyReLU(),
        Projection(hidden, vectors=features, rng=rng, init=N02),
    )


def _view(shape: tuple[int, int, int], features: int, wide: Wide, rng: np.random.Generator) -> Network:
    """The encoder of small pictures that captions are matched with."""
    H, W, C = shape
    n = wide(16)
    layers: list[Layer] = [_plain(C, n, rng), LeakyReLU()]
    while n < wide(32) or min(H, W) > LARGEST_BASE:
        layers += [_down(n, wide(32), rng), BatchNorm(wide(32)), LeakyReLU()]
        H, W, n = H // 2, W // 2, wide(32)
    hidden = wide(128)
    row = Flatten(), Linear(H * W * n, hidden, rng=rng), LeakyReLU(), Linear(hidden, features, rng=rng)
    return Network(*layers, *row)


def _conv(inputs: int, outputs: int, rng: np.random.Generator) -> list[Layer]:
    return [_plain(inputs, outputs, rng, bias=False), BatchNorm(outputs), ReLU()]


def _plain(inputs: int, outputs: int, rng: np.random.Generator, *, size: int = 3, bias: bool = True) -> Conv2d:
    return Conv2d(inputs, outputs, size, 1, size // 2, bias=bias, rng=rng, init=N02)


def _down(inputs: int, outputs: int, rng: np.random.Generator, *, bias: bool = False) -> Conv2d:
    return Conv2d(inputs, outputs, 4, 2, 1, bias=bias, rng=rng, init=N02)
