"""VAE: an encoder to a Gaussian of codes, and a decoder from codes to samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan import data, optim
from minigan.data import Dataset
from minigan.device import Array, Device
from minigan.layers import Layer
from minigan.layers.layer import Grads
from minigan.models.study import Study
from minigan.objectives.objective import sigmoid, softplus
from minigan.random import Streams
from minigan.training.config import Config
from minigan.training.datasets import dataset_of
from minigan.training.draw import Draw, Fixed
from minigan.training.registry import About, Entry, Option
from minigan.training.steps import Outcome
from minigan.training.system import Player, System, Turn, in_pieces

FLOOR = 1e-6  # the least standard deviation of a code


class VAE(System):
    """Learn a Gaussian code for every sample, and to decode codes that are drawn from N(0, I).

    Players     encoder, decoder
    A step      one turn, "VAE": both move, by the gradient of the negative lower bound L
    Data        real

    encoder     x (N, ...) -> [mean, raw] (N, 2d)
    decoder     z (N, d) -> t: of images the logits of the pixels, of points their means
    sigma       deviation of a point around its mean, where samples are points

    Forward     std = 1e-6 + softplus(raw)      z = mean + std · ε,  ε ~ N(0, I)
                t = decoder(z)
                L = mean over the batch of  NLL + KL
                KL  = Σ ½ (std² + mean² - 1) - log std
                NLL = Σ softplus(t) - x t          images, x in [0, 1]: mean over the channels
                NLL = Σ (x - t)² / 2 sigma²        points, without its constant

    Backward    dt = (σ(t) - x) / (N channels)     images
                dt = (t - x) / (N sigma²)          points
                dz from the decoder
                dmean = dz + mean / N        dstd = dz · ε + (std - 1 / std) / N
                draw  = dstd · σ(raw)        then [dmean, draw] goes back through the encoder

    Source      Kingma & Welling 2013, appendix B and C.1; std and the channels as Lucic et al. 2018
                coded them.
    """

    def __init__(
        self,
        encoder: Layer,
        decoder: Layer,
        *,
        z_dim: int,
        sample_shape: tuple[int, ...],
        sigma: float = 0.1,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        if not sigma > 0:
            what = "sigma, the deviation of points around their means,"
            raise ValueError(f"{what} must be positive, got {sigma}")
        self.z_dim, self.sample_shape, self.sigma = z_dim, sample_shape, sigma
        networks = {"encoder": encoder, "decoder": decoder}
        self.players = {
            name: Player(network, optim.Adam(network.named_params(), lr, betas=betas))
            for name, network in networks.items()
        }

    @property
    def images(self) -> bool:
        """Are the samples images, and no points?"""
        return self.sample_shape is not None and len(self.sample_shape) == 3

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        return (Turn("VAE", ("encoder", "decoder"), self.turn),)

    def turn(self, draw: Draw) -> Outcome:
        x = draw.batch("real")
        return self.step((x + 1) / 2 if self.images else x, draw.noise(len(x), self.z_dim))

    def step(self, x: Array, eps: Array) -> Outcome:
        """Move both by one batch: x (N, ...), pixels in [0, 1]; eps (N, d) from N(0, I)."""
        encoder, decoder = self.players["encoder"], self.players["decoder"]
        sigma = None if self.images else self.sigma
        loss, grads = elbo(encoder.network, decoder.network, x, eps, sigma)
        encoder.optimizer.step(grads["encoder"])
        decoder.optimizer.step(grads["decoder"])
        return Outcome(loss, {}, grads)

    def decode(self, z: Array) -> Array:
        """Samples of codes z (N, d): pixels in [0, 1], or points."""
        t, _ = self.players["decoder"].network.forward(z, train=False)
        return sigmoid(t) if self.images else t

    def generate(
        self,
        draw: Fixed,
        n: int,
        *,
        progress: str | None = None,
        **asked: Any,
    ) -> np.ndarray:
        def samples(z: Array) -> Array:
            return 2 * self.decode(z) - 1 if self.images else self.decode(z)

        return in_pieces(samples, draw.noise(n, self.z_dim), progress=progress)


def elbo(
    encoder: Layer,
    decoder: Layer,
    x: Array,
    eps: Array,
    sigma: float | None,
) -> tuple[Array, Grads]:
    """L and its gradients, {"encoder": ..., "decoder": ...}; sigma: None for images."""
    N, d = eps.shape
    grads: Grads = {"encoder": {}, "decoder": {}}
    code, encoded = encoder.forward(x)
    mean, raw = code[:, :d], code[:, d:]
    std = FLOOR + softplus(raw)
    t, decoded = decoder.forward(mean + std * eps)
    kl = ((std * std + mean * mean - 1) / 2 - np.log(std)).sum() / N
    if sigma is None:
        terms = N * x.shape[-1]  # the mean over the channels
        nll, dt = (softplus(t) - x * t).sum() / terms, (sigmoid(t) - x) / terms
    else:
        r = (t - x) / sigma
        nll, dt = (r * r).sum() / (2 * N), r / (N * sigma)
    dz = decoder.backward(dt, decoded, grads["decoder"])
    dmean, dstd = dz + mean / N, dz * eps + (std - 1 / std) / N
    dcode = np.concatenate([dmean, dstd * sigmoid(raw)], axis=1)
    encoder.backward(dcode, encoded, grads["encoder"], need_dx=False)
    return nll + kl, grads


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    points = choices.get("data") in data.MIXTURES
    numbers: dict[str, Any] = {"d_lr": 1e-3, "g_lr": 1e-3, "betas": (0.9, 0.999), "decay": 0.5}
    if points:
        return {**numbers, "width": 1.0, "z_dim": 2, "batch_size": 256, "epochs": 8.0}
    return {**numbers, "width": 0.25, "z_dim": 32, "batch_size": 64, "epochs": 12.0}


def _datasets(config: Config) -> dict[str, Dataset]:
    return {"real": dataset_of(config)}


def _build(config: Config, about: Mapping[str, About], on: Device) -> VAE:
    shape, z_dim = tuple(about["real"]["shape"]), 32 if config.z_dim is None else config.z_dim
    if z_dim < 1:
        problem = f"z_dim, the numbers of a code, must be at least 1, got {z_dim}"
        raise ValueError(f"{problem}; leave out --z-dim for 32")
    width = 1.0 if config.width is None else config.width
    networks = Study(shape, width, Streams(config.seed)("init"), z_dim, momentum=0.1)
    encoder = networks.discriminator("gaussian", disc_bn=True)
    decoder = networks.generator(logits=True)
    for network in (encoder, decoder):
        network.convert(on.asarray)
    sigma = config.options["sigma"]
    rule: dict[str, Any] = {"lr": config.g_lr, "betas": config.betas}
    return VAE(encoder, decoder, z_dim=z_dim, sample_shape=shape, sigma=sigma, **rule)


ENTRY = Entry(
    about="an encoder to codes and a decoder from codes, trained by the evidence lower bound",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=("width", "z_dim"),
    options=(Option("sigma", 0.1, "deviation of points around their means"),),
)
