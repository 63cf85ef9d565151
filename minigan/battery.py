"""What is checked: one case per layer, objective and training step, with random weights and sizes that reveal mistakes.

The gradient check's table and the test suite walk over the same lists, so that what the table shows is what is tested.
Everything is float64. Parameters are random: a gradient that forgets a factor weight = 1 or a term bias = 0 would pass
otherwise. Maps are odd and not square, strides do not divide them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from minigan import gradcheck, objectives
from minigan.layers import (
    ELU,
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    Network,
    ReLU,
    Reshape,
    Sigmoid,
    Softplus,
    Tanh,
)
from minigan.objectives import Objective
from minigan.penalties import gradient_penalty
from minigan.random import Streams
from minigan.training.steps import discriminator_step, generator_step


@dataclass(frozen=True)
class LayerCase:
    """A layer to check at inputs of one shape, in training or evaluation mode."""

    make: Callable[[np.random.Generator], Layer]
    shape: tuple[int, ...]
    train: bool = True
    name: str = ""  # where the layer's own would be too long for a table
    streams: Streams = field(init=False)
    layer: Layer = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "streams", Streams(0))
        layer = self.make(self.streams("layer"))
        layer.convert(lambda array: array.astype(np.float64))
        randomise(layer, self.streams("weights"))
        object.__setattr__(self, "layer", layer)

    def __str__(self) -> str:
        return f"{self.name or self.layer}{'' if self.train else ', eval mode'}"

    def rewind(self) -> None:
        """Let the layer draw the same random numbers again (dropout)."""
        self.streams.seek(0)

    def input(self) -> np.ndarray:
        """Random numbers of the case's shape, none near 0, where piecewise linear layers have their kink."""
        x = self.streams.at("input", 0).normal(size=self.shape)
        return x + 0.1 * np.sign(x)


def randomise(layer: Layer, rng: np.random.Generator) -> None:
    """Fill parameters and buffers with random numbers; those of running variances are positive."""
    for _, param in layer.named_params():
        param[...] = rng.normal(size=param.shape)
    for name, buffer in layer.named_buffers():
        buffer[...] = rng.uniform(0.5, 2, buffer.shape) if name.endswith("var") else rng.normal(size=buffer.shape)


def layer_cases() -> list[LayerCase]:
    """Every layer, and networks of them, batch norm in both modes."""
    flat, image, case = (4, 6), (3, 5, 4, 2), LayerCase
    return [
        case(lambda rng: Linear(6, 5, rng=rng), flat),
        case(lambda rng: Linear(6, 5, bias=False, rng=rng), flat, name="Linear(6, 5) without bias"),
        case(lambda rng: Conv2d(2, 3, 3, 1, 1, rng=rng), image),
        case(
            lambda rng: Conv2d(2, 3, (4, 3), (2, 1), (1, 2), rng=rng), (3, 7, 6, 2), name="Conv2d, 4 x 3, stride (2, 1)"
        ),
        case(
            lambda rng: Conv2d(2, 3, 2, 3, bias=False, rng=rng), (3, 8, 6, 2), name="Conv2d, windows with gaps, no bias"
        ),
        case(lambda rng: ConvTranspose2d(2, 3, 4, 2, 1, rng=rng), image, name="ConvTranspose2d, few channels"),
        case(lambda rng: ConvTranspose2d(2, 9, 4, 2, 1, rng=rng), image, name="ConvTranspose2d, many channels"),
        case(_odd_transpose, image, name="ConvTranspose2d, 2 x 3, stride (3, 2), no bias"),
        case(lambda rng: BatchNorm(2), image),
        case(lambda rng: BatchNorm(6), flat),
        case(lambda rng: BatchNorm(2), image, train=False),
        case(lambda rng: LayerNorm((5, 4, 2)), image),
        case(lambda rng: LayerNorm(6), flat),
        *(_plain(page, image) for page in (ELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh, Flatten)),
        case(lambda rng: Reshape(4, 10), image),
        case(lambda rng: Dropout(0.3, rng=rng), image),
        case(lambda rng: Dropout(0.3, rng=rng), image, train=False),
        case(_curved_critic, (4, 6, 5, 2), name="Network: conv, batch norm, tanh, linear"),
        case(_curved_critic, (4, 6, 5, 2), train=False, name="Network: conv, batch norm, tanh, linear"),
        case(_nested, flat, name="Network in a Network: linear, layer norm, softplus"),
    ]


def _plain(page: type[Layer], shape: tuple[int, ...]) -> LayerCase:
    return LayerCase(lambda rng: page(), shape)


def _odd_transpose(rng: np.random.Generator) -> Layer:
    return ConvTranspose2d(2, 9, (2, 3), (3, 2), (0, 1), (2, 1), bias=False, rng=rng)


def _curved_critic(rng: np.random.Generator) -> Network:
    return Network(Conv2d(2, 3, 4, 2, 1, rng=rng), BatchNorm(3), Tanh(), Flatten(), Linear(18, 1, rng=rng))


