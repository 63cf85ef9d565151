"""A GPU without a GPU: arrays like CuPy's over host memory, and kernels that the CPU runs by their own text.

FakeArray is the strict stand-in with one thing more, `__cuda_array_interface__`: the kernels take it for a GPU array.
It works inside the fixture `fake_cuda` (conftest.py), which sets the shim in the place of CuPy's compiler.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from support import strict


class FakeArray(strict.StrictArray):
    """A stand-in for a CuPy array whose address a kernel can be given."""

    __slots__ = ()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self._host.__array_interface__, "version": 3}


def to_device(x: np.ndarray) -> FakeArray:
    """The stand-in for a GPU copy of host array `x`."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"expected a numpy.ndarray to copy to the device, got {type(x)}")
    return FakeArray(x.copy(order="K"))


def to_host(x: FakeArray) -> np.ndarray:
    """A host copy of the stand-in `x`."""
    return x.get()
