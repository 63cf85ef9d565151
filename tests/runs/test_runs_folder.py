"""The folder of a run: laid out, never overwritten, and sound after a crash."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import plain

from minigan.runs import changes
from minigan.runs.folder import Run
from minigan.training.config import Config

ARRAYS = {"w": np.arange(4, dtype=np.float32)}
NUMBERS: dict[str, Any] = {"seconds": 0.5, "counts": {}, "sample_shape": [2]}


def created(folder: Path | None, config: Config) -> Run:
    run = Run.create(folder, config)
    run.write()
    return run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return created(tmp_path / "run", plain(seed=3))


def save(run: Run, *steps: int) -> None:
    for step in steps:
        run.save(step, {"w": ARRAYS["w"] + step}, NUMBERS)


def test_a_new_run_has_its_config_and_two_empty_folders(run: Run) -> None:
    assert sorted(path.name for path in run.folder.iterdir()) == ["checkpoints", "config.json", "samples"]
    assert not any((run.folder / "samples").iterdir()) and not any((run.folder / "checkpoints").iterdir())
    assert (run.folder / "config.json").read_text() == plain(seed=3).dump()


def test_what_is_created_is_opened(run: Run) -> None:
    assert Run.open(run.folder).config == plain(seed=3)


def test_folders_above_the_run_are_made(tmp_path: Path) -> None:
    assert created(tmp_path / "a" / "b" / "run", Config()).folder.is_dir()


def test_an_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    created(tmp_path, Config())
    assert Run.open(tmp_path).config == Config()


def test_a_run_is_never_overwritten(run: Run) -> None:
    before = (run.folder / "config.json").read_bytes()
    with pytest.raises(ValueError, match=r"run exists already: choose another --out, or .* --resume .*run"):
        Run.create(run.folder, Config())
    assert (run.folder / "config.json").read_bytes() == before


def test_a_folder_with_anything_in_it_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all my work")
    with pytest.raises(ValueError, match="exists already"):
        Run.create(tmp_path, Config())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_instead_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(ValueError, match="exists already"):
        Run.create(tmp_path / "run", Config())
    assert (tmp_path / "run").read_text() == "a file"


def test_without_a_folder_a_run_is_named_after_time_model_and_objective(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda form: "20260102-120000")
    folders = [created(None, Config(model="dcgan", objective="wgan-gp")).folder for _ in range(3)]
    name = "20260102-120000-dcgan-wgan-gp"
    assert folders == [Path("runs") / name, Path("runs") / f"{name}-2", Path("runs") / f"{name}-3"]


def test_a_folder_that_is_not_a_run_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{tmp_path.name} is not the folder of a run: it has no config.json"):
        Run.open(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere is not the folder of a run"):
        Run.open(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00"])
def test_a_damaged_config_is_refused_with_its_path(run: Run, content: bytes) -> None:
    (run.folder / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json: not a configuration"):
        Run.open(run.folder)


def test_the_log_gives_back_what_was_added(run: Run) -> None:
    assert run.log() == []
    entries = [{"step": 10, "d_loss": 0.1}, {"step": 20, "d_loss": 1e-30}]
    for entry in entries:
        run.append(entry)
    assert run.log() == entries


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_last_line_that_was_cut_short_is_left_out(run: Run, cut: int) -> None:
    run.append({"step": 10})
    run.append({"step": 20})
    path = run.folder / "log.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert run.log() == [{"step": 10}]
    run.forget_after(20)
    run.append({"step": 30})
    assert [entry["step"] for entry in run.log()] == [10, 30]


def test_a_broken_line_in_the_middle_of_the_log_is_refused_with_its_place(run: Run) -> None:
    (run.folder / "log.jsonl").write_text('{"step": 10}\n{"ste\n{"step": 30}\n')
    with pytest.raises(ValueError, match=r"log\.jsonl, line 2: not JSON"):
        run.log()


def test_forgetting_drops_log_points_and_pictures_after_the_step(run: Run) -> None:
    for step in (0, 10, 20, 30):
        run.append({"step": step})
        run.picture(step).write_bytes(b"picture")
    run.forget_after(20)
    assert [entry["step"] for entry in run.log()] == [0, 10, 20]
    assert run.pictures() == [run.picture(step) for step in (0, 10, 20)]


def test_forgetting_moves_checkpoints_after_the_step_out_of_the_way(run: Run) -> None:
    """They could not be read, or the run would use them; under their names they would count as the newest."""
    save(run, 6, 12)
    run.forget_after(6)
    assert sorted(path.name for path in (run.folder / "checkpoints").iterdir()) == [
        "step-000006.npz",
        "step-000012.damaged",
    ]


def test_forgetting_sweeps_up_files_that_a_killed_process_left_unfinished(run: Run) -> None:
    save(run, 6)
    debris = run.folder / "checkpoints" / ".step-000012.npz.0123abcd.part"
    debris.write_bytes(b"half a checkpoint")
    run.forget_after(6)
    assert not debris.exists()


def test_forgetting_removes_old_checkpoints_that_a_killed_process_had_no_time_to_remove(run: Run) -> None:
    save(run, 6, 12, 18)
    (run.folder / "checkpoints" / "step-000003.npz").write_bytes(b"old")
    run.forget_after(18)
    assert [path.name for path in run.checkpoints()] == ["step-000006.npz", "step-000012.npz", "step-000018.npz"]


def test_pictures_and_checkpoints_are_in_the_order_of_their_steps(run: Run) -> None:
    for step in (1_000_000, 20, 999_999):
        run.picture(step).touch()
    assert run.pictures() == [run.picture(step) for step in (20, 999_999, 1_000_000)]
    save(run, 999_999, 1_000_000)
    assert [path.name for path in run.checkpoints()] == ["step-999999.npz", "step-1000000.npz"]


def test_a_file_of_the_users_beside_the_checkpoints_is_not_a_checkpoint(run: Run) -> None:
    save(run, 6)
    (run.folder / "checkpoints" / "step-best.npz").write_bytes(b"mine")
    (run.folder / "samples" / "step-000006 copy.png").write_bytes(b"mine")
    assert [path.name for path in run.checkpoints()] == ["step-000006.npz"]
    assert run.pictures() == []


def test_the_newest_three_checkpoints_are_kept(run: Run) -> None:
    save(run, 6, 12, 18, 24)
    kept = sorted(path.name for path in (run.folder / "checkpoints").iterdir())
    assert kept == ["step-000012.npz", "step-000018.npz", "step-000024.npz"]


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_as_many_checkpoints_as_asked_for_are_kept_and_the_best_one(tmp_path: Path, keep: int) -> None:
    run = created(tmp_path / "run", Config(keep=keep))
    save(run, 6)
    run.keep_best(run.checkpoints()[0], {"step": 6, "fid": 1.0})
    save(run, 12, 18, 24, 30, 36, 42)
    assert [int(path.stem[5:]) for path in run.checkpoints()] == [12, 18, 24, 30, 36, 42][-keep:]
    assert run.best()[2]["score"] == {"step": 6, "fid": 1.0}


def test_a_run_keeps_at_least_one_checkpoint() -> None:
    with pytest.raises(ValueError, match="at least 1 checkpoint, got 0"):
        Config(keep=0)


def test_no_old_checkpoint_is_touched_before_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = created(tmp_path / "run", Config(keep=1))
    save(run, 6)
    before = run.checkpoints()[0].read_bytes()
    seen: list[list[str]] = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".npz":
            seen.append([p.name for p in run.checkpoints()])
            assert path.read_bytes() == before and run.latest()[2]["step"] == 12
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    save(run, 12)
    assert seen == [["step-000006.npz", "step-000012.npz"]]


def test_a_checkpoint_holds_the_choices_of_its_run(run: Run) -> None:
    save(run, 6)
    assert Config.load(json.dumps(run.latest()[2]["config"]), Path()) == run.config


def test_a_checkpoint_that_cannot_be_written_costs_no_older_one(run: Run) -> None:
    save(run, 6, 12)
    with pytest.raises(FloatingPointError):
        run.save(18, {"w": np.array([np.nan])}, {})
    assert [path.name for path in run.checkpoints()] == ["step-000006.npz", "step-000012.npz"]


def test_the_latest_checkpoint_is_the_newest(run: Run) -> None:
    save(run, 6, 12)
    path, arrays, numbers = run.latest()
    assert path.name == "step-000012.npz"
    np.testing.assert_array_equal(arrays["w"], ARRAYS["w"] + 12)
    assert numbers == {"step": 12, **NUMBERS, "config": json.loads(run.config.dump())}


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_taken(run: Run) -> None:
    save(run, 6, 12)
    newest = run.checkpoints()[-1]
    newest.write_bytes(newest.read_bytes()[:-40])
    with pytest.warns(RuntimeWarning, match=r"step-000012\.npz: .*falling back"):
        path, arrays, _ = run.latest()
    assert path.name == "step-000006.npz"
    np.testing.assert_array_equal(arrays["w"], ARRAYS["w"] + 6)


@pytest.mark.filterwarnings("ignore:.*falling back:RuntimeWarning")
def test_a_run_without_a_readable_checkpoint_is_reported(run: Run) -> None:
    with pytest.raises(FileNotFoundError, match=r"run has no readable checkpoint$"):
        run.latest()
    save(run, 6, 12)
    for path in run.checkpoints():
        path.write_bytes(b"")
    with pytest.raises(
        FileNotFoundError, match=r"run has no readable checkpoint: .*step-000006\.npz: not a checkpoint"
    ):
        run.latest()


def test_the_best_checkpoint_is_the_last_resort(run: Run) -> None:
    save(run, 6, 12)
    run.keep_best(run.checkpoints()[0], {"step": 6})
    run.checkpoints()[0].unlink()
    run.checkpoints()[0].write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="falling back"):
        path, _, numbers = run.latest()
    assert (path.name, numbers["step"]) == ("best.npz", 6)
    run.forget_after(6)
    assert run.ways_back() == [path]


def test_two_that_start_in_one_folder_do_not_both_get_it(tmp_path: Path) -> None:
    first, second = (Run.create(tmp_path / "run", Config(seed=seed)) for seed in (1, 2))
    first.begin()
    with pytest.raises(ValueError, match="run exists already"):
        second.begin()
    assert Run.open(tmp_path / "run").config.seed == 1


def test_what_a_process_leaves_that_was_killed_before_it_wrote_a_config_does_not_stand_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/minigan", "train", "--objective", "hinge", "--out", "my runs/a"])
    first = Run.create(tmp_path / "run", Config())
    first.begin()
    assert (first.folder / "command.txt").read_text() == "minigan train --objective hinge --out 'my runs/a'\n"
    assert json.loads((first.folder / "versions.json").read_text()).keys() >= {"minigan", "python", "numpy", "machine"}
    with pytest.raises(ValueError, match="exists already"):
        Run.create(first.folder, Config())
    first.lock.release()
    (first.folder / "config.json").unlink()
    for name in ("samples", "checkpoints"):
        (first.folder / name).rmdir()
    with pytest.raises(ValueError, match="exists already"):  # without a lock these files are the user's
        Run.create(first.folder, Config())
    (first.folder / "run.lock").touch()
    (first.folder / ".versions.json.0123abcd.part").touch()
    again = Run.create(first.folder, Config())
    again.begin()
    again.lock.release()
    assert Run.open(first.folder).config == Config() and list(first.folder.glob(".*")) == []


def test_a_new_run_is_not_on_disk_before_it_is_written(tmp_path: Path) -> None:
    Run.create(tmp_path / "run", Config())
    assert list(tmp_path.iterdir()) == []


def test_epochs_and_device_of_a_run_may_change_and_are_kept(run: Run) -> None:
    run.change({"epochs": 40.0, "device": "auto"})
    run.write()
    assert Run.open(run.folder).config == plain(seed=3, epochs=40.0, device="auto")


def test_what_would_rewrite_the_past_of_a_run_is_listed_and_refused(run: Run) -> None:
    with pytest.raises(
        ValueError, match="only epochs, device, fork, graph, score_every and keep may change, not d_lr, seed"
    ):
        run.change({"seed": 4, "d_lr": 1.0, "g_lr": 2e-4, "epochs": 40.0})
    assert run.config == plain(seed=3)


def test_with_leave_more_may_change_and_hyper_parameters_are_changed_one_by_one(tmp_path: Path) -> None:
    run = created(tmp_path / "run", plain(objective="fisher", hyper={"rho": 1e-3}))
    run.change({"d_lr": 1.0, "hyper": {"rho": 1e-2}}, allowed=True)
    assert (run.config.d_lr, run.config.hyper) == (1.0, {"rho": 1e-2})
    run.change({"hyper": {"warmup": False}}, allowed=True)
    assert run.config.hyper == {"rho": 1e-2, "warmup": False}


def test_with_leave_the_options_of_a_system_are_changed_one_by_one(tmp_path: Path) -> None:
    run = created(tmp_path / "run", Config(system="stackgan"))
    before = dict(run.config.options)
    run.change({"options": {"pull": 1.0}}, allowed=True)
    assert run.config.options == {**before, "pull": 1.0} != before


def test_what_a_run_is_counted_by_never_changes(run: Run) -> None:
    with pytest.raises(ValueError, match="cannot change data, batch_size: its steps and epochs are counted by that"):
        run.change({"batch_size": 7, "data": "ring", "epochs": 3.0}, allowed=True)
    assert run.config == plain(seed=3)


def test_a_change_that_was_allowed_once_is_known_and_recorded_once(run: Run) -> None:
    run.config = plain(seed=3, d_lr=1e-3, epochs=5.0)
    with pytest.raises(ValueError, match="not d_lr"):
        run.settle(12, plain(seed=3))
    assert not (run.folder / "changes.jsonl").exists()
    run.settle(12, plain(seed=3), allowed=True)
    run.settle(12, plain(seed=3))  # killed before its next checkpoint
    entries = changes.recorded(run.folder)
    assert [(entry["step"], entry["changed"]) for entry in entries] == [
        (12, {"epochs": [20.0, 5.0], "d_lr": [2e-4, 1e-3]})
    ]
    run.settle(6, plain(seed=3))  # fell back to an older checkpoint: from there on, then
    assert [entry["step"] for entry in changes.recorded(run.folder)] == [12, 6]
    run.settle(18, run.config)
    assert len(changes.recorded(run.folder)) == 2
    run.config = plain(seed=3, d_lr=1e-2, epochs=5.0)
    with pytest.raises(ValueError, match="not d_lr"):
        run.settle(18, plain(seed=3, d_lr=1e-3, epochs=5.0))


def test_a_damaged_record_of_changes_is_refused_with_its_path(run: Run) -> None:
    (run.folder / "changes.jsonl").write_text('{"step"\n{}\n')
    with pytest.raises(ValueError, match=r"changes\.jsonl, line 1: not JSON"):
        changes.recorded(run.folder)
