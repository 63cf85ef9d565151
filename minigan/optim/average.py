"""Average: a network's weights, smoothed over time."""

from __future__ import annotations

from collections.abc import Container, Iterable

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.kernels.cpu.pieces import CHUNK, pieces


class Average:
    """An exponential moving average of named arrays: average ← decay · average + (1 - decay) · array.

    The average of a generator's weights paints steadier samples than any one step's (Yazıcı et al. 2018). `target`
    holds the arrays to write: those of a second network that started as a copy. In the first t steps the decay is
    capped at (1 + t) / (10 + t), so that the start is soon forgotten.
    """

    def __init__(self, source: Iterable[tuple[str, Array]], target: Iterable[tuple[str, Array]], decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay of the average must lie in [0, 1), got {decay}")
        self.source, self.target = dict(source), dict(target)
        if self.source.keys() != self.target.keys():
            raise ValueError("the average and its source have different arrays")
        for name, a in self.target.items():
            if a.shape != self.source[name].shape or not a.flags.c_contiguous:
                raise ValueError(f"{name}: the average must be contiguous and of shape {self.source[name].shape}")
        self.decay, self.t, self._weight = decay, 0, 0.0

    def update(self) -> None:
        """Take in the source as it is now."""
        self.begin()
        self.finish()

    def begin(self) -> None:
        """Begin a step; `take_in` for some arrays, piece by piece, and `finish` for the rest make it whole."""
        self.t += 1
        self._weight = 1 - min(self.decay, (1 + self.t) / (10 + self.t))

    def take_in(self, new: Array, average: Array, u: Array) -> None:
        """One piece of an array, of its average, and of scratch."""
        np.subtract(new, average, out=u)
        np.multiply(u, self._weight, out=u)
        np.add(average, u, out=average)

    def finish(self, done: Container[str] = (), clock: Array | None = None) -> None:
        """Take in all arrays but those whose names are in `done`; on a GPU that counts the steps, by its `clock`."""
        rest = [name for name in self.source if name not in done]
        if clock is not None and kernels.fusible(*(self.source[name] for name in rest)):
            moves = [(self.source[name], None, None, None, self.target[name]) for name in rest]
            return kernels.fused_update("follow", moves, (), clock, self.decay)
        scratch = [np.empty_like(self.source[name], shape=(CHUNK,)) for name in rest[:1]]
        for name in rest:
            for new, average in pieces(self.source[name], self.target[name]):
                self.take_in(new, average, scratch[0][: new.size])
