"""The networks of CycleGAN: a generator from images to images, and a discriminator of patches.

The paper's generator has 64 channels, 2 halvings, 6 or 9 blocks and 7 x 7 kernels at both ends, its
discriminator four layers that see 70 x 70 pixels. Nearest neighbours and a convolution stand for
the paper's transposed convolution: no checkerboard. Weights N(0, 0.02); a convolution before an
instance norm has no bias. Source: Zhu et al. 2017, section 7.2; Isola et al. 2017 for the patches.
"""

from __future__ import annotations

import numpy as np

from minigan.init import normal
from minigan.layers import (
    Conv2d,
    InstanceNorm,
    Layer,
    LeakyReLU,
    Network,
    Patches,
    ReflectionPad2d,
    ReLU,
    Residual,
    Tanh,
    UpsampleNearest2d,
)

N02 = normal(0.02)


def translator(
    C_in: int,
    C_out: int,
    *,
    width: int = 16,
    downs: int = 1,
    blocks: int = 3,
    rng: np.random.Generator,
) -> Network:
    """(N, H, W, C_in) -> (N, H, W, C_out) in [-1, 1]; H and W multiples of 2^downs.

    pad, conv 5 → downs x conv, stride 2 → blocks x Residual(conv, conv) → downs x up, conv → conv 5
    """

    def conv(inputs: int, outputs: int, stride: int = 1) -> list[Layer]:
        moved = Conv2d(inputs, outputs, 3, stride, bias=False, rng=rng, init=N02)
        return [ReflectionPad2d(1), moved, InstanceNorm(outputs)]

    first = Conv2d(C_in, width, 5, bias=False, rng=rng, init=N02)
    layers: list[Layer] = [ReflectionPad2d(2), first, InstanceNorm(width), ReLU()]
    for k in range(downs):
        layers += [*conv(width << k, width << (k + 1), 2), ReLU()]
    wide = width << downs
    layers += [Residual(*conv(wide, wide), ReLU(), *conv(wide, wide)) for _ in range(blocks)]
    for k in reversed(range(downs)):
        layers += [UpsampleNearest2d(2), *conv(width << (k + 1), width << k), ReLU()]
    last = Conv2d(width, C_out, 5, rng=rng, init=N02)
    return Network(*layers, ReflectionPad2d(2), last, Tanh())


def patchgan(C: int, *, width: int = 32, stairs: int = 2, rng: np.random.Generator) -> Network:
    """D: images (N, H, W, C) -> scores of patches (N h w, 1), after `stairs` of stride 2."""
    layers: list[Layer] = [Conv2d(C, width, 4, 2, 1, rng=rng, init=N02), LeakyReLU()]
    for k in range(stairs - 1):
        narrow, wide = width << k, width << (k + 1)
        layers += [Conv2d(narrow, wide, 4, 2, 1, bias=False, rng=rng, init=N02)]
        layers += [InstanceNorm(wide), LeakyReLU()]
    score = Conv2d(width << (stairs - 1), 1, 3, 1, 1, rng=rng, init=N02)
    return Network(*layers, score, Patches())
