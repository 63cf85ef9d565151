"""Four systems written outside of the package, through what it offers to everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan import GAN, Adam, Layer, Network, Outcome, Player, System, Turn
from minigan.device import Array
from minigan.layers import BatchNorm, Join, LeakyReLU, Linear, ReLU, Tanh
from minigan.objectives import LSGAN, NonSaturating, Objective
from minigan.objectives.objective import sigmoid, softplus
from minigan.training.draw import Draw, Fixed
from minigan.training.steps import discriminator_step, generator_gradient, generator_step, update_discriminator


class Relativistic(Objective):
    """D scores how much more real a sample is than a generated one (Jolicoeur-Martineau 2018), pair by pair."""

    name = "relativistic"
    compares = True

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        slope = sigmoid(b - a) / len(a)
        return softplus(b - a).mean(), -slope, slope

    def joint_g_loss(self, a: Array, b: Array) -> tuple[Array, Array]:
        return softplus(a - b).mean(), -sigmoid(a - b) / len(b)


class Scale(Layer):
    """y = weight · x, one weight for every feature."""

    params = ("weight",)

    def __init__(self, features: int) -> None:
        self.weight = np.ones(features, np.float32)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Any]:
        return x * self.weight, x

    def input_grad(self, dy: Array, x: Any) -> Array:
        return dy * self.weight

    def param_grads(self, dy: Array, x: Any) -> dict[str, Array]:
        return {"weight": (dy * x).sum(axis=0)}


def relativistic(rng: np.random.Generator, h: int) -> GAN:
    G = Network(Linear(3, h, rng=rng), BatchNorm(h), ReLU(), Scale(h), Linear(h, h, rng=rng), ReLU(), *_out(h, 2, rng))
    D = Network(Linear(2, h, rng=rng), LeakyReLU(), Scale(h), Linear(h, h, rng=rng), LeakyReLU(), *_out(h, 1, rng))
    return GAN(G, D, Relativistic(), z_dim=3, average=0.9)


class Conditional(System):
    """A GAN with labels: each turn binds them to both networks."""

    sample_shape = (2,)

    def __init__(self, rng: np.random.Generator, h: int, classes: int = 8) -> None:
        G = Network(Join(classes), Linear(3 + classes, h, rng=rng), BatchNorm(h), ReLU(), *_out(h, 2, rng))
        D = Network(Join(classes), *_small(2 + classes, 1, rng, h).layers)
        self.objective, self.classes = NonSaturating(), classes
        self.players = {name: Player(net, Adam(net.named_params(), 1e-3)) for name, net in (("D", D), ("G", G))}

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        return Turn("D", ("D",), self.d_turn), Turn("G", ("G",), self.g_turn)

    def d_turn(self, draw: Draw) -> Outcome:
        (real, y), D, G = draw.labelled(), self.players["D"], self.players["G"]
        D_y, G_y = D.network.given(y), G.network.given(y)
        return discriminator_step(D_y, G_y, self.objective, D.optimizer, real, draw.noise(len(y), 3))

    def g_turn(self, draw: Draw) -> Outcome:
        y = draw.labels(draw.batch_size, self.classes)
        D, G = self.players["D"].network.given(y), self.players["G"].network.given(y)
        return generator_step(D, G, self.objective, self.players["G"].optimizer, draw.noise(len(y), 3))

    def generate(self, draw: Fixed, n: int, *, progress: str | None = None, **asked: Any) -> np.ndarray:
        G = self.players["G"].network.given(np.arange(n) % self.classes)
        return G.forward(draw.noise(n, 3), train=False)[0]


class Cycle(System):
    """Two sets of points, a generator in each direction, a discriminator on each side, and the way there and back."""

    data = ("A", "B")
    sample_shape = (2,)

    def __init__(self, rng: np.random.Generator, h: int, weight: float = 10.0) -> None:
        self.objective, self.weight = LSGAN(), weight
        networks = {name: _small(2, 2, rng, h) for name in ("G_AB", "G_BA")}
        networks |= {name: _small(2, 1, rng, h) for name in ("D_A", "D_B")}
        self.players = {name: Player(net, Adam(net.named_params(), 1e-3)) for name, net in networks.items()}

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        both = Turn("G_AB+G_BA", ("G_AB", "G_BA"), self.g_turn)
        return both, Turn("D_A", ("D_A",), self.d_a_turn), Turn("D_B", ("D_B",), self.d_b_turn)

    def d_a_turn(self, draw: Draw) -> Outcome:
        return self._d_turn("D_A", "G_BA", draw.batch("A"), draw.batch("B"))

    def d_b_turn(self, draw: Draw) -> Outcome:
        return self._d_turn("D_B", "G_AB", draw.batch("B"), draw.batch("A"))

    def _d_turn(self, side: str, generator: str, real: Array, source: Array) -> Outcome:
        D, fake = self.players[side], self.players[generator].network.forward(source)[0]
        return update_discriminator(D.network, self.objective, D.optimizer, real, fake)

    def g_turn(self, draw: Draw) -> Outcome:
        grads: dict[str, dict[str, Any]] = {"G_AB": {}, "G_BA": {}}
        loss: Array = 0
        ways = (("G_AB", "G_BA", "D_B", draw.batch("A")), ("G_BA", "G_AB", "D_A", draw.batch("B")))
        for there, back, D, x in ways:
            fake, cache_there = self.players[there].network.forward(x)
            again, cache_back = self.players[back].network.forward(fake)
            fooled, dfake, _ = generator_gradient(self.players[D].network, self.objective, fake)
            drift = again - x
            way_back = self.players[back].network.backward(2 * self.weight / x.size * drift, cache_back, grads[back])
            self.players[there].network.backward(dfake + way_back, cache_there, grads[there], need_dx=False)
            loss = loss + fooled + self.weight * (drift * drift).mean()
        for name, own in grads.items():
            self.players[name].optimizer.step(own)
        return Outcome(loss, {}, grads)

    def batches(self, step: int) -> int:
        return 3  # of A: one for the generators, one for each discriminator

    def pictures(self, draw: Fixed) -> dict[str, np.ndarray]:
        z, pictures = draw.noise(200, 2), {}
        for name in ("G_AB", "G_BA"):
            pictures[name], _ = self.players[name].network.forward(z, train=False)
        return pictures


class VAE(System):
    """An encoder to a Gaussian's mean and log-variance, and a decoder (Kingma & Welling 2013)."""

    sample_shape = (2,)

    def __init__(self, rng: np.random.Generator, h: int, codes: int = 3) -> None:
        self.codes = codes
        networks = {"encoder": _small(2, 2 * codes, rng, h), "decoder": _small(codes, 2, rng, h)}
        self.players = {name: Player(net, Adam(net.named_params(), 1e-3)) for name, net in networks.items()}

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        return (Turn("VAE", ("encoder", "decoder"), self.turn),)

    def turn(self, draw: Draw) -> Outcome:
        encoder, decoder, x = self.players["encoder"], self.players["decoder"], draw.batch()
        N, code = len(x), encoder.network.forward(x)
        mean, log_var = code[0][:, : self.codes], code[0][:, self.codes :]
        sigma, eps = np.exp(log_var / 2), draw.noise(N, self.codes)
        rec, cache = decoder.network.forward(mean + sigma * eps)
        kl = (np.exp(log_var) + mean * mean - 1 - log_var).sum() / (2 * N)
        grads: dict[str, Any] = {"encoder": {}, "decoder": {}}
        dz = decoder.network.backward((rec - x) / N, cache, grads["decoder"])
        dmean, dlog_var = dz + mean / N, dz * eps * sigma / 2 + (np.exp(log_var) - 1) / (2 * N)
        dcode = np.concatenate([dmean, dlog_var], axis=1)
        encoder.network.backward(dcode, code[1], grads["encoder"], need_dx=False)
        for name, own in grads.items():
            self.players[name].optimizer.step(own)
        return Outcome(((rec - x) ** 2).sum() / (2 * N) + kl, {}, grads)

    def generate(self, draw: Fixed, n: int, *, progress: str | None = None, **asked: Any) -> np.ndarray:
        return self.players["decoder"].network.forward(draw.noise(n, self.codes), train=False)[0]


def _small(inputs: int, outputs: int, rng: np.random.Generator, h: int) -> Network:
    return Network(Linear(inputs, h, rng=rng), Tanh(), Linear(h, h, rng=rng), Tanh(), *_out(h, outputs, rng))


def _out(h: int, outputs: int, rng: np.random.Generator) -> list[Layer]:
    return [Linear(h, outputs, rng=rng)]


SYSTEMS: Mapping[str, Any] = {
    "relativistic": relativistic,
    "conditional": Conditional,
    "cycle": Cycle,
    "vae": VAE,
}
