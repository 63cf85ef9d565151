"""The walk over large arrays in pieces that stay in the cache while a chain of operations runs over them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

LINE = 64  # bytes of a cache line, and of an AVX-512 register
CHUNK = 64 * 1024  # numbers per piece: three pieces of float32 fit a second-level cache of 1 MiB, Adam's five one of 2


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """An uninitialised array that begins where a cache line begins.

    NumPy's own begin anywhere, large ones 16 bytes after; then every store of a long vector touches two lines, and a
    subtraction in the cache takes twice as long.
    """
    memory = np.empty(math.prod(shape) * np.dtype(dtype).itemsize + LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.__array_interface__["data"][0] % LINE)


def pieces(*arrays: np.ndarray, step: int = CHUNK) -> Iterator[list[np.ndarray]]:
    """The same piece of each array, flat, from the first to the last; arrays that are not contiguous are copied."""
    flat = [a.reshape(-1) for a in arrays]
    for i in range(0, flat[0].size, max(step, 1)):
        yield [a[i : i + step] for a in flat]
