"""The models of the study, their defaults, and what is drawn at random about each of them.

Ranges and defaults are those of Lucic et al. 2018 and the same in every size of the study.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

Params = dict[str, Any]


@dataclass(frozen=True)
class Uniform:
    """U(low, high); `log`: 10^U(low, high)."""

    low: float
    high: float
    log: bool = False

    def draw(self, rng: np.random.Generator) -> float:
        """One number, rounded to six digits, so that JSON keeps all of it."""
        value = rng.uniform(self.low, self.high)
        return float(f"{10**value if self.log else value:.6g}")


@dataclass(frozen=True)
class Choice:
    """One of some values, all equally likely."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        """One of the values."""
        return self.values[int(rng.integers(len(self.values)))]


DEFAULTS: dict[str, Params] = {
    "mm": {"lr": 5e-5, "beta1": 0.0, "disc_iters": 1, "disc_bn": True},
    "ns": {"lr": 5e-5, "beta1": 0.0, "disc_iters": 1, "disc_bn": True},
    "lsgan": {"lr": 2e-4, "beta1": 0.5, "disc_iters": 1, "disc_bn": True},
    "wgan": {"lr": 5e-5, "beta1": 0.5, "disc_iters": 5, "disc_bn": True, "clip": 0.01},
    "wgan_gp": {"lr": 1e-4, "beta1": 0.5, "disc_iters": 5, "disc_bn": False, "lambda": 10.0},
    "dragan": {"lr": 1e-4, "beta1": 0.5, "disc_iters": 1, "disc_bn": True, "lambda": 10.0},
    "began": {"lr": 1e-4, "beta1": 0.5, "disc_iters": 5, "disc_bn": False, "lambda": 1e-3, "gamma": 0.75},
    "vae": {"lr": 5e-5, "beta1": 0.5, "disc_iters": 1, "disc_bn": True},
}
MODELS = tuple(DEFAULTS)

WIDE: dict[str, Uniform | Choice] = {
    "lr": Uniform(-5, -2, log=True),
    "beta1": Uniform(0, 1),
    "disc_iters": Choice((1, 5)),
    "disc_bn": Choice((True, False)),
    "clip": Uniform(-3, 0, log=True),
    "lambda": Uniform(-1, 2, log=True),
    "gamma": Uniform(0, 1),
}
NARROW: dict[str, Uniform | Choice] = {
    "lr": Uniform(-4, -3, log=True),
    "beta1": Choice((0.5,)),
    "disc_iters": Choice((1,)),
    "disc_bn": Choice((True, False)),
    "clip": Uniform(-2, 0, log=True),
    "lambda": Uniform(-1, 1, log=True),
    "gamma": Uniform(0.6, 0.9),
}
# Where a model's range is its own.
OWN: dict[str, dict[str, dict[str, Uniform | Choice]]] = {
    "wide": {"began": {"lambda": Uniform(-4, -2, log=True)}},
    "narrow": {
        "began": {"lambda": Choice((1e-3,))},
        "wgan_gp": {"disc_bn": Choice((False,))},
        "dragan": {"disc_bn": Choice((False,))},
    },
}
SPACES = {"wide": WIDE, "narrow": NARROW}


def sample(model: str, data: str, space: str, number: int, seed: int = 0) -> Params:
    """Configuration `number` of a model on a data set: number 0 is the model's default, the others are drawn.

    A draw depends on (seed, model, data, number) alone: more models or more samples change no other draw.
    """
    if model not in DEFAULTS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}, got {model!r}")
    if space not in SPACES:
        raise ValueError(f"space must be wide or narrow, got {space!r}")
    if number == 0:
        return dict(DEFAULTS[model])
    rng = np.random.default_rng([seed, crc32(model.encode()), crc32(data.encode()), number])
    ranges = SPACES[space] | OWN[space].get(model, {})
    return {name: ranges[name].draw(rng) for name in DEFAULTS[model]}
