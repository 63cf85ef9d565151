"""Minibatches as a function of a counter."""

from __future__ import annotations

import numpy as np

from minigan.data.dataset import Dataset
from minigan.random import Streams


class Batches:
    """Batch number i of an endless row of shuffled epochs; it depends on (seed, i) alone.

        row    π₀(0) … π₀(N-1)  π₁(0) … π₁(N-1)  π₂(0) …       πₑ: the permutation of epoch e
        batch  |--- 0 ---|--- 1 ---|--- 2 ---|--- 3 ---|       always full, over the end of an epoch if need be

    So a run that resumes at step i sees what it would have seen, and every sample appears once in every epoch.
    Two data sets of one run are shuffled independently by two names of `stream`.
    Raises ValueError for a batch size below 1 or above the size of the data set.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int, stream: str = "order") -> None:
        if batch_size < 1:
            raise ValueError(f"batch size must be at least 1, got {batch_size}")
        if batch_size > len(dataset):
            few = f"{dataset.name} has {len(dataset)} samples, too few for one batch of {batch_size}"
            raise ValueError(f"{few}: a batch (--batch-size) can have {len(dataset)} at most")
        self.dataset = dataset
        self.batch_size = batch_size
        self._streams, self._stream = Streams(seed), stream
        self._cached = 0, self._permutation(0)

    @property
    def per_epoch(self) -> float:
        """Batches per epoch, in general not a whole number."""
        return len(self.dataset) / self.batch_size

    def __call__(self, i: int) -> np.ndarray:
        """Batch number i >= 0 as a network sees it: float32 (batch_size, ...), pixels in [-1, 1]."""
        return self.dataset.batch(self.indices(i))

    def indices(self, i: int) -> np.ndarray:
        """Which samples batch number i holds: (batch_size,) indices into the data set."""
        if i < 0:
            raise ValueError(f"batches are counted from 0, got {i}")
        epoch, start = divmod(i * self.batch_size, len(self.dataset))
        head = self._order_of(epoch)[start : start + self.batch_size]
        missing = self.batch_size - len(head)
        return head if missing == 0 else np.concatenate([head, self._order_of(epoch + 1)[:missing]])

    def _order_of(self, epoch: int) -> np.ndarray:
        """The permutation of one epoch, kept until another epoch is asked for."""
        cached_epoch, order = self._cached
        if epoch != cached_epoch:
            order = self._permutation(epoch)
            self._cached = epoch, order
        return order

    def _permutation(self, epoch: int) -> np.ndarray:
        return self._streams.at(self._stream, epoch).permutation(len(self.dataset))
