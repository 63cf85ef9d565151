"""Watched: an optimizer whose last update can be looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigan.device import Array, to_host
from minigan.optim import Optimizer, flatten

SAMPLED = 1000  # numbers of each parameter that are compared before and after an update


class Watched:
    """An optimizer as a run uses it: watched from outside the steps; in all else the optimizer itself.

    While `looking` it keeps the gradients of an update by name in `grads`, their norms in `norms`, and in `moved` by
    how much the parameters changed, as a share of their own size. An update whose gradients are not finite is not
    made: `broken` is called in its place, and is to raise. On a GPU that is found out only while looking, for a look
    at every update would make the GPU wait.
    """

    def __init__(self, optimizer: Optimizer, broken: Callable[[Watched], object]) -> None:
        self.inner, self.broken = optimizer, broken
        self.looking = False
        self.grads: dict[str, Array] = {}
        self.norms: dict[str, float] = {}
        self.moved: float | None = None

    def step(self, grads: Mapping[str, Any]) -> None:
        flat = flatten(grads)
        self.grads, self.norms, self.moved = {}, {}, None
        if self.looking or all(isinstance(g, np.ndarray) for g in flat.values()):
            squares = to_host(np.stack([_square(g) for g in flat.values()])) if flat else np.zeros(0)
            if not np.isfinite(squares).all():
                self.grads = flat
                self.broken(self)
        if not (self.looking and flat):
            self.inner.step(grads)
            return
        before = self._sample()
        self.inner.step(grads)
        size = np.sqrt(np.mean(before**2))
        self.moved = float(np.sqrt(np.mean((self._sample() - before) ** 2)) / max(size, 1e-30))
        self.grads, self.norms = flat, dict(zip(flat, np.sqrt(squares).tolist(), strict=True))

    def rms(self) -> float | None:
        """The root mean square of the gradients of the last update looked at."""
        count = sum(g.size for g in self.grads.values())
        return math.sqrt(sum(norm**2 for norm in self.norms.values()) / count) if count else None

    def _sample(self) -> np.ndarray:
        parts = [p.reshape(-1)[:: 1 + p.size // SAMPLED] for p in self.inner.params.values()]
        return to_host(np.concatenate(parts)).astype(np.float64)


def _square(g: Array) -> Array:
    """The sum of squares, as a 0-d array that stays where g is."""
    flat = g.reshape(-1)
    return flat @ flat
