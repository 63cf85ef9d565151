"""Cases of the layers that networks from images to images are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigan.layers import (
    BatchNorm,
    Conv2d,
    InstanceNorm,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    Patches,
    PixelShuffle,
    PReLU,
    ReflectionPad2d,
    Residual,
    Tanh,
    UpsampleNearest2d,
)

Row = tuple[Callable[[np.random.Generator], Layer], tuple[int, ...], str]  # how it is made, shape of x, name


def image_layers() -> list[Row]:
    """Odd maps that are not square; channels that are not the paddings."""
    image, deep = (3, 5, 4, 2), (3, 2, 3, 8)
    return [
        (lambda rng: InstanceNorm(2), image, ""),
        (lambda rng: InstanceNorm(2, affine=False), image, ""),
        (lambda rng: PReLU(), image, "PReLU(1), images"),
        (lambda rng: PReLU(2), image, "PReLU(2), images"),
        (lambda rng: PReLU(6), (4, 6), "PReLU(6), rows"),
        (lambda rng: PixelShuffle(2), deep, ""),
        (lambda rng: ReflectionPad2d(1), image, ""),
        (lambda rng: ReflectionPad2d((4, 2)), image, "ReflectionPad2d, the whole height"),
        (lambda rng: UpsampleNearest2d(3), image, ""),
        (lambda rng: Patches(), image, ""),
        (lambda rng: Residual(Linear(6, 6, rng=rng), Tanh()), (4, 6), "Residual: linear, tanh"),
        (_residuals, image, "Residual twice: conv, batch norm, PReLU"),
        (_patchgan, (3, 6, 8, 2), "PatchGAN: conv, instance norm, patches"),
        (_translator, (3, 6, 4, 2), "Generator: pad, conv, instance norm, upsample, shuffle"),
    ]


def _residuals(rng: np.random.Generator) -> Residual:
    inner = Residual(Conv2d(2, 3, 3, 1, 1, rng=rng), BatchNorm(3), PReLU(3), Conv2d(3, 2, 3, 1, 1, rng=rng))
    return Residual(inner, Conv2d(2, 2, 3, 1, 1, bias=False, rng=rng), BatchNorm(2), Tanh())


def _patchgan(rng: np.random.Generator) -> Network:
    down = Conv2d(2, 3, 4, 2, 1, rng=rng), LeakyReLU(), Conv2d(3, 4, 3, 1, 1, bias=False, rng=rng)
    return Network(*down, InstanceNorm(4), LeakyReLU(), Conv2d(4, 1, 3, 1, 1, rng=rng), Patches())


def _translator(rng: np.random.Generator) -> Network:
    # No bias before a norm, as in the networks: its gradient is zero but for rounding, and has no size to compare with.
    down = ReflectionPad2d(1), Conv2d(2, 4, 3, 2, bias=False, rng=rng), InstanceNorm(4), Tanh()
    up = UpsampleNearest2d(2), Conv2d(4, 8, 3, 1, 1, rng=rng), PixelShuffle(2), PReLU()
    inner = ReflectionPad2d(1), Conv2d(4, 4, 3, bias=False, rng=rng), InstanceNorm(4)
    return Network(*down, Residual(*inner), *up)
