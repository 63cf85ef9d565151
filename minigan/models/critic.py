"""Critic: what a discriminator gives, and how a model's D comes to give it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from minigan.init import Initializer, uniform_fan_in
from minigan.layers import (
    Autoencoder,
    Conv2d,
    ConvTranspose2d,
    Covariance,
    Flatten,
    Layer,
    Linear,
    Network,
    ReLU,
    Sigmoid,
    SpectralNorm,
)
from minigan.layers.layer import whole

# What D's outputs can be, and how a table names it.
OUTPUTS = {
    "score": "a score (N, 1)",
    "features": "features (N, d)",
    "mean": "a score (N, 1) = features · v, v the last layer's weight",
    "covariance": "a score (N, 1) = <features · u, features · v>, u and v the last layer's weights",
    "autoencoder": "energy and code of an autoencoder (N, 1 + d)",
    "samples": "the samples themselves, as rows (N, values per sample): there is no D to train",
    "codes": "codes of a frozen autoencoder (N, d): there is no D to train",
}


@dataclass(frozen=True)
class Critic:
    """D's output for every sample. With `trunk` the model's layers that read a sample, and d `features`:

    score        trunk, Linear(1)
    features     trunk, Linear(d)
    mean         trunk, Linear(d), Linear(1) without bias: the witness <v, features>
    covariance   trunk, Linear(d), Covariance(d, rank): the witness <uᵀ features, vᵀ features>
    autoencoder  energy and code: trunk and Linear(d) encode, the model's own way from noise to samples decodes
    samples      no D: samples as rows, to be compared as they are
    codes        no D: codes in (0, 1)ᵈ of an autoencoder that is trained before the run, as they are; G makes codes

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
            raise ValueError("spectral_norm needs a D that is trained, and this objective trains none")

    @property
    def encodes(self) -> bool:
        """Is there an autoencoder: D itself, or the one whose codes are compared?"""
        return self.output in ("autoencoder", "codes")

    def networks(
        self,
        trunk: Sequence[Layer],
        width: int,
        decoder: Callable[[int], Sequence[Layer]],
        rng: np.random.Generator,
        init: Initializer = uniform_fan_in,
    ) -> tuple[Layer, tuple[Network, Network] | None]:
        """D, and for codes the autoencoder: an encoder and a decoder.

        `trunk` leads from samples to (N, width), decoder(d) from d numbers to a sample.
        """
        linear = partial(Linear, rng=rng, init=init)
        if self.output == "codes":
            encoder = Network(*trunk, linear(width, self.features), Sigmoid())
            return Network(Flatten()), (encoder, Network(*decoder(self.features)))
        if self.output == "samples":
            return Network(Flatten()), None
        return self._trained(trunk, width, decoder, linear, rng), None

    def _trained(
        self,
        trunk: Sequence[Layer],
        width: int,
        decoder: Callable[[int], Sequence[Layer]],
        linear: Callable[..., Linear],
        rng: np.random.Generator,
    ) -> Layer:
        d, built = self.features, _spectral if self.spectral_norm else _plain
        layers = [*trunk, linear(width, 1 if self.output == "score" else d)]
        if self.output == "autoencoder":
            return Autoencoder(built(layers, rng), built(decoder(d), rng), energy=self.energy)
        if self.output == "mean":
            layers.append(linear(d, 1, bias=False))
        if self.output == "covariance":
            layers.append(Covariance(d, self.rank, rng=rng))
        return built(layers, rng)

    def generator(self, layers: Sequence[Layer], z_dim: int, rng: np.random.Generator) -> Network:
        """G: the model's own `layers`; for codes Li et al.'s network from noise to codes instead."""
        if self.output != "codes":
            return Network(*layers)
        up: list[Layer] = []
        for inputs, outputs in pairwise((z_dim, 64, 256, 256, 1024)):
            up += [Linear(inputs, outputs, rng=rng), ReLU()]
        return Network(*up, Linear(1024, self.features, rng=rng), Sigmoid())


SCORE = Critic()


def _plain(layers: Sequence[Layer], rng: np.random.Generator) -> Network:
    return Network(*layers)


def _spectral(layers: Sequence[Layer], rng: np.random.Generator) -> Network:
    """The layers with SpectralNorm around each that has a weight matrix."""
    heavy = (Linear, Conv2d, ConvTranspose2d)
    return Network(*(SpectralNorm(layer, rng=rng) if isinstance(layer, heavy) else layer for layer in layers))
