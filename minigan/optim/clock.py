"""Clock: the numbers that change from step to step, in a GPU's memory for its kernels."""

from __future__ import annotations

import numpy as np

from minigan.device import Array, like


class Clock:
    """`array`: (steps, steps of the average, learning rate), float32, where `reference` is.

    The host keeps a copy of what the GPU holds, so that it never has to ask, which would wait.
    """

    def __init__(self, reference: Array) -> None:
        self.array = np.zeros_like(reference, shape=(3,))
        self._held: tuple[int, int, float] = (0, 0, 0.0)

    def send(self, steps: int, averaged: int, lr: float) -> None:
        """Set what the GPU holds, where it differs."""
        if self._held != (steps, averaged, lr):
            self._held = steps, averaged, lr
            self.array[...] = like(np.array(self._held, self.array.dtype), self.array)

    def tick(self) -> None:
        """Count one step more on the GPU."""
        counts = self.array[:2]
        np.add(counts, 1, out=counts)

    def count(self) -> None:
        """Count one step more in the host's copy: what `tick`, or a replay of it, did."""
        steps, averaged, lr = self._held
        self._held = steps + 1, averaged + 1, lr
