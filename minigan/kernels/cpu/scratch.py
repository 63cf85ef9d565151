"""Scratch memory of the kernels: one set per thread, reused by every call, never returned to a page."""

from __future__ import annotations

import math
import threading

import numpy as np
from numpy.typing import DTypeLike

from minigan.kernels.cpu.pieces import empty

_local = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Uninitialised memory of this thread. The next call with the same name hands out the same bytes again.

    A fresh array of some megabytes costs as much in page faults as the arithmetic on it; and memory just used is
    still in the cache.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    buffers = _local.__dict__
    if name not in buffers or buffers[name].nbytes < size:
        buffers[name] = empty((size,), np.uint8)
    return buffers[name][:size].view(dtype).reshape(shape)
