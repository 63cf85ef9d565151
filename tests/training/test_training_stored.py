"""Runs that earlier versions of this program have written, kept as they wrote them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import assert_same_arrays, last_arrays, resumed, trained

from minigan import arrays as files
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted
from minigan.scoring.saved_generator import SavedGenerator
from minigan.training.trainer import Trainer

STORED = Path(__file__).parent / "stored"
# What the files hold, whoever reads them: the first digits of a digest of their arrays' values. Names are left out:
# what was "d_optimizer/..." is "D_optimizer/..." now.
READ = {
    "version-2": "106f29a496682788",
    "version-2-scored": "aaa44aacb3be04aa",
    "version-3": "aaa44aacb3be04aa",
    "version-4": "aaa44aacb3be04aa",
}


def fingerprint(arrays: Mapping[str, np.ndarray]) -> str:
    each = sorted(
        hashlib.sha256(f"{array.dtype.str} {array.shape}".encode() + array.tobytes()).hexdigest()
        for array in arrays.values()
    )
    return hashlib.sha256("".join(each).encode()).hexdigest()[:16]


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return shutil.copytree(STORED / request.param, tmp_path / "run")


def test_every_version_that_is_read_has_a_stored_file() -> None:
    names = {path.name for path in STORED.glob("version-*")}
    assert {int(name.split("-")[1]) for name in names} == {1, *checkpoint.READ}
    assert names == {"version-1", *READ}


@pytest.mark.parametrize("name", READ)
def test_a_stored_checkpoint_holds_what_was_saved(name: str) -> None:
    (path,) = Run.open(STORED / name).checkpoints()
    arrays, numbers = checkpoint.load(path)
    assert fingerprint(arrays) == READ[name]
    assert {part.split("/")[0] for part in arrays} == {"D", "D_optimizer", "G", "G_optimizer", "G_average"}
    assert (numbers["step"], numbers["sample_shape"]) == (8, [2])
    assert numbers["seen"] == ({"real": 8} if name == "version-4" else 8)
    assert numbers["counts"] == {"D_optimizer": 8, "G_optimizer": 8, "G_average": 8}


@pytest.mark.parametrize("copy", READ, indirect=True)
def test_a_stored_run_continues_and_is_saved_in_the_present_version(copy: Path) -> None:
    stored = checkpoint.load(Run.open(copy).checkpoints()[-1])[0]
    trainer = Trainer.resume(copy, {"epochs": 0.9}, quiet=True)
    assert trainer.step == 8
    assert_same_arrays({name: np.asarray(array) for name, array in trainer.system.arrays().items()}, stored)
    trainer.train()
    assert trainer.step == 10 and np.isfinite(last_arrays(copy)["G/0.weight"]).all()
    with np.load(Run.open(copy).checkpoints()[-1]) as file:
        assert json.loads(str(file["minigan"]))["version"] == checkpoint.VERSION
    assert SavedGenerator(copy)(3).shape == (3, 2)


@pytest.mark.parametrize("copy", ["version-2-scored", "version-3", "version-4"], indirect=True)
def test_the_best_checkpoint_of_a_stored_run_is_known(copy: Path) -> None:
    _, _, numbers = Run.open(copy).best()
    assert numbers["step"] == numbers["score"]["step"] == 3


@pytest.mark.parametrize("copy", ["version-2"], indirect=True)
def test_choices_that_a_stored_run_did_not_know_are_as_they_were_then(copy: Path) -> None:
    config = Run.open(copy).config
    assert (config.score_every, config.same_noise, config.keep, config.hyper) == (None, False, 3, {})
    assert (config.system, config.d_lr) == ("gan", 2e-4)  # not a recipe's


@pytest.mark.parametrize("copy", ["version-1"], indirect=True)
def test_a_checkpoint_of_version_1_is_refused_by_its_version(copy: Path) -> None:
    words = r"step-000008\.npz: checkpoint of version 1; this minigan reads versions 2, 3 and 4"
    with pytest.raises(ValueError, match=words):
        checkpoint.load(Run.open(copy).checkpoints()[-1])
    with pytest.warns(RuntimeWarning, match=words), pytest.raises(FileNotFoundError, match=words):
        Trainer.resume(copy)


# Runs that version 0.1 stopped after 6 of 12 steps. It made the whole runs as well: expected.json has fingerprints of
# all arrays of the last checkpoint, the updates that were counted, and the losses in the log. The numbers of the run of
# codes were written again when MMD began to subtract a common row before it multiplies: its rounding has changed.
HALVES = STORED / "halves"
EXPECTED: dict[str, Any] = json.loads((HALVES / "expected.json").read_text())


def assert_ends_like(folder: Path, whole: Path, name: str, stored: Mapping[str, np.ndarray], rel: float = 1e-4) -> None:
    """The resumed run is, to the last bit, the `whole` run that this machine made from scratch. So is that of version
    0.1, where this machine rounds as the one did that made it; elsewhere its weights agree within 1e-5."""
    expected = EXPECTED[name]
    assert_same_arrays(last_arrays(folder), last_arrays(whole))
    columns = ("step", "d_loss", "g_loss")
    losses = [[point[name] for name in columns if point.get(name) is not None] for point in Run.open(folder).log()]
    if fingerprint(last_arrays(whole)) == expected["full"]:
        assert losses == expected["losses"]
        return
    for old, array in stored.items():
        ours = last_arrays(folder)[old.replace("average/", "G_average/")]
        np.testing.assert_allclose(
            ours, array, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(array).max())), err_msg=old
        )
    for ours, theirs in zip(losses, expected["losses"], strict=True):
        assert ours == pytest.approx(theirs, rel=rel)


@pytest.mark.parametrize("name", [name for name in EXPECTED if (HALVES / name / "full.npz").exists()])
def test_a_run_that_version_0_1_stopped_ends_like_the_one_it_did_not_stop(
    name: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)  # the data of some of them are called "pictures"
    folder = shutil.copytree(HALVES / name, tmp_path / "run")
    trained(Run.open(folder).config, tmp_path / "whole")
    trainer = Trainer.resume(folder, quiet=True)
    assert (trainer.step, trainer.total) == (6, 12)
    assert fingerprint(trainer.system.arrays()) == EXPECTED[name]["half"]
    trainer.train()
    with np.load(folder / "full.npz") as file:
        assert_ends_like(folder, tmp_path / "whole", name, dict(file))


OLD_NAMES = {
    "autoencoder": "D",
    "autoencoder_optimizer": "d_optimizer",
    "G_optimizer": "g_optimizer",
    "G_average": "average",
}


def old_name(name: str) -> str:
    part, slash, rest = name.partition("/")
    return OLD_NAMES.get(part, part) + slash + rest


def test_a_run_of_codes_that_version_0_1_stopped_ends_like_the_one_it_did_not_stop(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkpoint is too large to be kept, and made anew here, with the names and numbers that version 0.1 wrote."""
    monkeypatch.chdir(pictures.parent)
    name, folder = "gmmn-of-codes", tmp_path / "run"
    shutil.copytree(HALVES / name, folder)
    config = Run.open(folder).config
    trained(config, tmp_path / "whole")

    def stop(trainer: Trainer) -> None:
        if trainer.step == 6:
            trainer.save()
            raise Interrupted

    with pytest.raises(Interrupted):
        trained(config, tmp_path / "half", hooks=[stop])
    half = last_arrays(tmp_path / "half")
    old = {old_name(name): array for name, array in half.items()}
    numbers = json.loads((folder / "numbers.json").read_text())
    (folder / "checkpoints").mkdir()
    path = folder / "checkpoints" / "step-000006.npz"
    files.write(path, old, {"kind": checkpoint.KIND, "version": 3, **numbers})
    assert resumed(folder).step == 12
    as_on_its_machine = fingerprint(half) == EXPECTED[name]["half"]
    assert as_on_its_machine == (fingerprint(last_arrays(folder)) == EXPECTED[name]["full"])
    assert_ends_like(folder, tmp_path / "whole", name, {}, rel=0.3)  # √MMD² near 0 multiplies rounding
