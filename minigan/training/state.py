"""State: the players of a run, and everything that must be saved for it to go on."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigan import data, device, models, objectives, optim
from minigan.device import Array
from minigan.layers import Layer
from minigan.random import Streams
from minigan.training.config import Config


class State:
    """Networks, objective, optimizers and averages as a config describes them, on its device, in their first state."""

    def __init__(self, config: Config, sample_shape: tuple[int, ...]) -> None:
        self.config, self.device = config, device.choose(config.device)
        self.device.use()
        self.streams = Streams(config.seed)
        self.model = models.get(config.model, self.streams, sample_shape=sample_shape, **config.model_choices())
        self.D, self.G = self.model.D, self.model.G
        for network in (self.D, self.G):
            network.convert(self.device.asarray)
        self.objective = _objective(config, self.streams)
        self.d_optimizer = _optimizer(config, self.D, config.d_lr)
        self.g_optimizer = _optimizer(config, self.G, config.g_lr)
        self.painter = self.G  # the network that samples are drawn from
        self.average: optim.Average | None = None
        if config.average > 0:
            self.painter = copy.deepcopy(self.G)
            self.average = optim.Average(_arrays(self.G), _arrays(self.painter), config.average)

    def arrays(self) -> dict[str, Array]:
        """The live arrays by name: weights, buffers, optimizers' moments, average."""
        parts = {"D": dict(_arrays(self.D)), "G": dict(_arrays(self.G))}
        if self.average is not None:
            parts["average"] = dict(_arrays(self.painter))
        parts |= {"d_optimizer": self.d_optimizer.state, "g_optimizer": self.g_optimizer.state}
        return {f"{part}/{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    def counts(self) -> dict[str, int]:
        """How many updates the optimizers and the average have seen."""
        average = {} if self.average is None else {"average": self.average.t}
        return {"d_optimizer": self.d_optimizer.t, "g_optimizer": self.g_optimizer.t, **average}

    def set_counts(self, counts: dict[str, int]) -> None:
        """Restore `counts`."""
        self.d_optimizer.t, self.g_optimizer.t = counts["d_optimizer"], counts["g_optimizer"]
        if self.average is not None:
            self.average.t = counts["average"]

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


def _objective(config: Config, streams: Streams) -> objectives.Objective:
    hyper: dict[str, Any] = {}
    if objectives.find(config.objective).penalty is not None:
        hyper["rng"] = streams("penalty")
    if config.real_label is not None:
        hyper["real_label"] = config.real_label
    return objectives.get(config.objective, **hyper)


def _optimizer(config: Config, network: Layer, lr: float) -> optim.Optimizer:
    params = network.named_params()
    if config.optimizer == "adam":
        return optim.Adam(params, lr, betas=config.betas)
    if config.optimizer == "rmsprop":
        return optim.RMSProp(params, lr)
    if config.optimizer == "sgd":
        return optim.SGD(params, lr)
    raise ValueError(f"unknown optimizer {config.optimizer!r}; known are adam, rmsprop, sgd")
