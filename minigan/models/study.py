"""The networks of the 2018 study: one architecture for all models, by shape of a sample and width.

Images (H, W, C) in [0, 1], q = H/4; weights N(0, 0.02) (of convolutions without what lies beyond two
deviations), biases 0:

    G        fc 1024, BN, lReLU; fc 128 q², BN, lReLU; transposed conv to 64, BN, lReLU;
             transposed conv to C; sigmoid
    D        conv 64, lReLU; conv 128, [BN], lReLU; fc 1024, [BN], lReLU; fc 1
    BEGAN    conv 64, lReLU; conv 128; fc 64, [BN], lReLU; fc 128 q², [BN], lReLU;
             transposed conv to 64, [BN], lReLU; transposed conv to C; sigmoid
    VAE      encoder as D, with 2 z_dim outputs; decoder as G with ReLU and without the sigmoid: its
             likelihood takes logits

`width` multiplies 64, 128 and 1024. All convolutions are 4 x 4 with stride 2; [BN] where `disc_bn`;
slope 0.2. Points (d,) have fully connected networks of the same form: G and D with two hidden
layers of 128, PyTorch's first weights, and no sigmoid.

Source      Lucic, Kurach, Michalski, Gelly & Bousquet 2018; architecture: Chen et al. 2016, C.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from minigan.init import Initializer, normal, truncated_normal, uniform_fan_in
from minigan.layers import (
    Autoencoder,
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
    Sigmoid,
)

CODES = 64  # of BEGAN's autoencoder
EPS = 1e-3  # of every batch norm
OUTPUTS = ("score", "autoencoder", "gaussian")


@dataclass(frozen=True)
class Study:
    """The networks of one sample shape and one width.

    momentum   of batch norm: the weight of a new batch; 0.001 in the study, whose runs have 15,625 steps and more
    z_dim      numbers that G starts from
    """

    sample_shape: tuple[int, ...]
    width: float
    rng: np.random.Generator
    z_dim: int = 64
    momentum: float = 1e-3

    def generator(self, *, logits: bool = False) -> Network:
        """G from noise to samples; `logits`: the decoder of the VAE."""
        activation = ReLU if logits else LeakyReLU
        if len(self.sample_shape) == 1:
            return Network(*self._mlp(self.z_dim, self.sample_shape[0], True, activation))
        up = self._up([self.z_dim, self._scaled(1024)], True, activation)
        return Network(*up) if logits else Network(*up, Sigmoid())

    def discriminator(self, output: str, disc_bn: bool) -> Layer:
        """D from samples to a `score`, to an `autoencoder`'s energy, or to the parameters of a `gaussian`."""
        if output not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, got {output!r}")
        if output == "autoencoder":
            return self._autoencoder(disc_bn)
        outputs = 1 if output == "score" else 2 * self.z_dim
        if len(self.sample_shape) == 1:
            return Network(*self._mlp(self.sample_shape[0], outputs, disc_bn, LeakyReLU, first_bn=False))
        first, second, flat = self._down()
        layers: list[Layer] = [
            first,
            LeakyReLU(),
            second,
            *self._norm(disc_bn, self._scaled(128)),
            LeakyReLU(),
            Flatten(),
        ]
        hidden = self._scaled(1024)
        layers += [self._fc(flat, hidden), *self._norm(disc_bn, hidden), LeakyReLU(), self._fc(hidden, outputs)]
        return Network(*layers)

    def _autoencoder(self, bn: bool) -> Autoencoder:
        if len(self.sample_shape) == 1:
            d, codes = self.sample_shape[0], [*self._norm(bn, CODES), LeakyReLU()]
            encoder = Network(*self._mlp(d, CODES, bn, LeakyReLU, first_bn=False), *codes)
            return Autoencoder(encoder, Network(*self._mlp(CODES, d, bn, LeakyReLU)), energy="l1")
        first, second, flat = self._down()
        code = [self._fc(flat, CODES), *self._norm(bn, CODES), LeakyReLU()]
        encoder = Network(first, LeakyReLU(), second, Flatten(), *code)
        return Autoencoder(encoder, Network(*self._up([CODES], bn, LeakyReLU), Sigmoid()), energy="l1")

    def _up(self, sizes: list[int], bn: bool, activation: type[Layer]) -> list[Layer]:
        """From numbers through fully connected layers to a map, and by two transposed convolutions to an image."""
        H, W, C = self.sample_shape
        wide, narrow = self._scaled(128), self._scaled(64)
        layers: list[Layer] = []
        for inputs, outputs in pairwise([*sizes, H // 4 * (W // 4) * wide]):
            layers += [self._fc(inputs, outputs), *self._norm(bn, outputs), activation()]
        layers += [Reshape(H // 4, W // 4, wide), ConvTranspose2d(wide, narrow, 4, 2, 1, rng=self.rng, init=normal())]
        layers += [*self._norm(bn, narrow), activation()]
        return [*layers, ConvTranspose2d(narrow, C, 4, 2, 1, rng=self.rng, init=normal())]

    def _down(self) -> tuple[Layer, Layer, int]:
        """The two convolutions, and how many numbers they lead to."""
        if len(self.sample_shape) != 3 or self.sample_shape[0] % 4 or self.sample_shape[1] % 4:
            raise ValueError(f"images must be (H, W, C) with H and W multiples of 4, got {self.sample_shape}")
        H, W, C = self.sample_shape
        narrow, wide = self._scaled(64), self._scaled(128)
        first, second = (
            Conv2d(inputs, outputs, 4, 2, 1, rng=self.rng, init=truncated_normal())
            for inputs, outputs in ((C, narrow), (narrow, wide))
        )
        return first, second, H // 4 * (W // 4) * wide

    def _mlp(
        self, inputs: int, outputs: int, bn: bool, activation: type[Layer], *, first_bn: bool = True
    ) -> list[Layer]:
        """Two hidden layers; `first_bn`: may the first of them be normalised?"""
        hidden = self._scaled(128)
        layers: list[Layer] = []
        for i, (a, b) in enumerate(pairwise((inputs, hidden, hidden))):
            layers += [self._fc(a, b), *self._norm(bn and (first_bn or i > 0), b), activation()]
        return [*layers, self._fc(hidden, outputs)]

    def _fc(self, inputs: int, outputs: int) -> Linear:
        init: Initializer = uniform_fan_in if len(self.sample_shape) == 1 else normal()
        return Linear(inputs, outputs, rng=self.rng, init=init)

    def _norm(self, wanted: bool, features: int) -> list[Layer]:
        return [BatchNorm(features, eps=EPS, momentum=self.momentum)] if wanted else []

    def _scaled(self, units: int) -> int:
        if not self.width > 0:
            raise ValueError(f"width must be positive, got {self.width}")
        return max(1, round(units * self.width))
