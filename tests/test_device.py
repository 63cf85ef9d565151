"""The choice of a device, with and without a GPU in the machine."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from minigan import device
from minigan.device import CPU, Device


@pytest.fixture(autouse=True)
def no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINIGAN_DEVICE", raising=False)


@pytest.fixture
def no_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)


def install(monkeypatch: pytest.MonkeyPatch, gpus: int) -> list[Any]:
    """Put a CuPy into the machine that finds so many GPUs; gives a list of what happens on them."""
    seen: list[Any] = []

    class Chosen:
        """One GPU as a context."""

        def __init__(self, index: int) -> None:
            self.index = index

        def __enter__(self) -> None:
            seen.append(f"enter {self.index}")

        def __exit__(self, *error: object) -> None:
            seen.append(f"leave {self.index}")

        def use(self) -> None:
            seen.append(f"use {self.index}")

    def asarray(x: np.ndarray) -> np.ndarray:
        seen.append("copy")
        return x

    runtime = SimpleNamespace(getDeviceCount=lambda: gpus)
    cuda = SimpleNamespace(is_available=lambda: gpus > 0, runtime=runtime, Device=Chosen)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda, asarray=asarray))
    return seen


def test_the_cpu_is_chosen_where_nobody_asks_for_more() -> None:
    assert device.choose() == device.choose("cpu") == CPU == Device("cpu")


def test_the_flag_overrules_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, gpus=2)
    monkeypatch.setenv("MINIGAN_DEVICE", "cuda:1")
    assert device.choose() == Device("cuda", 1)
    assert device.choose("cpu") == CPU
    assert device.choose("cuda:0") == Device("cuda", 0)


def test_an_empty_environment_is_not_a_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGAN_DEVICE", "")
    assert device.choose() == CPU


@pytest.mark.parametrize("name", ["gpu", "CPU", "cuda:", "cuda:-1", "cuda:x", "cuda0", "cpu:0", " cpu", "cuda:1\n"])
def test_an_unknown_name_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, gpus=8)
    with pytest.raises(ValueError, match=r"unknown device .*: expected cpu, cuda, cuda:N or auto"):
        device.choose(name)
    monkeypatch.setenv("MINIGAN_DEVICE", name)
    with pytest.raises(ValueError, match="unknown device"):
        device.choose()


@pytest.mark.usefixtures("no_cupy")
def test_cuda_without_cupy_is_refused_with_the_remedy() -> None:
    for name in ("cuda", "cuda:1"):
        with pytest.raises(RuntimeError, match=r'needs CuPy, which is not installed: pip install "minigan\[cuda12\]"'):
            device.choose(name)


def test_cuda_without_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, gpus=0)
    with pytest.raises(RuntimeError, match="device 'cuda': CuPy finds no usable GPU on this machine"):
        device.choose("cuda")


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, gpus=2)
    with pytest.raises(RuntimeError, match=r"'cuda:2': this machine has 2 GPU\(s\), cuda:0 to cuda:1"):
        device.choose("cuda:2")


@pytest.mark.usefixtures("no_cupy")
def test_auto_is_the_cpu_without_cupy() -> None:
    assert device.choose("auto") == CPU


@pytest.mark.parametrize(("gpus", "expected"), [(0, CPU), (1, Device("cuda", 0)), (3, Device("cuda", 0))])
def test_auto_takes_a_gpu_where_there_is_one(gpus: int, expected: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, gpus)
    assert device.choose("auto") == expected


def test_a_device_is_written_as_it_is_asked_for() -> None:
    assert [str(one) for one in (CPU, Device("cuda", 0), Device("cuda", 3))] == ["cpu", "cuda:0", "cuda:3"]


def test_arrays_on_the_cpu_are_not_copied() -> None:
    x = np.arange(3.0)
    assert CPU.asarray(x) is x
    assert device.to_host(x) is x
    assert device.like(x, np.zeros(5)) is x
    with CPU.active():
        CPU.use()


def test_arrays_for_a_gpu_are_made_on_that_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = install(monkeypatch, gpus=2)
    gpu, x = Device("cuda", 1), np.arange(3.0)
    np.testing.assert_array_equal(gpu.asarray(x), x)
    assert seen == ["enter 1", "copy", "leave 1"]
    gpu.use()
    assert seen[3:] == ["use 1"]


def test_like_takes_the_data_type_of_its_reference() -> None:
    assert device.like(np.arange(3.0), np.zeros(5, np.float32)).dtype == np.float32
