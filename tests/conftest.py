"""pytest puts the folder of this file on the import path: a test can write `from support import strict`."""

import os

# Several tests run at a time, a process each: a BLAS library with threads of its own would only get in their way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import fake_cuda as fake
from support import shim

from minigan.kernels.cuda import launch


@pytest.fixture(scope="session")
def shim_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where compiled kernels go: one folder for all processes of a run of the tests."""
    if shim.GXX is None:
        pytest.skip("running kernels on the CPU needs g++")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shim"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def fake_cuda(shim_folder: Path) -> Iterator[shim.Shim]:
    """Inside the test kernels run on the CPU, on arrays of `support.fake_cuda`."""
    on_cpu = shim.Shim(shim_folder)
    token = launch.backend.set(on_cpu)
    with fake.fences():
        yield on_cpu
    launch.backend.reset(token)
