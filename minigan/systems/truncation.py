"""How samples of a StyleGAN are asked for: by truncated styles, and by a mode of the noise."""

from __future__ import annotations

import math

import numpy as np

from minigan.device import Array
from minigan.layers import Noise
from minigan.layers.noise import MODES
from minigan.models.stylegan import StyleGenerator

LIMIT = 2.0  # of psi; styles further out were never seen in training


class Consulted:
    """Inside the `with` block a generator's noise is "fixed", "random" (from `rng`) or "none"."""

    def __init__(
        self,
        G: StyleGenerator,
        mode: str,
        rng: np.random.Generator | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"noise must be one of {', '.join(MODES)}, got {mode!r}")
        self.layers = [layer for layer in G.walk() if isinstance(layer, Noise)]
        self.mode, self.rng = mode, rng

    def __enter__(self) -> None:
        self.before = [(layer.mode, layer.rng) for layer in self.layers]
        for layer in self.layers:
            layer.mode, layer.rng = self.mode, self.rng or layer.rng

    def __exit__(self, *error: object) -> None:
        for layer, (mode, rng) in zip(self.layers, self.before, strict=True):
            layer.mode, layer.rng = mode, rng


def truncated(
    G: StyleGenerator,
    w: Array,
    psi: float,
    cutoff: int | None = None,
    mean: Array | None = None,
) -> Array:
    """ws (N, L, w_dim): mean + psi (w - mean) in the layers before `cutoff` (default: in all), w in
    the others. `mean` is one style, or one for each sample; default: the running mean of w."""
    ws = np.repeat(w[:, np.newaxis], G.L, axis=1)
    if psi != 1:
        mean = G.styles.mean if mean is None else mean
        ws[:, :cutoff] = (mean + psi * (w - mean))[:, np.newaxis]
    return ws


def psi_of(text: str) -> float:
    """The number psi that a command asks for; ValueError where it is none, or out of range."""
    try:
        psi = float(text)
    except ValueError:
        psi = math.nan
    if not -LIMIT <= psi <= LIMIT:  # a NaN is not, either
        raise ValueError(
            f"truncation (psi) must be a number from {-LIMIT:g} to {LIMIT:g}, got {text}; "
            "styles further out were never seen in training"
        )
    return psi


def cutoff_of(text: str, L: int) -> int:
    """The number of layers that are truncated; ValueError where it is none."""
    if not text.isdigit() or not 1 <= int(text) <= L:
        layers = f"a whole number from 1 to {L}, the layers of this run"
        raise ValueError(f"cutoff must be {layers}, got {text}")
    return int(text)
