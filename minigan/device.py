"""Where arrays live: the only file that imports CuPy.

Pages are written in plain NumPy; NumPy's own dispatch hands a CuPy array to CuPy. What is left for this file is to
choose a device once, to move arrays to it, and to copy them back.
"""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any  # numpy.ndarray or cupy.ndarray: NumPy's dispatch, not a type checker, distinguishes them


@dataclass(frozen=True)
class Device:
    """One place that holds arrays: `cpu`, or `cuda:N`."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    def asarray(self, x: Array) -> Array:
        """The same numbers on this device; no copy when they are here already."""
        if self.kind == "cpu":
            return to_host(x)
        with self.active():
            return _cupy().asarray(x)

    def use(self) -> None:
        """From here on, this thread's new GPU arrays are made on this device."""
        if self.kind == "cuda":
            _cupy().cuda.Device(self.index).use()

    def active(self) -> AbstractContextManager[Any]:
        """Inside this context new GPU arrays are made on this device."""
        return nullcontext() if self.kind == "cpu" else _cupy().cuda.Device(self.index)

    def cuda(self) -> ModuleType:
        """CuPy's module of streams, graphs and memory pools."""
        return _cupy().cuda

    def release(self) -> tuple[int, int]:
        """Give a GPU the memory back that no array uses; how many bytes of it are free then, and how many it has."""
        if self.kind == "cpu":
            raise ValueError("the CPU's memory is the system's: only that of a GPU is counted here")
        cupy = _cupy()
        with self.active():
            cupy.get_default_memory_pool().free_all_blocks()
            free, total = cupy.cuda.runtime.memGetInfo()
        return free, total


CPU = Device("cpu")


def choose(name: str | None = None) -> Device:
    """The device called `cpu`, `cuda`, `cuda:N` or `auto`; None asks MINIGAN_DEVICE, then means `cpu`.

    `auto` takes a GPU where there is one. `cuda` where there is none raises RuntimeError: a run that was meant for
    the GPU must not use the CPU without notice. An unknown name raises ValueError.
    """
    name = name or os.environ.get("MINIGAN_DEVICE") or "cpu"
    match = re.fullmatch(r"cpu|auto|cuda(?::(\d+))?", name)
    if match is None:
        raise ValueError(f"unknown device {name!r}: expected cpu, cuda, cuda:N or auto")
    if name == "cpu" or (name == "auto" and _gpu_count() == 0):
        return CPU
    index = int(match[1] or 0)
    _require_gpu(name, index)
    return Device("cuda", index)


def to_host(x: Array) -> np.ndarray:
    """The array as NumPy's; a GPU array is copied to the host, which waits for the GPU."""
    return x if isinstance(x, np.ndarray) else np.asarray(x.get() if hasattr(x, "get") else x)


def like(x: np.ndarray, reference: Array) -> Array:
    """Host array `x` on the device of `reference`, in the data type of `reference`."""
    x = x.astype(reference.dtype, copy=False)
    if isinstance(reference, np.ndarray):
        return x
    moved = np.empty_like(reference, shape=x.shape, order="C")  # `set` wants contiguous memory, whatever the view
    moved.set(np.ascontiguousarray(x))
    return moved


def _cupy() -> ModuleType:
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            'the GPU needs CuPy, which is not installed: pip install "minigan[cuda12]" or "minigan[cuda13]", '
            "or choose --device cpu"
        ) from error
    return cupy


def _gpu_count() -> int:
    try:
        cupy = _cupy()
    except RuntimeError:
        return 0
    return cupy.cuda.runtime.getDeviceCount() if cupy.cuda.is_available() else 0


def _require_gpu(name: str, index: int) -> None:
    _cupy()
    count = _gpu_count()
    if count == 0:
        raise RuntimeError(f"device {name!r}: CuPy finds no usable GPU on this machine; choose --device cpu")
    if index >= count:
        raise RuntimeError(f"device {name!r}: this machine has {count} GPU(s), cuda:0 to cuda:{count - 1}")
