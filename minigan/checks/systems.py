"""Turns of systems against finite differences: all weights that move, through everything that the turn computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minigan import device, gradcheck
from minigan.checks.conditional_systems import small_ageing
from minigan.checks.image_systems import small_cyclegan, small_srgan
from minigan.checks.layer_case import randomise
from minigan.checks.steps import small_pair
from minigan.checks.styled_systems import small_papers, small_stylegan
from minigan.checks.text_systems import small_stackgan
from minigan.data import Dataset
from minigan.device import Array
from minigan.models.conditional import conditional
from minigan.models.study import Study
from minigan.objectives import R1, NonSaturating, Objective
from minigan.objectives.auxiliary import AuxiliaryClasses
from minigan.random import Streams
from minigan.systems import GAN
from minigan.systems.conditional import ConditionalGAN
from minigan.systems.vae import VAE
from minigan.training.draw import Draw
from minigan.training.steps import Outcome
from minigan.training.system import System, Turn


@dataclass(frozen=True)
class SystemCase:
    """A small system in float64 with random weights, and data sets for it."""

    name: str
    make: Callable[[], tuple[System, dict[str, Dataset]]]
    batch_size: int = 5
    step: int = 0

    def __str__(self) -> str:
        return self.name

    def errors(self) -> dict[str, float]:
        """The worst relative error of every turn, by its name."""
        system, datasets = self.make()
        return system_errors(system, datasets, self.batch_size, step=self.step)


def system_cases() -> list[SystemCase]:
    """Every system, in every stage."""
    pictured = *_conditional_cases(), *_image_cases(), *_text_cases(), *_styled_cases()
    return [SystemCase("gan", _gan), *_vae_cases(), *pictured]


def pictures(n: int, shape: tuple[int, ...], classes: int | None = None) -> Dataset:
    """n random pictures for a check."""
    rng = np.random.default_rng(0)
    labels = None if classes is None else rng.integers(classes, size=n)
    return Dataset("random", rng.integers(0, 256, (n, *shape), dtype=np.uint8), labels, "random pixels")


def exact(system: System) -> System:
    """The system with all networks in float64, and random numbers for weights and buffers."""
    rng = np.random.default_rng(0)
    for network in (*(player.network for player in system.players.values()), *system.frozen.values()):
        network.convert(lambda array: array.astype(np.float64))
        randomise(network, rng)
    return system


def _gan() -> tuple[System, dict[str, Dataset]]:
    G, D = small_pair(np.random.default_rng(0))
    return exact(GAN(G, D, NonSaturating(), z_dim=3)), {"real": pictures(20, (6, 6, 1))}


def _vae_cases() -> list[SystemCase]:
    return [SystemCase("vae", partial(_vae, (8, 8, 3))), SystemCase("vae, points", partial(_vae, (2,)))]


def _vae(shape: tuple[int, ...]) -> tuple[System, dict[str, Dataset]]:
    networks, rng = Study(shape, 0.05, np.random.default_rng(0), z_dim=3, momentum=0.1), np.random.default_rng(1)
    encoder, decoder = networks.discriminator("gaussian", True), networks.generator(logits=True)
    points = Dataset("random", rng.normal(size=(20, 2)).astype(np.float32), None, "random points")
    dataset = pictures(20, shape) if len(shape) == 3 else points
    return exact(VAE(encoder, decoder, z_dim=3, sample_shape=shape)), {"real": dataset}


def _conditional_cases() -> list[SystemCase]:
    places = ("projection", "late", "concat", "auxiliary")
    cases = [SystemCase(f"conditional, {place}", partial(_conditional, place)) for place in places]
    cases.append(SystemCase("conditional, batch norm", partial(_conditional, "projection", True)))
    stages = {"ageing, first stage": (True, 0), "ageing of no class": (False, 0), "ageing, second stage": (True, 80)}
    return [
        *cases,
        *(SystemCase(name, partial(_ageing, classes), step=step) for name, (classes, step) in stages.items()),
    ]


def _ageing(classes: bool) -> tuple[System, dict[str, Dataset]]:
    system, datasets = small_ageing(classes)
    return exact(system), datasets


def _conditional(place: str, batchnorm: bool = False) -> tuple[System, dict[str, Dataset]]:
    """With R1, whose penalty takes the second derivative of D."""
    shape, K, objective = (8, 8, 1), 3, R1()
    sizes: dict[str, Any] = {"sample_shape": shape, "z_dim": 4, "width": 0.05, "hidden": 7, "critic_norm": "layer"}
    model = conditional("infogan", Streams(0), classes=K, place=place, batchnorm=batchnorm, **sizes)
    trained: Objective = AuxiliaryClasses(objective, K, 0.7) if place == "auxiliary" else objective
    dataset = pictures(20, shape, K)
    counts = dataset.about()["counts"]
    system = ConditionalGAN(model.G, model.D, trained, names="abc", counts=counts, z_dim=4, sample_shape=shape)
    return exact(system), {"real": dataset}


def _image_cases() -> list[SystemCase]:
    cases: list[tuple[str, Callable[[], tuple[System, dict[str, Dataset]]], int]] = [
        ("srgan, first stage", small_srgan, 0),
        ("srgan, second stage", small_srgan, 80),
        ("cyclegan", small_cyclegan, 0),
        ("cyclegan, identity", partial(small_cyclegan, identity=0.5, colours=1), 0),
    ]
    return [SystemCase(name, partial(_exactly, make), 2, step) for name, make, step in cases]


def _exactly(make: Callable[[], tuple[System, dict[str, Dataset]]]) -> tuple[System, dict[str, Dataset]]:
    """With weights so small that no ReLU and no |y - x| has its kink within a step of the differences."""
    system, datasets = make()
    exact(system)
    for player in system.players.values():
        for _, array in player.network.named_params():
            array *= 0.15
            array += array.ndim == 1
    return system, datasets


def _text_cases() -> list[SystemCase]:
    """Every stage, with so few units that no ReLU has its kink within a step of the differences."""

    def made(large: bool = False) -> tuple[System, dict[str, Dataset]]:
        system, datasets = small_stackgan(width=0.08, large=large)
        return exact(system), datasets

    stages = {"encoder of captions": 0, "small pictures": 30, "large pictures": 70}
    cases = [SystemCase(f"stackgan, {name}", made, 8, step) for name, step in stages.items()]
    # 16: half of them are made large, and batch norm of fewer is too curved for differences
    return [*cases, SystemCase("stackgan, four times as large", lambda: made(large=True), 16, 70)]


def _styled_cases() -> list[SystemCase]:
    """The step with the penalty on path lengths."""

    def made(make: Callable[[], tuple[Any, dict[str, Dataset]]]) -> tuple[System, dict[str, Dataset]]:
        system, datasets = make()
        system.a = np.full((), 0.5)  # not 0, which hides terms
        return exact(system), datasets

    return [
        SystemCase("stylegan", partial(made, small_stylegan), batch_size=6),
        SystemCase("stylegan, AdaIN, residual D, rpgan", partial(made, small_papers), batch_size=6),
    ]


class ExactDraw(Draw):
    """Draws in float64, for gradient checks."""

    def _next(self, name: str) -> tuple[Array, Array]:
        x, labels = super()._next(name)
        return x.astype(np.float64), labels

    def _draw_noise(self, n: int, size: int) -> Array:
        return super()._draw_noise(n, size).astype(np.float64)


def system_errors(
    system: System, datasets: Mapping[str, Dataset], batch_size: int, *, step: int = 0, total: int = 100
) -> dict[str, float]:
    """The worst relative error of each turn of a step, by the turn's name, over all parameters that it moves.

    The system's networks must be in float64; their parameters are restored. What follows an update (clipping weights)
    is the turn's last act and has no gradient: a system that does it is checked with an objective that does not.
    """
    errors: dict[str, float] = {}
    for turn in system.turns(step, total):
        if turn.name not in errors:
            errors[turn.name] = max(_turn_errors(system, turn, datasets, batch_size, step).values())
    return errors


def _turn_errors(
    system: System, turn: Turn, datasets: Mapping[str, Dataset], batch_size: int, step: int
) -> dict[str, float]:
    def play() -> Outcome:
        draw = ExactDraw(datasets, batch_size, 0, device.choose("cpu"))
        draw.begin(step, 1)
        system.connect(draw)
        with _unchanged(system):
            return turn.play(draw)

    rng = np.random.default_rng(0)
    optimizers = {name: system.players[name].optimizer for name in turn.moves}
    recorders = {name: gradcheck.Recorder() for name in turn.moves}
    errors: dict[str, float] = {}
    try:
        for name, recorder in recorders.items():
            system.players[name].optimizer = recorder  # type: ignore[assignment]
        play()
        stated = {name: recorder.grads for name, recorder in recorders.items()}
        for name in turn.moves:
            params = dict(system.players[name].network.named_params())
            worst = gradcheck.param_errors(lambda: play().loss, params, stated[name], rng)
            errors |= {f"{name}/{param}": error for param, error in worst.items()}
    finally:
        for name, optimizer in optimizers.items():
            system.players[name].optimizer = optimizer
    return errors


@contextmanager
def _unchanged(system: System) -> Iterator[None]:
    """Inside, buffers and what the system saves may change; afterwards they are as before."""
    before = [(array, array.copy()) for array in system.saved().values()]
    with ExitStack() as stack:
        for network in (*(player.network for player in system.players.values()), *system.frozen.values()):
            stack.enter_context(network.keeping_buffers())
        try:
            yield
        finally:
            for array, copy in before:
                array[...] = copy
