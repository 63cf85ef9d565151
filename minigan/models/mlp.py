"""Fully connected networks: the GAN of 2014 in today's dress, and a small one for points in the plane."""

from __future__ import annotations

import math

from minigan.layers import Dropout, Flatten, LeakyReLU, Linear, Network, ReLU, Reshape, Tanh
from minigan.models.model import Model
from minigan.random import Streams


def mlp(
    streams: Streams, *, sample_shape: tuple[int, ...] = (28, 28, 1), z_dim: int = 100, dropout: float = 0.3
) -> Model:
    """G z-256-512-1024-pixels, LeakyReLU, tanh; D pixels-1024-512-256-1, LeakyReLU, dropout. It knows no neighbours."""
    rng, drop, pixels = streams("init"), streams("dropout"), math.prod(sample_shape)
    G = Network(
        Linear(z_dim, 256, rng=rng),
        LeakyReLU(),
        Linear(256, 512, rng=rng),
        LeakyReLU(),
        Linear(512, 1024, rng=rng),
        LeakyReLU(),
        Linear(1024, pixels, rng=rng),
        Tanh(),
        Reshape(*sample_shape),
    )
    D = Network(
        Flatten(),
        Linear(pixels, 1024, rng=rng),
        LeakyReLU(),
        Dropout(dropout, rng=drop),
        Linear(1024, 512, rng=rng),
        LeakyReLU(),
        Dropout(dropout, rng=drop),
        Linear(512, 256, rng=rng),
        LeakyReLU(),
        Dropout(dropout, rng=drop),
        Linear(256, 1, rng=rng),
    )
    return Model("mlp", G, D, z_dim, sample_shape)


def points(streams: Streams, *, sample_shape: tuple[int, ...] = (2,), z_dim: int = 2, hidden: int = 128) -> Model:
    """G z-hidden-hidden-2, ReLU; D 2-hidden-hidden-1, LeakyReLU: enough for a ring of Gaussians, in seconds."""
    if len(sample_shape) != 1:
        raise ValueError(f"points draws points (d,), not samples of shape {sample_shape}")
    rng, (d,) = streams("init"), sample_shape
    G = Network(
        Linear(z_dim, hidden, rng=rng),
        ReLU(),
        Linear(hidden, hidden, rng=rng),
        ReLU(),
        Linear(hidden, d, rng=rng),
    )
    D = Network(
        Linear(d, hidden, rng=rng),
        LeakyReLU(),
        Linear(hidden, hidden, rng=rng),
        LeakyReLU(),
        Linear(hidden, 1, rng=rng),
    )
    return Model("points", G, D, z_dim, sample_shape)
