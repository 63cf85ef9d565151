"""GMMN in code space: G makes codes of a frozen autoencoder, whose decoder gives samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.layers.autoencoder import EncoderDecoder
from minigan.layers.layer import Grads
from minigan.objectives import GMMN
from minigan.optim import Optimizer
from minigan.systems.gan import GAN
from minigan.training.draw import Draw, Fixed
from minigan.training.steps import Outcome, generator_step
from minigan.training.system import Player, in_pieces


class CodeGMMN(GAN):
    """Train an autoencoder on the data, freeze it, and let G match the codes of the data.

    Players     autoencoder, G
    Before      `objective.passes` passes over the data train the autoencoder by L = mean (rec - x)²
    A step      one turn of G: codes of a real batch are compared with generated codes, without a
                discriminator
    Samples     decoder(G(z))
    Source      Li, Swersky & Zemel 2015, section 4.
    """

    def __init__(
        self,
        G: Layer,
        D: Layer,
        objective: GMMN,
        autoencoder: tuple[Layer, Layer],
        *,
        autoencoder_optimizer: Optimizer,
        **options: Any,
    ) -> None:
        super().__init__(G, D, objective, **options)
        self.encoder, self.decoder = autoencoder
        both = EncoderDecoder(self.encoder, self.decoder)
        self.players = {"autoencoder": Player(both, autoencoder_optimizer), **self.players}

    def g_turn(self, draw: Draw) -> Outcome:
        G, autoencoder = self.players["G"], self.players["autoencoder"].network
        encoder = autoencoder.encoder  # type: ignore[attr-defined]
        codes, _ = encoder.forward(draw.batch("real"), train=False)
        z = draw.noise(draw.batch_size, self.z_dim)
        return generator_step(self._D, G.network, self.objective, G.optimizer, z, codes)

    def before(self, draw: Draw) -> Iterator[None]:
        for x in draw.passes(self.objective.passes):
            grads = reconstruction(self.encoder, self.decoder, x)
            self.players["autoencoder"].optimizer.step(grads)
            yield

    def generate(
        self, draw: Fixed, n: int, *, progress: str | None = None, **asked: Any
    ) -> np.ndarray:
        def samples(z: Array) -> Array:
            codes, _ = self.drawing.forward(z, train=False)
            return self.decoder.forward(codes, train=False)[0]

        return in_pieces(samples, draw.noise(n, self.z_dim), progress=progress)

    def probes(
        self, draw: Fixed, real: Mapping[str, Array], n: int
    ) -> dict[str, tuple[str, Array]]:
        return {"G": ("noise", draw.noise(n, self.z_dim))}

    def adopt(
        self, arrays: dict[str, np.ndarray], counts: dict[str, int]
    ) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """In version 0.1 the autoencoder stood in place of D."""

        def named(name: str) -> str:
            player, slash, rest = name.partition("/")
            now = {"D": "autoencoder", "D_optimizer": "autoencoder_optimizer"}
            return now.get(player, player) + slash + rest

        arrays = {named(name): a for name, a in arrays.items()}
        return arrays, {named(name): n for name, n in counts.items()}


def reconstruction(encoder: Layer, decoder: Layer, x: Array) -> Grads:
    """The gradients of L = mean (decoder(encoder(x)) - x)² over all numbers, by name."""
    codes, encoded = encoder.forward(x)
    rec, decoded = decoder.forward(codes)
    grads: Grads = {"encoder": {}, "decoder": {}}
    dcodes = decoder.backward(2 / x.size * (rec - x), decoded, grads["decoder"])
    encoder.backward(dcodes, encoded, grads["encoder"], need_dx=False)
    return grads
