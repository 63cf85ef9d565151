"""Scratch memory of the kernels: one set per thread, reused by every call, never returned to a page."""

from __future__ import annotations

import math
import threading

import numpy as np
from numpy.typing import DTypeLike

LINE = 64  # bytes of a cache line: NumPy's sums into memory that begins inside a line take twice as long

_local = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Uninitialised memory of this thread. The next call with the same name hands out the same bytes again.

    A fresh array of some megabytes costs as much in page faults as the arithmetic on it; and memory just used is
    still in the cache.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    buffers = _local.__dict__
    if name not in buffers or buffers[name].nbytes < size:
        buffer = np.empty(size + LINE, np.uint8)
        start = -buffer.ctypes.data % LINE
        buffers[name] = buffer[start : start + size]
    return buffers[name][:size].view(dtype).reshape(shape)
