"""Convolutional networks: DCGAN for small and for 64 x 64 images, and InfoGAN's pair with hidden layers.

Weights are drawn from N(0, 0.02) (Radford et al. 2015, section 3); an autoencoder without normalisation would not wake
up from them and gets PyTorch's default. A linear layer or convolution before a normalisation has no bias: the
normalisation would take it out again. D's normalisation is a parameter, because batch norm is forbidden under a
penalty per sample. As an autoencoder D is its own stairs down to a code and the generator's stairs up from it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from minigan.init import Initializer, normal, uniform_fan_in
from minigan.layers import (
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    ReLU,
    Reshape,
    Tanh,
)
from minigan.models.critic import SCORE, Critic
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
    critic: Critic = SCORE,
) -> Model:
    """G linear to H/4 x W/4 x 128, transposed convolutions to 64 and to the image; D the same stairs downwards."""
    H, W, C = _quarters(sample_shape)
    rng, channels = streams("init"), (_scaled(128, width), _scaled(64, width))
    critic_norm, init = _plain(critic_norm, critic)
    G = _up(z_dim, None, (H, W), channels, C, "batch", rng, N02)
    trunk = _down(C, channels[::-1], (4 * H, 4 * W), critic_norm, rng, init)
    D, autoencoder = critic.networks(
        trunk,
        H * W * channels[0],
        lambda codes: _up(codes, None, (H, W), channels, C, critic_norm, rng, init),
        rng,
        init,
    )
    return Model("dcgan", critic.generator(G, z_dim, rng), D, z_dim, sample_shape, autoencoder)


def infogan(
    streams: Streams,
    *,
    sample_shape: tuple[int, ...] = (28, 28, 1),
    z_dim: int = 100,
    width: float = 1.0,
    hidden: int | None = None,
    critic_norm: str | None = "batch",
    critic: Critic = SCORE,
) -> Model:
    """DCGAN with a hidden fully connected layer on both sides (1024 units times width, or `hidden`).

    The networks of Chen et al. 2016, appendix C.1, as Lucic et al. 2018 compare all GANs on them. `width` scales the
    channels 64 and 128 and the 1024 hidden units.
    """
    H, W, C = _quarters(sample_shape)
    rng, channels = streams("init"), (_scaled(128, width), _scaled(64, width))
    hidden = _scaled(1024, width) if hidden is None else hidden
    critic_norm, init = _plain(critic_norm, critic)
    G = _up(z_dim, hidden, (H, W), channels, C, "batch", rng, N02)
    trunk = [
        *_down(C, channels[::-1], (4 * H, 4 * W), critic_norm, rng, init),
        Linear(H * W * channels[0], hidden, bias=critic_norm is None, rng=rng, init=init),
        *norm(critic_norm, (hidden,)),
        LeakyReLU(),
    ]
    D, autoencoder = critic.networks(
        trunk,
        hidden,
        lambda codes: _up(codes, hidden, (H, W), channels, C, critic_norm, rng, init),
        rng,
        init,
    )
    return Model("infogan", critic.generator(G, z_dim, rng), D, z_dim, sample_shape, autoencoder)


def dcgan64(
    streams: Streams,
    *,
    sample_shape: tuple[int, ...] = (64, 64, 3),
    z_dim: int = 100,
    width: float = 1.0,
    critic_norm: str | None = "batch",
    critic: Critic = SCORE,
) -> Model:
    """Radford et al. 2015, figure 1: four stairs of stride 2, no pooling, no hidden fully connected layers."""
    if len(sample_shape) != 3 or tuple(sample_shape[:2]) != (64, 64):
        raise ValueError(
            f"dcgan64 generates (64, 64, C) images, got samples of shape {sample_shape}; --size 64 resizes pictures"
        )
    rng, C = streams("init"), sample_shape[-1]
    channels = tuple(_scaled(wide, width) for wide in (512, 256, 128, 64))
    critic_norm, init = _plain(critic_norm, critic)
    G = _up(z_dim, None, (4, 4), channels, C, "batch", rng, N02)
    D, autoencoder = critic.networks(
        _down(C, channels[::-1], (64, 64), critic_norm, rng, init),
        4 * 4 * channels[0],
        lambda codes: _up(codes, None, (4, 4), channels, C, critic_norm, rng, init),
        rng,
        init,
    )
    return Model("dcgan64", critic.generator(G, z_dim, rng), D, z_dim, sample_shape, autoencoder)


def _up(
    inputs: int,
    hidden: int | None,
    size: tuple[int, int],
    channels: tuple[int, ...],
    C: int,
    kind: str | None,
    rng: np.random.Generator,
    init: Initializer,
) -> list[Layer]:
    """From `inputs` numbers (through `hidden` ones) to a small map, and by stairs of stride 2 to an image."""
    (H, W), bias, wide = size, kind is None, channels[0]
    layers: list[Layer] = []
    if hidden is None:
        layers += [Linear(inputs, H * W * wide, bias=bias, rng=rng, init=init), Reshape(H, W, wide)]
        layers += [*norm(kind, (H, W, wide)), ReLU()]
    else:
        layers += [Linear(inputs, hidden, bias=bias, rng=rng, init=init), *norm(kind, (hidden,)), ReLU()]
        layers += [Linear(hidden, H * W * wide, bias=bias, rng=rng, init=init), *norm(kind, (H * W * wide,)), ReLU()]
        layers.append(Reshape(H, W, wide))
    for wide, narrow in pairwise(channels):
        H, W = 2 * H, 2 * W
        layers.append(ConvTranspose2d(wide, narrow, 4, 2, 1, bias=bias, rng=rng, init=init))
        layers += [*norm(kind, (H, W, narrow)), ReLU()]
    return [*layers, ConvTranspose2d(channels[-1], C, 4, 2, 1, rng=rng, init=init), Tanh()]


def _down(
    C: int,
    channels: tuple[int, ...],
    size: tuple[int, int],
    kind: str | None,
    rng: np.random.Generator,
    init: Initializer,
) -> list[Layer]:
    """From an image by stairs of stride 2 to a flat map; no normalisation after the first."""
    H, W = size[0] // 2, size[1] // 2
    layers: list[Layer] = [Conv2d(C, channels[0], 4, 2, 1, rng=rng, init=init), LeakyReLU()]
    for narrow, wide in pairwise(channels):
        H, W = H // 2, W // 2
        layers.append(Conv2d(narrow, wide, 4, 2, 1, bias=kind is None, rng=rng, init=init))
        layers += [*norm(kind, (H, W, wide)), LeakyReLU()]
    return [*layers, Flatten()]


def _plain(critic_norm: str | None, critic: Critic) -> tuple[str | None, Initializer]:
    """D's normalisation (none beside spectral normalisation) and its first weights."""
    kind = None if critic.spectral_norm else critic_norm
    return kind, uniform_fan_in if critic.encodes and kind is None else N02


def _quarters(sample_shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(sample_shape) != 3 or sample_shape[0] % 4 or sample_shape[1] % 4:
        raise ValueError(
            f"this model generates (H, W, C) images with H and W multiples of 4, got {sample_shape}; "
            f"{_way(sample_shape)}"
        )
    H, W, C = sample_shape
    return H // 4, W // 4, C


def _way(sample_shape: tuple[int, ...]) -> str:
    """The end of an error message: which size or model to use for samples that do not fit."""
    if len(sample_shape) != 3:
        return "points have a model of their own: --model points"
    below = max(min(sample_shape[:2]) // 4 * 4, 4)
    return f"pictures can be made {below} or {below + 4} pixels wide and high: --size {below}, --size {below + 4}"


def _scaled(channels: int, width: float) -> int:
    if not width > 0:
        raise ValueError(f"width must be positive, got {width}")
    return max(1, round(channels * width))