def _nested(rng: np.random.Generator) -> Network:
    inner = Network(Linear(5, 4, rng=rng), LayerNorm(4), Softplus())
    return Network(Linear(6, 5, rng=rng), ELU(), inner, Linear(4, 1, rng=rng))


def objective_cases() -> list[Objective]:
    """Every objective by name, and those with an option that changes the formulas."""
    smoothed = [objectives.get(name, real_label=0.9) for name in ("minimax", "nonsaturating")]
    pearson = objectives.get("lsgan", fake=-1.0, real=1.0, gen=0.0)
    return [*(objectives.get(name) for name in objectives.names()), *smoothed, pearson]


@dataclass(frozen=True)
class StepCase:
    """A whole training step of small convolutional networks in training mode, through batch or layer norm and tanh."""

    name: str
    critic_norm: str

    def errors(self) -> dict[str, float]:
        """Worst relative error of the D step's and the G step's gradients over all parameters."""
        streams = Streams(1)
        G, D = small_pair(streams("weights"), self.critic_norm)
        objective = self._objective(streams)
        numbers = streams.at("batch", 0)
        real, z = numbers.normal(size=(5, 6, 6, 1)), numbers.normal(size=(5, 3))

        def d_step(optimizer: gradcheck.Recorder) -> np.ndarray:
            streams.seek(0)  # the penalty draws the same points at each call
            return discriminator_step(D, G, objective, optimizer, real, z)

        def g_step(optimizer: gradcheck.Recorder) -> np.ndarray:
            return generator_step(D, G, objective, optimizer, z)

        d_errors = gradcheck.step_errors(d_step, dict(D.named_params()), numbers)
        g_errors = gradcheck.step_errors(g_step, dict(G.named_params()), numbers)
        return {"D step": max(d_errors.values()), "G step": max(g_errors.values())}

    def _objective(self, streams: Streams) -> Objective:
        if self.name in ("wgan-gp", "dragan"):
            return objectives.get(self.name, rng=streams("penalty"))
        # A box so wide that clipping leaves the weights alone: the projection has no gradient to check.
        return objectives.get(self.name, **({"clip": 1e6} if self.name == "wgan" else {}))


def small_pair(rng: np.random.Generator, critic_norm: str = "batch") -> tuple[Network, Network]:
    """G (N, 3) -> (N, 6, 6, 1) and D (N, 6, 6, 1) -> (N, 1), with all that is hard, random weights, float64."""
    G = Network(
        Linear(3, 3 * 3 * 4, rng=rng),
        Reshape(3, 3, 4),
        BatchNorm(4),
        ReLU(),
        ConvTranspose2d(4, 1, 4, 2, 1, rng=rng),
        Tanh(),
    )
    D = Network(
        Conv2d(1, 3, 4, 2, 1, rng=rng),
        BatchNorm(3) if critic_norm == "batch" else LayerNorm((3, 3, 3)),
        Tanh(),
        Conv2d(3, 4, 3, 1, 1, rng=rng),
        LeakyReLU(),
        Flatten(),
        Linear(3 * 3 * 4, 1, rng=rng),
    )
    for network in (G, D):
        network.convert(lambda array: array.astype(np.float64))
        randomise(network, rng)
    return G, D


def step_cases() -> list[StepCase]:
    """Both steps for every objective with the normalisation that suits it; the penalties through batch norm as well."""
    suited = [StepCase(name, objectives.find(name).critic_norm) for name in objectives.names()]
    return [*suited, StepCase("wgan-gp", "batch"), StepCase("dragan", "batch")]


def penalty_errors() -> dict[str, float]:
    """The gradient penalty alone, through conv + batch norm + tanh: every parameter of the critic, by name."""
    rng = np.random.default_rng(2)
    critic, x = _curved_critic(rng), rng.normal(size=(4, 6, 5, 2))
    critic.convert(lambda array: array.astype(np.float64))
    randomise(critic, rng)

    def step(optimizer: gradcheck.Recorder) -> np.ndarray:
        grads: dict[str, object] = {}
        value = gradient_penalty(critic, x, grads, weight=10.0)
        optimizer.step(grads)
        return value

    return gradcheck.step_errors(step, dict(critic.named_params()), rng)


def all_errors() -> Iterator[tuple[str, str, dict[str, float]]]:
    """Everything that is checked: (kind, name, relative errors by derivative)."""
    for case in layer_cases():
        rng = case.streams.at("directions", 0)
        yield "layer", str(case), gradcheck.layer_errors(case.layer, case.input(), rng, case.train, case.rewind)
    for i, objective in enumerate(objective_cases()):
        rng = np.random.default_rng(i)
        a, b = rng.normal(size=(5, 1)), rng.normal(size=(7, 1))
        options = (
            "" if i < len(objectives.names()) else f", {', '.join(f'{k} {v}' for k, v in vars(objective).items())}"
        )
        yield "objective", objective.name + options, gradcheck.objective_errors(objective, a, b, rng)
    for step in step_cases():
        yield "step", f"{step.name}, {step.critic_norm} norm in D", step.errors()
    yield "penalty", "through conv + batch norm + tanh", penalty_errors()
