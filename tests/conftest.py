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

# What a reader runs: `pytest -m core`. Layers, objectives, steps, systems and optimizers, but nothing slow.
CORE = (
    "layers/",
    "objectives/",
    "systems/test_systems_own.py",  # the other systems' take longer than all the rest
    "engine/test_engine_battery.py",
    "test_first.py",
    "test_optim.py",
    "test_penalties.py",
    "test_steps.py",
)


def is_core(path: Path) -> bool:
    return path.relative_to(Path(__file__).parent).as_posix().startswith(CORE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """To import all other files takes longer than the core itself."""
    leave_out = config.option.markexpr == "core" and collection_path.is_file() and not is_core(collection_path)
    return True if leave_out else None


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        others = (item.get_closest_marker(name) for name in ("slow", "gpu", "browser"))
        if is_core(item.path) and not any(others):
            item.add_marker("core")


@pytest.fixture(autouse=True, scope="session")
def no_wait_for_the_disk() -> Iterator[None]:
    """A test that is killed loses no written page; only a machine that fails would, and a disk is slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


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
