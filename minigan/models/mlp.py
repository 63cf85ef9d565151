"""Fully connected networks: the GAN of 2014 in modern form, that of GMMN, and a small one for points in the plane."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from minigan.layers import Dropout, Flatten, Layer, LeakyReLU, Linear, ReLU, Reshape, Tanh
from minigan.models.critic import SCORE, Critic
from minigan.models.model import Model
from minigan.random import Streams


def mlp(
    streams: Streams,
    *,
    sample_shape: tuple[int, ...] = (28, 28, 1),
    z_dim: int = 100,
    dropout: float = 0.3,
    critic: Critic = SCORE,
) -> Model:
    """G z-256-512-1024-pixels, LeakyReLU, tanh; D pixels-1024-512-256-1, LeakyReLU, dropout.

    It ignores which pixels are neighbours.     As an autoencoder D is pixels-512-code-512-pixels, without dropout.
    """
    rng, drop, pixels = streams("init"), streams("dropout"), math.prod(sample_shape)

    def decoder(*sizes: int) -> list[Layer]:
        return [*_row(LeakyReLU, sizes, rng), Linear(sizes[-1], pixels, rng=rng), Tanh(), Reshape(*sample_shape)]

    G = decoder(z_dim, 256, 512, 1024)
    trunk: list[Layer] = [Flatten()]
    if critic.encodes:
        trunk += _row(LeakyReLU, (pixels, 512), rng)
    else:
        for sizes in pairwise((pixels, 1024, 512, 256)):
            trunk += [*_row(LeakyReLU, sizes, rng), Dropout(dropout, rng=drop)]
    width = 512 if critic.encodes else 256
    D, autoencoder = critic.networks(trunk, width, lambda codes: decoder(codes, 512), rng)
    return Model("mlp", critic.generator(G, z_dim, rng), D, z_dim, sample_shape, autoencoder)


def gmmn(
    streams: Streams, *, sample_shape: tuple[int, ...] = (28, 28, 1), z_dim: int = 10, critic: Critic = SCORE
) -> Model:
    """The networks of Li et al. 2015, section 5: G z-64-256-256-1024-pixels, ReLU; D pixels-1024-1.

    In code space G ends at the code, and the autoencoder is pixels-1024-code-1024-pixels.
    """
    rng, pixels = streams("init"), math.prod(sample_shape)

    def decoder(*sizes: int) -> list[Layer]:
        return [*_row(ReLU, sizes, rng), Linear(sizes[-1], pixels, rng=rng), Tanh(), Reshape(*sample_shape)]

    G = decoder(z_dim, 64, 256, 256, 1024)
    trunk = [Flatten(), *_row(ReLU, (pixels, 1024), rng)]
    D, autoencoder = critic.networks(trunk, 1024, lambda codes: decoder(codes, 1024), rng)
    return Model("gmmn", critic.generator(G, z_dim, rng), D, z_dim, sample_shape, autoencoder)


def points(
    streams: Streams,
    *,
    sample_shape: tuple[int, ...] = (2,),
    z_dim: int = 2,
    hidden: int = 128,
    critic: Critic = SCORE,
) -> Model:
    """G z-hidden-hidden-2, ReLU; D 2-hidden-hidden-1, LeakyReLU: enough for a ring of Gaussians, in seconds.

    As an autoencoder D is 2-hidden-hidden-code-hidden-hidden-2.
    """
    if len(sample_shape) != 1:
        raise ValueError(f"points draws points (d,), not samples of shape {sample_shape}; --model mlp draws images")
    rng, (d,) = streams("init"), sample_shape

    def decoder(inputs: int) -> list[Layer]:
        return [*_row(ReLU, (inputs, hidden, hidden), rng), Linear(hidden, d, rng=rng)]

    G = decoder(z_dim)
    trunk = _row(LeakyReLU, (d, hidden, hidden), rng)
    D, autoencoder = critic.networks(trunk, hidden, decoder, rng)
    return Model("points", critic.generator(G, z_dim, rng), D, z_dim, sample_shape, autoencoder)


def _row(activation: type[Layer], sizes: tuple[int, ...], rng: np.random.Generator) -> list[Layer]:
    """Linear layers between the sizes, the activation after each."""
    layers: list[Layer] = []
    for inputs, outputs in pairwise(sizes):
        layers += [Linear(inputs, outputs, rng=rng), activation()]
    return layers
