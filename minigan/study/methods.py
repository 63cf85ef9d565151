"""Methods: how each model of the study is trained, step by step, with the objectives and steps of the library."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from minigan import objectives
from minigan.device import Array
from minigan.engine.choose import choose
from minigan.engine.pair import OneGeneration
from minigan.layers import Layer, Network, Sigmoid
from minigan.models.study import Study
from minigan.optim import Adam
from minigan.random import Streams
from minigan.study.tasks import Task
from minigan.systems.vae import VAE
from minigan.training.steps import discriminator_step, generator_step

# The objective of each model as the study coded it, and which of its numbers the parameters of a task are.
OBJECTIVES: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "mm": ("minimax", {}, {}),
    "ns": ("nonsaturating", {}, {}),
    "lsgan": ("lsgan", {"sigmoid": True}, {}),
    "wgan": ("wgan", {"warmup": False}, {"clip": "clip"}),
    "wgan_gp": ("wgan-gp", {"eps": 1e-4}, {"lambda": "weight"}),
    "dragan": ("dragan", {"sigmoid": True, "eps": 1e-4}, {"lambda": "weight"}),
    "began": ("began", {}, {"lambda": "rate", "gamma": "gamma"}),
}
Z_DIM = 64
MOMENTUM, FULL_LENGTH = 1e-3, 15_625  # of batch norm, and the steps of the study's shortest runs
SIGMA = 0.1  # deviation of the VAE's points


class Method(Protocol):
    """The parts of a model that a run of the study uses."""

    def step(self, number: int, real: Array) -> dict[str, float]:
        """Step `number`, from 0, on a real batch; the losses."""

    def noise(self, rng: np.random.Generator, n: int) -> Array:
        """n inputs of the generator, (n, 64)."""

    def generate(self, z: Array) -> Array:
        """Samples for noise z, in evaluation mode: pixels in [0, 1], or points."""

    @property
    def decoder(self) -> Layer:
        """The network that maps noise to pixels in [0, 1]."""


def method(task: Task, sample_shape: tuple[int, ...]) -> Method:
    """The model of a task in its first state, for samples of this shape."""
    streams = Streams(task["seed"])
    # A short run would end with the running statistics that batch norm starts from: it forgets them sooner.
    momentum = max(MOMENTUM, MOMENTUM * FULL_LENGTH / task["size"]["steps"])
    networks = Study(sample_shape, task["size"]["width"], streams("init"), Z_DIM, min(momentum, 0.1))
    return (Bound if task["model"] == "vae" else Adversarial)(task, networks, streams)


class Adversarial:
    """D and G, with the same optimizer for both: D moves in every step, G in every `disc_iters`-th.

    Both use the same noise, but for `wgan_gp`, whose G draws anew.
    """

    def __init__(self, task: Task, networks: Study, streams: Streams) -> None:
        params, name = task["params"], task["model"]
        objective, fixed, chosen = OBJECTIVES[name]
        hyper = {**fixed, **{parameter: params[given] for given, parameter in chosen.items()}}
        if "rng" in objectives.hyperparameters(objective):
            hyper["rng"] = streams("penalty")
        self.objective = objectives.get(objective, **hyper)
        self.every, self.redraws = params["disc_iters"], name == "wgan_gp"
        self.rng, output = streams("noise"), "autoencoder" if name == "began" else "score"
        D, self.G = networks.discriminator(output, params["disc_bn"]), networks.generator()
        self.d_optimizer, self.g_optimizer = (
            Adam(network.named_params(), params["lr"], betas=(params["beta1"], 0.999)) for network in (D, self.G)
        )
        forms = choose({"D": D, "G": self.G}, threads=1, batch_size=task["size"]["batch"], on_cpu=True).networks
        self.D_form, self.G_form = forms["D"], OneGeneration(forms["G"])

    def step(self, number: int, real: Array) -> dict[str, float]:
        D, G, z = self.D_form, self.G_form, self.noise(self.rng, len(real))
        losses = {"d_loss": float(discriminator_step(D, G, self.objective, self.d_optimizer, real, z).loss)}
        if (number + 1) % self.every == 0:
            z = self.noise(self.rng, len(real)) if self.redraws else z
            losses["g_loss"] = float(generator_step(D, G, self.objective, self.g_optimizer, z).loss)
        return losses

    def noise(self, rng: np.random.Generator, n: int) -> Array:
        return 2 * rng.random((n, Z_DIM), dtype=np.float32) - 1

    def generate(self, z: Array) -> Array:
        return self.G.forward(z, train=False)[0]

    @property
    def decoder(self) -> Layer:
        return self.G


class Bound:
    """The VAE: one update of both networks in every step."""

    def __init__(self, task: Task, networks: Study, streams: Streams) -> None:
        params = task["params"]
        encoder, decoder = networks.discriminator("gaussian", params["disc_bn"]), networks.generator(logits=True)
        options = {"lr": params["lr"], "betas": (params["beta1"], 0.999), "sigma": SIGMA}
        self.vae = VAE(encoder, decoder, z_dim=Z_DIM, sample_shape=networks.sample_shape, **options)
        self.rng = streams("noise")
        forms = choose({"e": encoder, "d": decoder}, threads=1, batch_size=task["size"]["batch"], on_cpu=True).networks
        self.vae.players["encoder"].network, self.vae.players["decoder"].network = forms["e"], forms["d"]

    def step(self, number: int, real: Array) -> dict[str, float]:
        return {"loss": float(self.vae.step(real, self.noise(self.rng, len(real))).loss)}

    def noise(self, rng: np.random.Generator, n: int) -> Array:
        return rng.standard_normal((n, Z_DIM), dtype=np.float32)

    def generate(self, z: Array) -> Array:
        return self.vae.decode(z)

    @property
    def decoder(self) -> Layer:
        return Network(self.vae.players["decoder"].network, Sigmoid())
