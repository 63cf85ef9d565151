"""State: the players of a run, and everything that must be saved for it to go on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigan import data, device, models, objectives, optim
from minigan.device import Array

from minigan.layers import Dropout, Layer
from minigan.random import Counter, Random, Streams
from minigan.training.config import PENALTIES, Config


class State:
    """Networks, objective, optimizers and averages as a config describes them, on its device, in their first state."""

    def __init__(self, config: Config, sample_shape: tuple[int, ...]) -> None:
        self.config, self.device = config, device.choose(config.device)
        self.device.use()
        self.precision = "float32" if self.device.kind == "cpu" else config.precision
        self.streams = Streams(config.seed)
        self.turn = self.device.asarray(np.zeros(1, np.uint64))  # updates of both players so far, for draws on a GPU
        self._counters: list[Counter] = []
        self.objective = _objective(config, self._random)
        self.model = _model(config, self.objective, self.streams, sample_shape)
        self.D, self.G = self.model.D, self.model.G
        for part in (self.D, self.G, self.objective):
            part.convert(self.device.asarray)
        self.d_optimizer = _optimizer(config, self.D, config.d_lr)
        self.g_optimizer = _optimizer(config, self.G, config.g_lr)
        self.painter = self.G  # the network that samples are drawn from
        self.average: optim.Average | None = None
        if config.average > 0:
            self.painter = copy.deepcopy(self.G)
            self.average = optim.Average(_arrays(self.G), _arrays(self.painter), config.average)
            self.g_optimizer.average = self.average
        for layer in (*self.D.walk(), *self.G.walk()):
            if isinstance(layer, Dropout):
                layer.rng = self._random("dropout")

    def arrays(self) -> dict[str, Array]:
        """The live arrays by name: weights, buffers, optimizers' moments, average."""
        parts = {"D": dict(_arrays(self.D)), "G": dict(_arrays(self.G))}
        if self.average is not None:
            parts["average"] = dict(_arrays(self.painter))
        parts |= {"d_optimizer": self.d_optimizer.state, "g_optimizer": self.g_optimizer.state}
        parts["objective"] = dict(self.objective.named_buffers())
        return {f"{part}/{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    def counts(self) -> dict[str, int]:
        """How many updates the optimizers and the average have seen, and what the objective counts."""
        average = {} if self.average is None else {"average": self.average.t}
        own = {f"objective/{name}": count for name, count in self.objective.counts().items()}
        return {"d_optimizer": self.d_optimizer.t, "g_optimizer": self.g_optimizer.t, **average, **own}

    def numbers(self) -> dict[str, Any]:
        """What a checkpoint holds beside the arrays: the counts, and the shape of a sample, so that sampling needs no
        data."""
        return {"counts": self.counts(), "sample_shape": self.model.sample_shape}

    def set_counts(self, counts: dict[str, int]) -> None:
        """Restore `counts`."""
        self.d_optimizer.t, self.g_optimizer.t = counts["d_optimizer"], counts["g_optimizer"]
        if self.average is not None:
            self.average.t = counts["average"]
        own = {name.removeprefix("objective/"): n for name, n in counts.items() if name.startswith("objective/")}
        self.objective.set_counts(own)

    def counter(self, name: str) -> Counter:
        """A stream that is drawn on the device, by the number of the turn."""
        self._counters.append(self.streams.counter(name, self.turn))
        return self._counters[-1]

    def begin_draws(self) -> None:
        """Count the draws on the device from 0 again."""
        for counter in self._counters:
            counter.begin()

    def begin_turn(self, turn: int) -> None:
        """Draw on the device what belongs to the turn of this number."""
        self.turn.fill(turn)
        self.begin_draws()

    def _random(self, name: str) -> Random:
        """What a page draws with: on a GPU it must not be the host, for which the GPU would have to wait."""
        return self.streams(name) if self.device.kind == "cpu" else self.counter(name)

    def noise(self, n: int, rng: np.random.Generator) -> Array:
        """z ~ N(0, I), float32 (n, z_dim), on the device."""
        return self.device.asarray(rng.standard_normal((n, self.model.z_dim), dtype=np.float32))

    def sample(self, z: Array, batch: int = 256) -> np.ndarray:
        """What the painter makes of z, in evaluation mode: uint8 pixels (n, H, W, C), or float32 points (n, 2)."""
        parts = [self.painter.forward(z[i : i + batch], train=False)[0] for i in range(0, len(z), batch)]
        x = np.concatenate([device.to_host(part) for part in parts])
        return data.to_pixels(x) if len(self.model.sample_shape) == 3 else x


def _arrays(network: Layer) -> Iterator[tuple[str, Array]]:
    yield from network.named_params()
    yield from network.named_buffers()


def _objective(config: Config, random: Callable[[str], Random]) -> objectives.Objective:
    hyper = dict(config.hyper)
    if config.real_label is not None:
        hyper["real_label"] = config.real_label
    objective = _got(config.objective, hyper, random("penalty"))
    if config.penalty is not None:
        if objective.output not in ("score", "mean", "covariance"):
            given = objectives.OUTPUTS[objective.output]
            raise ValueError(f"a penalty needs one score per sample; {config.objective} is played with {given}")
        weight = {} if config.penalty_weight is None else {PENALTIES[config.penalty]: config.penalty_weight}
        objective.add_penalty(_got(config.penalty, weight, random("second penalty")))
    return objective


def _got(name: str, hyper: dict[str, Any], rng: Random) -> objectives.Objective:
    if "rng" in hyper:
        raise ValueError("rng is the run's own: its random numbers follow from the seed")
    random = {"rng": rng} if "rng" in objectives.hyperparameters(name) else {}
    return objectives.get(name, **hyper, **random)


def _model(
    config: Config, objective: objectives.Objective, streams: Streams, sample_shape: tuple[int, ...]
) -> models.Model:
    critic = models.Critic(**objective.critic(), spectral_norm=config.spectral_norm)
    model = models.get(config.model, streams, sample_shape=sample_shape, critic=critic, **config.model_choices())
    objective.check(model.D, np.zeros((2, *sample_shape), np.float32))
    return model


def _optimizer(config: Config, network: Layer, lr: float) -> optim.Optimizer:
    params = list(network.named_params())
    if not params:
        return optim.Idle()
    if config.optimizer == "adam":
        return optim.Adam(params, lr, betas=config.betas)
    if config.optimizer == "adamax":
        return optim.AdaMax(params, lr, betas=config.betas)
    if config.optimizer == "rmsprop":
        return optim.RMSProp(params, lr)
    if config.optimizer == "sgd":
        return optim.SGD(params, lr)
    raise ValueError(f"unknown optimizer {config.optimizer!r}; known are adam, adamax, rmsprop, sgd")
