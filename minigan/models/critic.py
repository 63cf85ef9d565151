"""Critic: what a discriminator gives, and how a model's D comes to give it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from minigan.init import Initializer, uniform_fan_in
from minigan.layers import (
    Autoencoder,
    CodeSpace,
    Conv2d,
    ConvTranspose2d,
    Covariance,
    Decode,
    Flatten,
    Layer,
    Linear,
    Network,
    ReLU,
    Sigmoid,
    SpectralNorm,
)
from minigan.layers.layer import whole

OUTPUTS = ("score", "features", "mean", "covariance", "autoencoder", "samples", "codes")


@dataclass(frozen=True)
class Critic:
    """What D gives for every sample. With `trunk` the model's layers that read a sample, and d `features`:

    score        trunk, Linear(1)
    features     trunk, Linear(d)
    mean         trunk, Linear(d), Linear(1) without bias: the witness <v, features>
    covariance   trunk, Linear(d), Covariance(d, rank): the witness <uᵀ features, vᵀ features>
    autoencoder  energy and code: trunk and Linear(d) encode, the model's own way from noise to samples decodes
    samples      no D: samples as rows, to be compared as they are
    codes        no D: codes in (0, 1)ᵈ of an autoencoder that is trained before the run; G makes codes, not samples

    `spectral_norm` divides every weight matrix of D by its largest singular value.
    """

    output: str = "score"
    features: int = 64
    rank: int = 16
    energy: str = "l2"
    spectral_norm: bool = False

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise ValueError(f"unknown output of D {self.output!r}; known are {', '.join(OUTPUTS)}")
        if not whole(self.features, self.rank):
            raise ValueError(f"features and rank must be whole numbers of at least 1, got {self.features}, {self.rank}")
        if self.spectral_norm and self.output in ("samples", "codes"):
            raise ValueError("spectral normalisation is for a D that is trained; here is none")

    @property
    def encodes(self) -> bool:
        """Is D an autoencoder?"""
        return self.output in ("autoencoder", "codes")

    def network(
        self,
        trunk: Sequence[Layer],
        width: int,
        decoder: Callable[[int], Sequence[Layer]],
        sample_shape: tuple[int, ...],
        rng: np.random.Generator,
        init: Initializer = uniform_fan_in,
    ) -> Layer:
        """D: `trunk` from samples to (N, width), and what this critic puts on top; decoder(d) leads from d numbers to
        a sample."""
        d = self.features

        def linear(inputs: int, outputs: int, bias: bool = True) -> Linear:
            return Linear(inputs, outputs, bias, rng=rng, init=init)

        if self.output == "samples":
            return Network(Flatten())
        if self.output == "codes":
            encoder = Network(*trunk, linear(width, d), Sigmoid())
            return CodeSpace(encoder, Network(*decoder(d)), sample_shape=sample_shape, codes=d)
        built = _spectral if self.spectral_norm else _plain
        layers = [*trunk, linear(width, 1 if self.output == "score" else d)]
        if self.output == "autoencoder":
            return Autoencoder(built(layers, rng), built(decoder(d), rng), energy=self.energy)
        if self.output == "mean":
            layers.append(linear(d, 1, bias=False))
        if self.output == "covariance":
            layers.append(Covariance(d, self.rank, rng=rng))
        return built(layers, rng)

    def generator(self, layers: Sequence[Layer], D: Layer, z_dim: int, rng: np.random.Generator) -> Network:
        """G: the model's own `layers`; where the game is one of codes, Li et al.'s way from noise to codes instead."""
        if not isinstance(D, CodeSpace):
            return Network(*layers)
        up: list[Layer] = []
        for inputs, outputs in pairwise((z_dim, 64, 256, 256, 1024)):
            up += [Linear(inputs, outputs, rng=rng), ReLU()]
        return Network(*up, Linear(1024, self.features, rng=rng), Sigmoid(), Decode(D))


SCORE = Critic()


def _plain(layers: Sequence[Layer], rng: np.random.Generator) -> Network:
    return Network(*layers)


def _spectral(layers: Sequence[Layer], rng: np.random.Generator) -> Network:
    """The layers with SpectralNorm around each that has a weight matrix."""
    heavy = (Linear, Conv2d, ConvTranspose2d)
    return Network(*(SpectralNorm(layer, rng=rng) if isinstance(layer, heavy) else layer for layer in layers))
