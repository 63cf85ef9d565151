"""The walk over large arrays in pieces that stay in the cache while a chain of operations runs over them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CHUNK = 64 * 1024  # numbers per piece: three pieces of float32 fit a second-level cache of 1 MiB


def pieces(*arrays: np.ndarray, step: int = CHUNK) -> Iterator[list[np.ndarray]]:
    """The same piece of each array, flat, from the first to the last; arrays that are not contiguous are copied."""
    flat = [a.reshape(-1) for a in arrays]
    for i in range(0, flat[0].size, max(step, 1)):
        yield [a[i : i + step] for a in flat]
