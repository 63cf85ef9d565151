"""Runs on a GPU that is not there: the strict stand-in takes its place, from the first step to the last file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import gpu_machine, strict
from support.tiny_runs import KINDS, assert_same_arrays, last_arrays, tiny, trained

from minigan.runs import checkpoint
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
    here = {name for name, array in run.system.arrays().items() if not isinstance(array, strict.StrictArray)}
    assert here == ({"saved/objective/d_steps"} if "lazy" in kind else set())  # a count chooses the form of a turn
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


@pytest.mark.parametrize("kind", ["dcgan, wgan-gp", "ragan", "gmmn of samples", "cramer"])
def test_a_run_that_meets_the_end_of_the_memory_tries_steps_of_its_own(
    kind: str, machine: gpu_machine.Machine, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Trainer.start(config(pictures, kind), tmp_path / "run", quiet=True)
    G = run.system.players["G"].network
    forward, limit = G.forward, 5 * run.system.objective.fakes

    def crowded(z: Any, *train: Any) -> Any:
        if len(z) > limit:
            raise MemoryError(f"Out of memory allocating {len(z)} bytes")
        return forward(z, *train)

    monkeypatch.setattr(G, "forward", crowded)
    with pytest.raises(MemoryError, match=r"step of --batch-size 8: 3\.0 of 80\.0 GiB .* fits: --batch-size 4$"):
        run.train()
    assert run.run.checkpoints() == [] and machine.released == 1
