"""Weight initialisers: functions of a generator, a shape and the inputs of each output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from minigan.random import generator

Initializer: TypeAlias = Callable[[np.random.Generator, tuple[int, ...], int], np.ndarray]


def uniform_fan_in(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """U(-1/√fan_in, 1/√fan_in): PyTorch's default for linear and convolutional weights."""
    bound = 1 / math.sqrt(fan_in)
    return generator(rng).uniform(-bound, bound, shape)


def he_uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """U(-√(6 / fan_in), √(6 / fan_in)): the variance of `he_normal` (He et al. 2015)."""
    bound = math.sqrt(6 / fan_in)
    return generator(rng).uniform(-bound, bound, shape)


def he_normal(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """N(0, 2 / fan_in): keeps the scale through ReLU layers (He et al. 2015)."""
    return generator(rng).normal(0, math.sqrt(2 / fan_in), shape)


def normal(std: float = 0.02) -> Initializer:
    """N(0, std²); 0.02 is the DCGAN paper's (Radford et al. 2015, section 3)."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
        return generator(rng).normal(0, std, shape)

    return draw


def truncated_normal(std: float = 0.02) -> Initializer:
    """N(0, std²), drawn again beyond two deviations (TensorFlow's truncated_normal)."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
        w = generator(rng).normal(0, std, shape)
        while (far := np.abs(w) > 2 * std).any():
            w[far] = rng.normal(0, std, np.count_nonzero(far))
        return w

    return draw


def icnr(init: Initializer, upscale_factor: int) -> Initializer:
    """Equal weights for the r² outputs that PixelShuffle(r) makes one channel of: they begin as
    nearest neighbours, without the checkerboard of independent weights (Aitken et al. 2017)."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
        outputs, copies = shape[-1], upscale_factor**2
        if outputs % copies:
            raise ValueError(f"icnr: {outputs} output channels are not a multiple of {copies}")
        return init(rng, (*shape[:-1], outputs // copies), fan_in).repeat(copies, axis=-1)

    return draw
