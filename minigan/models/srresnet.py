"""SRResNet, which enlarges images of any size, and the discriminator that SRGAN trains beside it.

The paper's networks have 64 channels, 16 blocks, 9 x 9 kernels at both ends and 1,024 units in D;
kernels of 5 x 5 are enough for images of 28 x 28. A convolution before a batch norm has no bias.
Weights are drawn as PyTorch draws them. Source: Ledig et al. 2016, figure 4; tanh at the end as in
most implementations.
"""

from __future__ import annotations

import numpy as np

from minigan.init import icnr, uniform_fan_in
from minigan.layers import (
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    PixelShuffle,
    PReLU,
    Residual,
    Sum,
    Tanh,
    UpsampleNearest2d,
)

SCALES = (2, 4)
UNITS = 256  # of D's hidden layer


def srresnet(
    C: int,
    *,
    scale: int,
    width: int = 32,
    blocks: int = 4,
    batch_norm: bool = True,
    skip: bool = False,
    rng: np.random.Generator,
) -> Layer:
    """(N, H, W, C) -> (N, scale H, scale W, C) in [-1, 1], for every H and W.

    conv 5 → PReLU → Residual(blocks, conv → norm) → per doubling: conv, shuffle, PReLU → conv 5

    skip: these layers, without tanh, make the difference to nearest neighbours (Kim et al. 2016).
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be 2 or 4, got {scale}")

    def conv() -> list[Layer]:
        layers: list[Layer] = [Conv2d(width, width, 3, 1, 1, bias=not batch_norm, rng=rng)]
        return [*layers, BatchNorm(width)] if batch_norm else layers

    trunk = [Residual(*conv(), PReLU(), *conv()) for _ in range(blocks)]
    up: list[Layer] = []
    for _ in range(SCALES.index(scale) + 1):
        wide = Conv2d(width, 4 * width, 3, 1, 1, rng=rng, init=icnr(uniform_fan_in, 2))
        up += [wide, PixelShuffle(2), PReLU()]
    first, last = Conv2d(C, width, 5, 1, 2, rng=rng), Conv2d(width, C, 5, 1, 2, rng=rng)
    layers = first, PReLU(), Residual(*trunk, *conv()), *up, last
    return Sum(UpsampleNearest2d(scale), Network(*layers)) if skip else Network(*layers, Tanh())


def enlarged_or_real(
    shape: tuple[int, int, int],
    *,
    width: int = 32,
    rng: np.random.Generator,
) -> Network:
    """D: images of this shape (H, W, C) -> scores (N, 1); stairs of stride 2 until a side is 7."""
    H, W, C = shape
    channels = width
    layers: list[Layer] = [Conv2d(C, width, 3, 1, 1, rng=rng), LeakyReLU()]
    layers += _stair(width, width, 2, rng)
    H, W = -(-H // 2), -(-W // 2)
    while min(H, W) > 7:
        layers += _stair(channels, 2 * channels, 1, rng)
        layers += _stair(2 * channels, 2 * channels, 2, rng)
        H, W, channels = -(-H // 2), -(-W // 2), 2 * channels
    head = (
        Flatten(),
        Linear(H * W * channels, UNITS, rng=rng),
        LeakyReLU(),
        Linear(UNITS, 1, rng=rng),
    )
    return Network(*layers, *head)


def _stair(inputs: int, outputs: int, stride: int, rng: np.random.Generator) -> list[Layer]:
    return [
        Conv2d(inputs, outputs, 3, stride, 1, bias=False, rng=rng),
        BatchNorm(outputs),
        LeakyReLU(),
    ]
