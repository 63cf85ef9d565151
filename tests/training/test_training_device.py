"""Runs on a GPU that is not there: the strict stand-in takes its place, from the first step to the last file."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
from support import gpu_machine, strict
from support.tiny_runs import KINDS, assert_same_arrays, last_arrays, tiny, trained

from minigan.device import CPU, Device
from minigan.runs import checkpoint, memory
from minigan.runs.folder import Run
from minigan.training.config import Config
from minigan.training.trainer import Trainer

ON_A_GPU = {name: choices for name, choices in KINDS.items() if "threads" not in choices}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> gpu_machine.Machine:
    return gpu_machine.install(monkeypatch)


def config(pictures: Path, kind: str, **choices: Any) -> Config:
    return tiny(pictures, **ON_A_GPU[kind] | {"device": "cuda:0"} | choices)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("kind", ON_A_GPU)
def test_every_kind_of_run_goes_through_on_a_gpu(kind: str, pictures: Path, tmp_path: Path) -> None:
    run = trained(config(pictures, kind, epochs=1), tmp_path / "run")
    assert all(isinstance(array, strict.StrictArray) for array in run.system.arrays().values())
    assert run.step == run.total and "samples.png" in run.finish()
    assert run.run.log()[-1]["step"] == run.step


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("here", "there"), [("cpu", "cuda:0"), ("cuda:0", "cpu")])
def test_a_checkpoint_moves_to_another_device_to_the_last_bit(
    here: str, there: str, pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    trained(config(pictures, "average and falling rates", epochs=1, device=here), folder)
    saved = last_arrays(folder)
    moved = Trainer.resume(folder, {"device": there, "epochs": 2}, quiet=True)
    on_device = {isinstance(array, strict.StrictArray) for array in moved.system.arrays().values()}
    assert on_device == {there != "cpu"}
    checkpoint.save(tmp_path / "copy.npz", moved.system.arrays(), {})
    assert_same_arrays(checkpoint.load(tmp_path / "copy.npz")[0], saved)
    moved.train()
    assert moved.step == 12 and Run.open(folder).config.device == there


class SmallGpu:
    """Steps of a GPU whose memory ends beyond so many samples."""

    def __init__(self, fits: int) -> None:
        self.fits, self.tried = fits, []

    def __call__(self, n: int) -> None:
        self.tried.append(n)
        if n > self.fits:
            raise MemoryError(f"Out of memory allocating {n} bytes")


@pytest.mark.parametrize(
    ("batch_size", "fits", "tried", "advice"),
    [
        (512, 100, [256, 128, 64], "A step of 64 samples fits: --batch-size 64"),
        (500, 300, [256], "A step of 256 samples fits: --batch-size 256"),
        (512, 2, [256, 128, 64, 32, 16, 8, 4, 2], "--batch-size 2"),
        (16, 1, [8, 4, 2], "Not even 2 samples fit: take a smaller --width, or --device cpu"),
        (2, 1, [], "Not even 2 samples fit"),
    ],
)
def test_where_the_memory_ends_the_largest_power_of_two_that_fits_is_told(
    machine: gpu_machine.Machine, batch_size: int, fits: int, tried: list[int], advice: str
) -> None:
    step = SmallGpu(fits)
    with pytest.raises(MemoryError) as told, memory.explained(Device("cuda", 1), batch_size, step):
        raise MemoryError("Out of memory allocating 7 bytes")
    assert str(told.value).startswith(
        f"cuda:1 has too little memory for a step of --batch-size {batch_size}: 3.0 of 80.0 GiB are free"
    )
    assert advice in str(told.value) and step.tried == tried
    assert machine.released == 1 + sum(n > fits for n in tried)


def test_memory_is_handed_back_before_anything_is_tried(machine: gpu_machine.Machine) -> None:
    held: list[weakref.ref[Device]] = []

    def step() -> None:
        large = Device("an array of the step that failed")
        held.append(weakref.ref(large))
        raise MemoryError("Out of memory")

    def attempt(n: int) -> None:
        assert held[0]() is None and machine.released == 1

    with pytest.raises(MemoryError, match="--batch-size 4"), memory.explained(Device("cuda"), 8, attempt):
        step()


def test_what_is_no_lack_of_a_gpus_memory_is_left_as_it_is() -> None:
    for device, error in ((CPU, MemoryError("of the system")), (Device("cuda"), ValueError("another"))):
        with pytest.raises(type(error)) as told, memory.explained(device, 8, SmallGpu(1)):
            raise error
        assert told.value is error


@pytest.mark.parametrize("kind", ["dcgan, wgan-gp", "ragan", "gmmn of samples", "cramer"])
def test_a_run_that_meets_the_end_of_the_memory_tries_steps_of_its_own(
    kind: str, machine: gpu_machine.Machine, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Trainer.start(config(pictures, kind), tmp_path / "run", quiet=True)
    forward, limit = run.G.forward, 5 * run.system.objective.fakes

    def crowded(z: Any, *train: Any) -> Any:
        if len(z) > limit:
            raise MemoryError(f"Out of memory allocating {len(z)} bytes")
        return forward(z, *train)

    monkeypatch.setattr(run.G, "forward", crowded)
    with pytest.raises(MemoryError, match=r"step of --batch-size 8: 3\.0 of 80\.0 GiB .* fits: --batch-size 4$"):
        run.train()
    assert run.run.checkpoints() == [] and machine.released == 1
