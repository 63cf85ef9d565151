"""Runs on a GPU: recorded steps beside plain ones, checkpoints that move, memory that does not grow, scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import KINDS, assert_same_arrays, last_arrays, tiny, trained
from support.tiny_runs import pictures as pictures

from minigan import data
from minigan.device import CPU, Device
from minigan.engine.recorded import Captured
from minigan.metrics import Statistics, features, frechet_distance
from minigan.metrics.sqrtm import sqrtm_product
from minigan.training.trainer import Trainer

pytestmark = pytest.mark.gpu
ON_A_GPU = {name: choices for name, choices in KINDS.items() if "threads" not in choices}


@pytest.mark.parametrize("kind", ON_A_GPU)
def test_recorded_steps_leave_the_bits_of_plain_ones(kind: str, pictures: Path, tmp_path: Path, gpu: Device) -> None:
    choices = ON_A_GPU[kind] | {"device": str(gpu)}
    for graph in (True, False):
        trained(tiny(pictures, **choices, graph=graph), tmp_path / str(graph))
    assert_same_arrays(last_arrays(tmp_path / "True"), last_arrays(tmp_path / "False"))


def test_a_run_that_stops_and_continues_ends_with_the_same_bits(pictures: Path, tmp_path: Path, gpu: Device) -> None:
    choices = ON_A_GPU["average and falling rates"] | {"device": str(gpu), "decay": 0.0}
    trained(tiny(pictures, **choices, epochs=2), tmp_path / "whole")
    trained(tiny(pictures, **choices, epochs=1), tmp_path / "parts")
    Trainer.resume(tmp_path / "parts", {"epochs": 2}, quiet=True).train()
    assert_same_arrays(last_arrays(tmp_path / "whole"), last_arrays(tmp_path / "parts"))


@pytest.mark.parametrize("first", ["cpu", "cuda:0"])
def test_a_checkpoint_continues_elsewhere(first: str, pictures: Path, tmp_path: Path, gpu: Device) -> None:
    second = str(gpu) if first == "cpu" else "cpu"
    trained(tiny(pictures, device=first, epochs=1), tmp_path / "run")
    moved = Trainer.resume(tmp_path / "run", {"device": second, "epochs": 2}, quiet=True)
    moved.train()
    assert moved.step == moved.total and str(moved.device) == second


def test_memory_does_not_grow_with_the_steps(pictures: Path, tmp_path: Path, gpu: Device) -> None:
    used: list[int] = []

    def look(trainer: Trainer) -> None:
        free, total = gpu.release()
        used.append(total - free)

    trained(tiny(pictures, device=str(gpu), epochs=10), tmp_path / "run", hooks=[look])
    assert len(used) == 60 and used[-1] <= max(used[:20])


class Count:
    """The one number that a step below moves on the host."""

    def __init__(self) -> None:
        self.n = 0

    def open(self) -> None:
        pass

    def read(self) -> dict[str, int]:
        return {"n": self.n}

    def write(self, numbers: Any) -> None:
        self.n = numbers["n"]

    def advance(self, moves: Any) -> None:
        self.n += moves["n"]


def test_a_recording_keeps_its_memory_whatever_others_allocate(gpu: Device) -> None:
    import cupy

    from minigan import kernels

    x, w = (gpu.asarray(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)) for _ in range(2))
    start, books = x.copy(), Count()

    def step() -> Any:
        books.n += 1
        x[...] = kernels.leaky_relu(kernels.matmul(x, w), 0.2) * np.float32(0.1) + x
        return (x * x).mean()

    captured = Captured(step, books, cupy.cuda)
    for _ in range(10):
        captured()
        foreign = [cupy.full((64, 64), cupy.nan, np.float32) for _ in range(50)]
        del foreign
    recorded, loss = x.get(), float(captured())
    assert captured.why_not is None and books.n == 11
    x[...] = start
    for _ in range(10):
        step()
    assert x.get().tobytes() == recorded.tobytes()
    assert float(step()) == loss


def test_features_and_distances_are_those_of_the_cpu(gpu: Device) -> None:
    images = data.load("mnist-10k").images
    found = []
    for on in (CPU, gpu):
        extractor = features.get("lenet-mnist-v1").to_device(on)
        seen = [extractor(images[start : start + 2000]).features for start in (0, 5000)]
        found.append((seen, frechet_distance(*map(Statistics.of, seen), on=on).value))
    (here, near), (there, far) = found
    np.testing.assert_allclose(there[0], here[0], rtol=1e-3, atol=1e-3)
    assert far == pytest.approx(near, rel=1e-3)


def test_the_root_by_products_alone_has_the_digits_of_the_cpus(gpu: Device) -> None:
    rng = np.random.default_rng(0)
    S1, S2 = (np.cov(rng.normal(size=(1500, 300)) @ rng.normal(size=(300, 300)), rowvar=False) for _ in range(2))
    here = sqrtm_product(S1, S2, root=True)
    there = sqrtm_product(gpu.asarray(S1), gpu.asarray(S2), root=True, method="polar-schulz")
    assert there.trace == pytest.approx(here.trace, rel=1e-10) and there.status in ("converged", "trace")
    np.testing.assert_allclose(there.root.get(), here.root, rtol=0, atol=1e-8 * np.abs(here.root).max())
