"""A GPU without a GPU: arrays like CuPy's over host memory, and kernels that the CPU runs by their own text.

FakeArray is the strict stand-in with one thing more, `__cuda_array_interface__`: the kernels take it for a GPU array.
It works inside the fixture `fake_cuda` (conftest.py), which sets the shim in place of CuPy's compiler. Fresh memory
holds NaN and -1, and has a fence on both sides, which the fixture finds broken where a kernel wrote beside its array.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from support import strict

FENCE = 256  # bytes
_fenced: ContextVar[list[np.ndarray] | None] = ContextVar("fenced", default=None)


class FakeArray(strict.StrictArray):
    """A stand-in for a CuPy array whose address a kernel can be given."""

    __slots__ = ()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self._host.__array_interface__, "version": 3}

    def _call(self, section: str, name: str, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        result = super()._call(section, name, function, args, kwargs)
        return FakeArray(_with_fences(result._host)) if name == "empty_like" else result


def to_device(x: np.ndarray) -> FakeArray:
    """The stand-in for a GPU copy of host array `x`."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"expected a numpy.ndarray to copy to the device, got {type(x)}")
    return FakeArray(x.copy(order="K"))


def to_host(x: FakeArray) -> np.ndarray:
    """A host copy of the stand-in `x`."""
    return x.get()


@contextmanager
def fences() -> Iterator[None]:
    """Inside, fresh arrays are fenced; AssertionError at the end if something wrote beside one of them."""
    memory: list[np.ndarray] = []
    token = _fenced.set(memory)
    try:
        yield
    finally:
        _fenced.reset(token)
    for one in memory:
        assert (one[:FENCE] == 255).all(), "a kernel wrote before the beginning of an array"
        assert (one[-FENCE:] == 255).all(), "a kernel wrote after the end of an array"


def _with_fences(x: np.ndarray) -> np.ndarray:
    """A contiguous array like x in fenced memory whose bytes are all 255."""
    one = np.full(x.nbytes + 2 * FENCE, 255, np.uint8)
    memory = _fenced.get()
    if memory is not None:
        memory.append(one)
    return one[FENCE : FENCE + x.nbytes].view(x.dtype).reshape(x.shape)
