"""Tests on a real GPU: `pytest -m gpu -n 0`. Without one they are skipped; the reason is that of `--device cuda`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minigan import device
from minigan.device import Device

sys.path.append(str(Path(__file__).parents[1] / "layers"))  # what the tests of the CPU are made of serves here, too


@pytest.fixture(scope="session")
def gpu() -> Device:
    """The first GPU."""
    try:
        return device.choose("cuda")
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def poisoned(gpu: Device) -> Iterator[None]:
    """Fresh memory of the GPU holds NaN in every float: what a kernel leaves unwritten, or reads too far, shows."""
    import cupy

    pool = cupy.cuda.MemoryPool()

    def malloc(size: int) -> Any:
        memory = pool.malloc(size)
        memory.memset_async(0xFF, size)
        return memory

    with gpu.active(), cupy.cuda.using_allocator(malloc):
        yield
        cupy.cuda.runtime.deviceSynchronize()  # an error of a kernel belongs to the test that started it
