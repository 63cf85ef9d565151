"""The training steps that are checked: whole D and G updates of small networks, for every objective."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigan import gradcheck, objectives
from minigan.checks.layer_case import randomise
from minigan.checks.layers import curved_critic
from minigan.checks.objectives import make
from minigan.layers import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Join,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    ReLU,
    Reshape,
    Sigmoid,
    Tanh,
)
from minigan.models import Critic
from minigan.models.model import norm
from minigan.objectives import Objective
from minigan.penalties import gradient_penalty
from minigan.random import Streams
from minigan.training.steps import Outcome, discriminator_step, generator_step

SIDE = 6  # of the small images
CODES = 4  # numbers of a code, where codes are compared


@dataclass(frozen=True)
class StepCase:
    """A whole training step of small convolutional networks in training mode, through batch or layer norm and tanh.

    `classes`: both networks take labels of so many classes; None: they take no condition.
    """

    name: str
    critic_norm: str | None
    options: dict[str, Any] = field(default_factory=dict)
    spectral_norm: bool = False
    classes: int | None = None

    def __str__(self) -> str:
        norm = "spectral" if self.spectral_norm else self.critic_norm or "no"
        options = "".join(f", {key} {value}" for key, value in self.options.items())
        conditional = "" if self.classes is None else f", {self.classes} classes"
        return f"{self.name}{options}, {norm} norm in D{conditional}"

    def errors(self) -> dict[str, float]:
        """Worst relative error of the D step's and the G step's gradients over all parameters."""
        streams = Streams(1)
        objective = self.objective(streams)
        G, D = self.pair(streams, objective)
        numbers = streams.at("batch", 0)
        real, z = numbers.normal(size=(5, *self.sample_shape)), numbers.normal(size=(5 * objective.fakes, 3))
        g, d = (self.given(network, numbers.permutation(5)) for network in (G, D))

        def d_step(optimizer: gradcheck.Recorder) -> Outcome:
            streams.seek(0)  # the penalty draws the same points at each call
            with D.keeping_buffers():  # a spectral norm must start from the same vectors
                return discriminator_step(d, g, objective, optimizer, real, z)

        def g_step(optimizer: gradcheck.Recorder) -> Outcome:
            return generator_step(d, g, objective, optimizer, z, real)

        if self.spectral_norm:
            for _ in range(1000):  # the power iteration has arrived: singular vectors do not move with the weights
                D.forward(real)
        errors = {}
        if objective.trains_d:
            errors["D step"] = max(gradcheck.step_errors(d_step, dict(D.named_params()), numbers).values())
        errors["G step"] = max(gradcheck.step_errors(g_step, dict(G.named_params()), numbers).values())
        return errors

    def objective(self, streams: Streams) -> Objective:
        """The objective in a small size, without what follows an update: projections have no gradient to check."""
        random = {"rng": streams("penalty")} if "rng" in objectives.hyperparameters(self.name) else {}
        objective = make(self.name, **random, **self.options)
        setattr(objective, "after_d_update", lambda D: None)  # noqa: B010 - mypy has no methods that are replaced
        return objective

    def pair(self, streams: Streams, objective: Objective) -> tuple[Network, Layer]:
        """G and D."""
        return small_pair(streams("weights"), self.critic_norm, objective, self.spectral_norm, self.classes)

    def given(self, network: Layer, labels: Any) -> Layer:
        """The network at these labels, where it takes any."""
        return network if self.classes is None else network.given(labels % self.classes)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Of what D takes."""
        return (CODES,) if self.options.get("space") == "codes" else (SIDE, SIDE, 1)


def small_pair(
    rng: np.random.Generator,
    critic_norm: str | None = "batch",
    objective: Objective | None = None,
    spectral_norm: bool = False,
    classes: int | None = None,
) -> tuple[Network, Layer]:
    """G (N, 3) -> (N, 6, 6, 1) and D (N, 6, 6, 1) -> what `objective` is played with (None: a score), with all that is
    hard, random weights, float64. With `classes` both take labels. For codes G -> (N, 4), and D takes them."""
    critic = Critic(**({} if objective is None else objective.critic()), spectral_norm=spectral_norm)
    d = 0 if classes is None else classes
    join = [] if classes is None else [Join(classes)]
    up = [*join, *_up(3 + d, rng)]
    trunk = [
        *join,
        Conv2d(1 + d, 3, 4, 2, 1, rng=rng),
        *norm(critic_norm, (3, 3, 3)),
        Tanh(),
        Conv2d(3, 4, 3, 1, 1, rng=rng),
        LeakyReLU(),
        Flatten(),
    ]
    D, autoencoder = critic.networks(trunk, 3 * 3 * 4, lambda codes: _up(codes, rng), rng)
    if autoencoder is not None:
        up = [Linear(3, 6, rng=rng), Tanh(), Linear(6, CODES, rng=rng), Sigmoid()]
    G = Network(*up)
    for network in (G, D):
        network.convert(lambda array: array.astype(np.float64))
        randomise(network, rng)
    return G, D


def _up(inputs: int, rng: np.random.Generator) -> list[Layer]:
    return [
        Linear(inputs, 3 * 3 * 4, rng=rng),
        Reshape(3, 3, 4),
        BatchNorm(4),
        ReLU(),
        ConvTranspose2d(4, 1, 4, 2, 1, rng=rng),
        Tanh(),
    ]


# One without a penalty, one with a penalty between real and fake samples, one with a penalty on real samples.
CONDITIONAL = ("nonsaturating", "wgan-gp", "r1")


def step_cases() -> list[StepCase]:
    """Both steps for every objective with the normalisation that suits it, and what combines with others."""
    suited = [StepCase(name, objectives.find(name).critic_norm, ENERGIES.get(name, {})) for name in objectives.names()]
    conditional = [StepCase(name, objectives.find(name).critic_norm, classes=3) for name in CONDITIONAL]
    return [
        *suited,
        *conditional,
        StepCase("wgan-gp", "batch"),
        StepCase("dragan", "batch"),
        StepCase("dragan", "layer", {"sigmoid": True, "eps": 1e-4}),
        StepCase("wgan-gp", "layer", {"eps": 1e-4}),
        StepCase("lsgan", "batch", {"sigmoid": True}),
        StepCase("r1", "layer", {"on": "both"}),
        StepCase("mcgan-mean", "batch", {"form": "dual"}),
        StepCase("mcgan-cov", "batch", {"form": "dual"}),
        StepCase("gmmn", None, {"space": "codes"}),
        StepCase("mmd-gan-gp", "layer", {"kernel": "rbf"}),
        StepCase("ebgan", "batch", {"energy": "l1", "margin": 1.5}),
        StepCase("hinge", None, spectral_norm=True),
        StepCase("wgan-gp", None, spectral_norm=True),
    ]


# Margins among the energies of the small networks: the hinge is open for some samples and closed for others.
ENERGIES: dict[str, dict[str, Any]] = {"ebgan": {"margin": 8.0}, "magan": {"margin": 60.0}}


def penalty_errors() -> dict[str, float]:
    """The gradient penalty alone, through conv + batch norm + tanh: every parameter of the critic, by name."""
    rng = np.random.default_rng(2)
    critic, x = curved_critic(rng), rng.normal(size=(4, 6, 5, 2))
    critic.convert(lambda array: array.astype(np.float64))
    randomise(critic, rng)

    def step(optimizer: gradcheck.Recorder) -> np.ndarray:
        grads: dict[str, object] = {}
        value = gradient_penalty(critic, x, grads, weight=10.0)
        optimizer.step(grads)
        return value

    return gradcheck.step_errors(step, dict(critic.named_params()), rng)
