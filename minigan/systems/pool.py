"""Pool: generated images of the past, which a discriminator is shown again."""

from __future__ import annotations

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.random import Random


class Pool:
    """Shows a discriminator fakes of earlier steps half of the time, so that it remembers them.

    The first `size` fakes are kept, and shown as they are. From then on each fake is assigned one
    place of the pool, at random; by a coin it is shown itself, or what was there is shown, and it
    takes that place. Size 0: no pool.

    images  (size, H, W, C), and `count` of the places are filled: both belong into a checkpoint
    Source  Shrivastava et al. 2017, section 2.3.
    """

    def __init__(self, size: int, shape: tuple[int, ...], like: Array) -> None:
        self.size = size
        self.images = np.zeros_like(like, shape=(size, *shape))
        self.count = np.zeros((), np.int64)  # on the host, which decides by it what to do

    def exchange(self, fakes: Array, rng: Random) -> Array:
        """The images to show instead of these fakes (N, H, W, C): older ones, or these."""
        n, filled = len(fakes), int(self.count)
        if self.size == 0:
            return fakes
        if n > self.size:
            raise ValueError(f"a pool of {self.size} images is too small for batches of {n}")
        if filled < self.size:
            room = min(n, self.size - filled)
            self.images[filled : filled + room] = fakes[:room]
            self.count += room
            return fakes
        places = self._places(fakes, rng)
        old, new = self.images[places], fakes
        swapped = kernels.uniform(fakes, (n, 1, 1, 1), rng) < 0.5
        self.images[places] = np.where(swapped, new, old)
        return np.where(swapped, old, new)

    def _places(self, fakes: Array, rng: Random) -> Array:
        """A place for each fake, no two the same: neighbours on the circle, beginning anywhere."""
        steps = np.ones_like(fakes, shape=(len(fakes),)).cumsum() - 1
        start = np.floor(kernels.uniform(fakes, (1,), rng) * self.size)
        return ((start + steps) % self.size).astype(np.int64)

    def arrays(self) -> dict[str, Array]:
        """The arrays for a checkpoint."""
        return {"images": self.images, "count": self.count}
