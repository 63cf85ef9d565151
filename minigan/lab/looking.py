"""Looking: how D's answer depends on a picture, by its gradient and by covering parts of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minigan.layers import BatchNorm, Layer

PLACES = 7  # along a side, at which the picture is covered


@dataclass(frozen=True, eq=False)
class Look:
    """How D's answer depends on the pixels of a picture.

    slope      (H, W): by how much D would be more convinced if a pixel were brighter, summed over channels
    covered    (PLACES, PLACES): by how much D is less convinced where a grey square covers the picture
    note       in which mode D was asked
    """

    slope: np.ndarray
    covered: np.ndarray
    note: str


def look(given: Callable[[int], Layer], x: np.ndarray, *, energy: bool) -> Look:
    """How D's answer depends on x (1, H, W, C) in [-1, 1]. `given`: D for n samples; `energy`: low means real."""
    D, sign = given(1), -1.0 if energy else 1.0
    y, cache = D.forward(x, train=False)
    dy = np.zeros_like(y)
    dy[:, 0] = sign / len(y)
    slope = D.backward(dy, cache)
    assert slope is not None
    covered = sign * (y[:, 0].mean() - _covered(given(PLACES * PLACES), x))
    norms = any(isinstance(layer, BatchNorm) for layer in D.walk())
    note = "D has batch norm: while it trains, its answer depends on the whole batch." if norms else ""
    return Look(slope.sum(axis=(0, 3)).astype(np.float32), covered.astype(np.float32), note)


def _covered(D: Layer, x: np.ndarray) -> np.ndarray:
    """D's first output for the picture with a square of its mean at each of PLACES² places."""
    _, H, W, _ = x.shape
    side = max(2, H // 4)
    tops, lefts = (np.linspace(0, size - side, PLACES).round().astype(int) for size in (H, W))
    many = np.repeat(x, PLACES * PLACES, axis=0)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            many[i * PLACES + j, top : top + side, left : left + side] = x.mean()
    y = D.forward(many, train=False)[0]
    return y.reshape(PLACES * PLACES, -1, y.shape[1])[:, :, 0].mean(axis=1).reshape(PLACES, PLACES)
