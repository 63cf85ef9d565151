"""What changes from step to step, where a GPU's kernels read it."""

from __future__ import annotations

import numpy as np

from minigan.device import Array, like


class Clock:
    """Number of steps, number of steps of the average, and learning rate: `array`, three float32 beside `reference`.

    The host knows what the GPU holds without asking: it told it, and counts along.
    """

    def __init__(self, reference: Array) -> None:
        self.array = np.zeros_like(reference, shape=(3,))
        self._held: tuple[int, int, float] = (0, 0, 0.0)

    def tell(self, steps: int, averaged: int, lr: float) -> None:
        """Set what the GPU holds, where it differs."""
        if self._held != (steps, averaged, lr):
            self._held = steps, averaged, lr
            self.array[...] = like(np.array(self._held, self.array.dtype), self.array)

    def tick(self) -> None:
        """One step more, on the GPU."""
        counts = self.array[:2]
        np.add(counts, 1, out=counts)

    def count(self) -> None:
        """One step more, on the host: what `tick`, or a replay of it, did."""
        steps, averaged, lr = self._held
        self._held = steps + 1, averaged + 1, lr
