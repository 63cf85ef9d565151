"""Convolutional networks: DCGAN for small and for 64 x 64 images, and InfoGAN's pair with hidden layers.

All draw their weights from N(0, 0.02) (Radford et al. 2015, section 3). A linear layer or convolution in front of a
normalisation has no bias: the normalisation would take it out again. D's normalisation is a parameter, because batch
norm is forbidden under a penalty per sample.
"""

from __future__ import annotations

from itertools import pairwise

from minigan.init import normal
from minigan.layers import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    ReLU,
    Reshape,
    Tanh,
)
from minigan.models.model import Model, norm
from minigan.random import Streams

N02 = normal(0.02)


def dcgan(
    streams: Streams,
    *,
    sample_shape: tuple[int, ...] = (28, 28, 1),
    z_dim: int = 100,
    width: float = 1.0,
    critic_norm: str | None = "batch",
) -> Model:
    """G linear to H/4 x W/4 x 128, transposed convolutions to 64 and to the image; D the same stairs downwards."""
    H, W, C = _quarters(sample_shape)
    rng, c64, c128 = streams("init"), _scaled(64, width), _scaled(128, width)
    G = Network(
        Linear(z_dim, H * W * c128, bias=False, rng=rng, init=N02),
        Reshape(H, W, c128),
        BatchNorm(c128),
        ReLU(),
        ConvTranspose2d(c128, c64, 4, 2, 1, bias=False, rng=rng, init=N02),
        BatchNorm(c64),
        ReLU(),
        ConvTranspose2d(c64, C, 4, 2, 1, rng=rng, init=N02),
        Tanh(),
    )
    D = Network(
        Conv2d(C, c64, 4, 2, 1, rng=rng, init=N02),
        LeakyReLU(),
        Conv2d(c64, c128, 4, 2, 1, bias=critic_norm is None, rng=rng, init=N02),
        *norm(critic_norm, (H, W, c128)),
        LeakyReLU(),
        Flatten(),
        Linear(H * W * c128, 1, rng=rng, init=N02),
    )
    return Model("dcgan", G, D, z_dim, sample_shape)


def infogan(
    streams: Streams,
    *,
    sample_shape: tuple[int, ...] = (28, 28, 1),
    z_dim: int = 100,
    width: float = 1.0,
    hidden: int | None = None,
    critic_norm: str | None = "batch",
) -> Model:
    """DCGAN with a hidden fully connected layer on both sides (1024 units times width, or `hidden`).

    The networks of Chen et al. 2016, appendix C.1, as Lucic et al. 2018 compare all GANs on them. `width` scales the
    channels 64 and 128 and the 1024 hidden units.
    """
    H, W, C = _quarters(sample_shape)
    rng, c64, c128 = streams("init"), _scaled(64, width), _scaled(128, width)
    hidden = _scaled(1024, width) if hidden is None else hidden
    G = Network(
        Linear(z_dim, hidden, bias=False, rng=rng, init=N02),
        BatchNorm(hidden),
        ReLU(),
        Linear(hidden, H * W * c128, bias=False, rng=rng, init=N02),
        BatchNorm(H * W * c128),
        ReLU(),
        Reshape(H, W, c128),
        ConvTranspose2d(c128, c64, 4, 2, 1, bias=False, rng=rng, init=N02),
        BatchNorm(c64),
        ReLU(),
        ConvTranspose2d(c64, C, 4, 2, 1, rng=rng, init=N02),
        Tanh(),
    )
    bias = critic_norm is None
    D = Network(
        Conv2d(C, c64, 4, 2, 1, rng=rng, init=N02),
        LeakyReLU(),
        Conv2d(c64, c128, 4, 2, 1, bias=bias, rng=rng, init=N02),
        *norm(critic_norm, (H, W, c128)),
        LeakyReLU(),
        Flatten(),
        Linear(H * W * c128, hidden, bias=bias, rng=rng, init=N02),
        *norm(critic_norm, (hidden,)),
        LeakyReLU(),
        Linear(hidden, 1, rng=rng, init=N02),
    )
    return Model("infogan", G, D, z_dim, sample_shape)


def dcgan64(
    streams: Streams,
    *,
    sample_shape: tuple[int, ...] = (64, 64, 3),
    z_dim: int = 100,
    width: float = 1.0,
    critic_norm: str | None = "batch",
) -> Model:
    """Radford et al. 2015, figure 1: four stairs of stride 2, no pooling, no hidden fully connected layers."""
    if len(sample_shape) != 3 or tuple(sample_shape[:2]) != (64, 64):
        raise ValueError(f"dcgan64 paints (64, 64, C) images, got samples of shape {sample_shape}")
    rng, C = streams("init"), sample_shape[-1]
    c = [_scaled(channels, width) for channels in (512, 256, 128, 64)]
    up: list[Layer] = []
    for wide, narrow in pairwise(c):
        up += [ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False, rng=rng, init=N02), BatchNorm(narrow), ReLU()]
    G = Network(
        Linear(z_dim, 4 * 4 * c[0], bias=False, rng=rng, init=N02),
        Reshape(4, 4, c[0]),
        BatchNorm(c[0]),
        ReLU(),
        *up,
        ConvTranspose2d(c[-1], C, 4, 2, 1, rng=rng, init=N02),
        Tanh(),
    )
    down: list[Layer] = []
    for narrow, wide, size in zip(c[:0:-1], c[-2::-1], (16, 8, 4), strict=True):
        down.append(Conv2d(narrow, wide, 4, 2, 1, bias=critic_norm is None, rng=rng, init=N02))
        down += [*norm(critic_norm, (size, size, wide)), LeakyReLU()]
    D = Network(
        Conv2d(C, c[-1], 4, 2, 1, rng=rng, init=N02),
        LeakyReLU(),
        *down,
        Flatten(),
        Linear(4 * 4 * c[0], 1, rng=rng, init=N02),
    )
    return Model("dcgan64", G, D, z_dim, sample_shape)


def _quarters(sample_shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(sample_shape) != 3 or sample_shape[0] % 4 or sample_shape[1] % 4:
        raise ValueError(
            f"this model paints (H, W, C) images with H and W multiples of 4, got {sample_shape}; "
            "the model for points is called points"
        )
    H, W, C = sample_shape
    return H // 4, W // 4, C


def _scaled(channels: int, width: float) -> int:
    if not width > 0:
        raise ValueError(f"width must be positive, got {width}")
    return max(1, round(channels * width))
