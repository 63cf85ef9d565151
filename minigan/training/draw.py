"""On the device: the batches and the noise of a run that lives on a GPU, drawn there.

What a step needs from the host would make the GPU wait for it. So the data set lies on the GPU as it is in memory
(uint8), and two numbers beside it say how far the run is: one counts the updates of both players, one the real
batches. Every kernel that draws reads one of them, and ticks advance them at the end of what they count: a step that
is recorded and replayed draws anew each time, and a run that goes on sets both and draws what it would have drawn.
"""

from __future__ import annotations

import numpy as np

from minigan import kernels
from minigan.data import Batches, Dataset
from minigan.device import Array
from minigan.training.state import State


class FromHost:
    """Where batches and noise come from on the CPU: drawn by NumPy, for (step, part).

    seen   real batches so far
    """

    def __init__(self, state: State, batches: Batches) -> None:
        self.state, self.batches, self.seen = state, batches, 0

    def seek(self, turns: int) -> None:
        """Nothing: `begin` says where."""

    def begin(self, step: int, part: int) -> None:
        """A player's turn begins: its random numbers are those of this part of this step."""
        self.state.streams.seek(step, part)

    def real(self) -> Array:
        """The next real batch, float32 (B, ...)."""
        self.seen += 1
        return self.state.device.asarray(self.batches(self.seen - 1))

    def noise(self, n: int) -> Array:
        """z ~ N(0, I), float32 (n, z_dim)."""
        return self.state.noise(n, self.state.streams("noise"))


class OnDevice:
    """The same on a GPU. Its numbers are others, and each is a function of (seed, turn) or (seed, batch) as well."""

    def __init__(self, state: State, dataset: Dataset, batch_size: int) -> None:
        self.state, self.batch_size, self.seen = state, batch_size, 0
        self.samples = state.device.asarray(dataset.images)
        self._seen = state.device.asarray(np.zeros(1, np.uint64))
        self._order = state.streams.counter("order", self._seen)
        self._noise = state.counter("noise")

    def seek(self, turns: int) -> None:
        """Tell the device how far the run is: behind so many turns of the players, and `seen` real batches."""
        self.state.begin_turn(turns)
        self._seen.fill(self.seen)

    def begin(self, step: int, part: int) -> None:
        """A player's turn begins, the one after the last."""
        kernels.tick(self.state.turn)
        self.state.begin_draws()

    def real(self) -> Array:
        """The next real batch, float32 (B, ...)."""
        self.seen += 1
        rows = np.empty_like(self._seen, shape=(self.batch_size,), dtype=np.int32)
        kernels.draw_rows(rows, len(self.samples), self._order.key, self._seen)
        kernels.tick(self._seen)
        return kernels.take(self.samples, rows)

    def noise(self, n: int) -> Array:
        """z ~ N(0, I), float32 (n, z_dim)."""
        z = np.empty_like(self._seen, shape=(n, self.state.model.z_dim), dtype=np.float32)
        kernels.draw_normal(z, self._noise.key, self._noise.step, self._noise.part())
        return z
