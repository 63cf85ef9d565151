"""Runs that earlier versions of this program have written, kept as they wrote them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.tiny_runs import assert_same_arrays, last_arrays

from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.scoring.saved_generator import SavedGenerator
from minigan.training.trainer import Trainer

STORED = Path(__file__).parent / "stored"
# What the files hold, whoever reads them: the first digits of a digest of their arrays.
READ = {
    "version-2": "f1537adf60c91c29",
    "version-2-scored": "ef249dd8ffbb62b1",
    "version-3": "ef249dd8ffbb62b1",
}


def fingerprint(arrays: dict[str, np.ndarray]) -> str:
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode() + arrays[name].tobytes())
    return found.hexdigest()[:16]


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return shutil.copytree(STORED / request.param, tmp_path / "run")


def test_every_version_that_is_read_has_a_stored_file() -> None:
    versions = {int(path.name.split("-")[1]) for path in STORED.iterdir()}
    assert versions == {1, *checkpoint.READ}
    assert {path.name for path in STORED.iterdir()} == {"version-1", *READ}


@pytest.mark.parametrize("name", READ)
def test_a_stored_checkpoint_holds_what_was_saved(name: str) -> None:
    (path,) = Run.open(STORED / name).checkpoints()
    arrays, numbers = checkpoint.load(path)
    assert fingerprint(arrays) == READ[name]
    assert (numbers["step"], numbers["seen"], numbers["sample_shape"]) == (8, 8, [2])
    assert numbers["counts"] == {"d_optimizer": 8, "g_optimizer": 8, "average": 8}


@pytest.mark.parametrize("copy", READ, indirect=True)
def test_a_stored_run_goes_on_and_is_saved_in_the_present_version(copy: Path) -> None:
    stored = checkpoint.load(Run.open(copy).checkpoints()[-1])[0]
    trainer = Trainer.resume(copy, {"epochs": 0.9}, quiet=True)
    assert trainer.step == 8
    assert_same_arrays({name: np.asarray(array) for name, array in trainer.system.arrays().items()}, stored)
    trainer.train()
    assert trainer.step == 10 and np.isfinite(last_arrays(copy)["G/0.weight"]).all()
    with np.load(Run.open(copy).checkpoints()[-1]) as file:
        assert json.loads(str(file["minigan"]))["version"] == checkpoint.VERSION
    assert SavedGenerator(copy)(3).shape == (3, 2)


@pytest.mark.parametrize("copy", ["version-2-scored", "version-3"], indirect=True)
def test_the_best_checkpoint_of_a_stored_run_is_known(copy: Path) -> None:
    _, _, numbers = Run.open(copy).best()
    assert numbers["step"] == numbers["score"]["step"] == 3


@pytest.mark.parametrize("copy", ["version-2"], indirect=True)
def test_choices_that_a_stored_run_did_not_know_are_as_they_were_then(copy: Path) -> None:
    config = Run.open(copy).config
    assert (config.score_every, config.same_noise, config.keep, config.hyper) == (None, False, 3, {})


@pytest.mark.parametrize("copy", ["version-1"], indirect=True)
def test_a_checkpoint_of_version_1_is_refused_by_its_version(copy: Path) -> None:
    words = r"step-000008\.npz: checkpoint of version 1; this minigan reads versions 2 and 3"
    with pytest.raises(ValueError, match=words):
        checkpoint.load(Run.open(copy).checkpoints()[-1])
    with pytest.warns(RuntimeWarning, match=words), pytest.raises(FileNotFoundError, match=words):
        Trainer.resume(copy)
