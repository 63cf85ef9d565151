"""A run records its data, its length and its versions; and a start that fails leaves nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny_runs import SIZE, assert_same_arrays, last_arrays, resumed, tiny, trained

from minigan import Trainer, plots
from minigan.cli import main
from minigan.data import Dataset
from minigan.runs import changes, checkpoint, fingerprint
from minigan.runs.folder import Run


@pytest.fixture
def own(pictures: Path, tmp_path: Path) -> Path:
    """The tiny pictures, to be changed."""
    return Path(shutil.copytree(pictures, tmp_path / "own"))


def repainted(picture: Path) -> None:
    Image.fromarray(np.full((SIZE, SIZE), 200, np.uint8)).save(picture)


CHANGES: dict[str, Callable[[Path], object]] = {
    "real had 48 samples and has 47": lambda own: (own / "07.png").unlink(),
    "real had 48 samples and has 49": lambda own: shutil.copy(own / "07.png", own / "99.png"),
    "real has as many samples as before, but not the same ones": lambda own: repainted(own / "07.png"),
    "real has as many samples as before, but not the same": lambda own: (own / "07.png").rename(own / "99.png"),
}


def test_changed_data_are_named_and_refused_and_with_the_old_ones_a_run_continues_as_if_nothing_had_happened(
    own: Path, pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    trained(tiny(own, epochs=1), run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for words, change in CHANGES.items():
        change(own)
        with pytest.raises(ValueError, match=f"{words}.*--allow-changes"):
            Trainer.resume(run, {"epochs": 2}, quiet=True)
        shutil.rmtree(own)
        shutil.copytree(pictures, own)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    resumed(run, choices={"epochs": 2})
    trained(tiny(own), tmp_path / "whole")
    assert_same_arrays(last_arrays(run), last_arrays(tmp_path / "whole"))


def test_a_run_finds_its_data_again_where_they_were_moved_to(own: Path, pictures: Path, tmp_path: Path) -> None:
    run, moved = tmp_path / "run", tmp_path / "moved"
    trained(tiny(own, epochs=1), run)
    own.rename(moved)
    with pytest.raises(FileNotFoundError, match="own: no such folder"):
        Trainer.resume(run, quiet=True)
    with pytest.raises(ValueError, match="cannot change data"):
        repainted(moved / "07.png")
        Trainer.resume(run, {"data": str(moved)}, quiet=True)
    shutil.copy(pictures / "07.png", moved)
    Trainer.resume(run, {"data": moved}, quiet=True).run.lock.release()
    resumed(run, choices={"epochs": 2})
    trained(tiny(pictures), tmp_path / "whole")
    assert_same_arrays(last_arrays(run), last_arrays(tmp_path / "whole"))
    assert [entry["changed"]["data"] for entry in changes.recorded(run)[:1]] == [[str(own), str(moved)]]


def test_allowed_changes_of_the_data_are_recorded_and_stay_allowed(own: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained(tiny(own, epochs=1), run)
    (own / "07.png").unlink()
    Trainer.resume(run, {"epochs": 2}, allow_changes=True, quiet=True).run.lock.release()
    resumed(run)  # without asking again, though no checkpoint has been written since
    (entry,) = [entry["changed"] for entry in changes.recorded(run) if "data of real" in entry["changed"]]
    assert [data["samples"] for data in entry["data of real"]] == [48, 47]
    resumed(run, choices={"epochs": 3})


def test_a_checkpoint_without_a_record_of_its_data_continues(pictures: Path, tmp_path: Path) -> None:
    trained(tiny(pictures, epochs=1), tmp_path / "run")
    path = Run.open(tmp_path / "run").checkpoints()[-1]
    arrays, numbers = checkpoint.load(path)
    assert numbers.pop("data")["real"]["samples"] == 48
    checkpoint.save(path, arrays, numbers)
    assert resumed(tmp_path / "run", choices={"epochs": 2}).step == 12


def test_a_fingerprint_depends_on_all_that_is_known_of_the_samples() -> None:
    images, labels = np.arange(24, dtype=np.uint8).reshape(6, 2, 2, 1), np.arange(6) % 2
    base = Dataset("a", images, labels, "")
    prints = [
        fingerprint.of({"real": data})["real"]["sha256"]
        for data in (
            base,
            Dataset("a", images, None, ""),
            Dataset("a", images, labels[::-1].copy(), ""),
            Dataset("a", images[::-1], labels, ""),
            Dataset("a", images, labels, "", captions=(("x",),) * 6),
            Dataset("a", images, labels, "", classes=("cat", "dog")),
            Dataset("a", images, labels, "", attributes={"age": np.zeros(6, np.float32)}),
        )
    ]
    assert len(set(prints)) == len(prints)
    assert fingerprint.of({"real": Dataset("b", images[:, ::1], labels, "elsewhere")})["real"]["sha256"] == prints[0]


def test_fewer_epochs_than_are_done_are_refused_before_anything_is_written(pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained(tiny(pictures), run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"has done 12 steps, and 1 epochs are 6: --epochs must be at least"):
        Trainer.resume(run, {"epochs": 1}, quiet=True)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_rates_that_jump_and_other_versions_are_reported_when_a_run_continues(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    trained(tiny(pictures, decay=1.0, d_lr=1e-3, g_lr=1e-3, epochs=1), run)
    (run / "versions.json").write_text(json.dumps({"numpy": "1.0.0"}))
    trainer = Trainer.resume(run, {"epochs": 2}, quiet=True)
    trainer.run.lock.release()
    rates, versions = trainer.notes
    assert "with 2 epochs in place of 1 they jump at step 6, D from 0 to 0.0005, G from 0 to 0.0005" in rates
    assert versions.startswith("versions: numpy 1.0.0 then, ")
    trainer.introduce()
    assert rates in capsys.readouterr().out
    trained(tiny(pictures, epochs=1), tmp_path / "flat")
    assert resumed(tmp_path / "flat", choices={"epochs": 2}).notes == ()


def words(pictures: Path, out: Path, *more: str) -> list[str]:
    base = f"train --model dcgan --width 0.05 --data {pictures} --size {SIZE} --epochs 2 --batch-size 8 --threads 1"
    return [*base.split(), "--out", str(out), *more]


def test_a_start_that_fails_leaves_nothing_that_blocks_the_next_try(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, empty = tmp_path / "run", tmp_path / "empty"
    empty.mkdir()
    drawn = plots.save_grid
    monkeypatch.setattr(plots, "save_grid", lambda *a, **k: drawn(tmp_path / "x.jpg", *a[1:], **k))  # the first picture
    for folder in (out, empty):
        with pytest.raises(SystemExit):
            main(words(pictures, folder))
    monkeypatch.setattr(plots, "save_grid", drawn)
    for mistake in (["--lr", "1e30"], ["--hyper", "rho=1"], ["--batch-size", "49"], ["--optimizer", "x"]):
        with pytest.raises(SystemExit):
            main(words(pictures, out, *mistake))
    assert not out.exists() and list(empty.iterdir()) == []
    assert main(words(pictures, out)) == 0


def test_a_run_that_fails_later_keeps_what_it_has(pictures: Path, tmp_path: Path) -> None:
    def fails_at_11(trainer: Trainer) -> None:
        if trainer.step == 11:
            raise ValueError("a hook that fails")

    with pytest.raises(ValueError, match="a hook that fails"):
        trained(tiny(pictures, epochs=4), tmp_path / "run", hooks=[fails_at_11])
    assert resumed(tmp_path / "run").step == 24


def test_what_cannot_be_drawn_at_the_end_is_reported_and_the_rest_is_drawn(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ImportError("no fonts here")

    trainer = trained(tiny(pictures, epochs=1), tmp_path / "run")
    monkeypatch.setattr(plots, "save_curves", broken)
    with pytest.warns(RuntimeWarning, match=r"losses\.png is not written: ImportError: no fonts here"):
        done = trainer.finish()
    assert "samples.png" in done and "training.gif" in done and "losses.png" not in done
    assert {"samples.png", "training.gif"} <= {path.name for path in (tmp_path / "run").iterdir()}
    monkeypatch.setattr("minigan.plots.library.load", broken)
    with pytest.warns(RuntimeWarning, match=r"losses\.png will be missing, matplotlib does not work"):
        trainer.introduce()
