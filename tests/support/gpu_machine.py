"""A machine with GPUs that are not there: CuPy is a few functions over the strict stand-in. It records no graphs."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest

from support.strict import StrictArray, to_device

GIB = 2**30


class Machine:
    """The calls of its CuPy: `released` counts the calls that hand memory back. `free` and `total` bytes."""

    def __init__(self, gpus: int = 1, free: int = 3 * GIB, total: int = 80 * GIB) -> None:
        self.gpus, self.free, self.total, self.released = gpus, free, total, 0

    def cupy(self) -> SimpleNamespace:
        """The module."""
        runtime = SimpleNamespace(getDeviceCount=lambda: self.gpus, memGetInfo=lambda: (self.free, self.total))
        pool = SimpleNamespace(free_all_blocks=self._release, malloc=None)
        cuda = SimpleNamespace(
            is_available=lambda: self.gpus > 0,
            runtime=runtime,
            Device=Chosen,
            Stream=Stream,
            MemoryPool=lambda: pool,
            using_allocator=lambda malloc: nullcontext(),
            get_current_stream=Stream,
        )
        return SimpleNamespace(cuda=cuda, asarray=asarray, get_default_memory_pool=lambda: pool)

    def _release(self) -> None:
        self.released += 1


class Chosen:
    """One GPU as a context."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def use(self) -> None:
        pass


class Stream:
    """Everything has happened before anybody waits; nothing can be recorded."""

    def __init__(self, non_blocking: bool = False) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def begin_capture(self) -> None:
        raise RuntimeError("this machine records no graphs")


def asarray(x: Any) -> StrictArray:
    """cupy.asarray."""
    return x if isinstance(x, StrictArray) else to_device(np.asarray(x))


def install(monkeypatch: pytest.MonkeyPatch, **choices: Any) -> Machine:
    """Until the test ends, `import cupy` finds this machine's, and nobody has asked for a device."""
    machine = Machine(**choices)
    monkeypatch.setitem(sys.modules, "cupy", machine.cupy())
    monkeypatch.delenv("MINIGAN_DEVICE", raising=False)
    return machine
