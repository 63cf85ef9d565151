"""Average: a network's weights, smoothed over time."""

from __future__ import annotations

from collections.abc import Container, Iterable

from minigan import kernels
from minigan.device import Array


class Average:
    """An exponential moving average of named arrays.

    average ← d · average + (1 - d) · array        d = min(decay, (1 + t) / (10 + t)) in step t

    The average of a generator's weights makes steadier samples than the weights of any one step
    (Yazıcı et al. 2018). `target` holds the arrays to write: those of a second network that started
    as a copy. The smaller d of the first steps lets it forget the start soon.
    """

    def __init__(
        self, source: Iterable[tuple[str, Array]], target: Iterable[tuple[str, Array]], decay: float
    ) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay of the average must lie in [0, 1), got {decay}")
        self.source, self.target = dict(source), dict(target)
        if self.source.keys() != self.target.keys():
            raise ValueError("the average and its source have different arrays")
        for name, a in self.target.items():
            shape = self.source[name].shape
            if a.shape != shape or not a.flags.c_contiguous:
                raise ValueError(f"{name}: the average must be contiguous and of shape {shape}")
        self.decay, self.t = decay, 0

    def update(self) -> None:
        """Take in the source as it is now."""
        self.count()
        self.take_in()

    def count(self) -> None:
        """Count one step more."""
        self.t += 1

    def take_in(self, done: Container[str] = (), clock: Array | None = None) -> None:
        """Take in all arrays whose names are not in `done`, in the step counted last.

        clock: on a GPU, the one of the optimizer that calls this (see `kernels.Moves`).
        """
        names = [name for name in self.source if name not in done]
        if names:
            rows, averages = [(self.source[n],) for n in names], [self.target[n] for n in names]
            kernels.follow(kernels.Moves(rows, averages, self.decay, self.t, clock=clock))
