"""A run that continues keeps its choices, unless somebody asks for a change, which is recorded."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import KINDS, assert_same_run, resumed, tiny, trained

from minigan import objectives
from minigan.cli import main
from minigan.runs import changes
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted
from minigan.training.config import DEFAULTS, Config
from minigan.training.flags import add_flags, from_flags
from minigan.training.trainer import Trainer


def edited(folder: Path, **choices: Any) -> None:
    """As if somebody had changed the file by hand."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | choices))


def recorded(folder: Path) -> list[tuple[int, dict[str, Any]]]:
    return [(entry["step"], entry["changed"]) for entry in changes.recorded(folder)]


@pytest.fixture
def run(pictures: Path, tmp_path: Path) -> Path:
    """A run of one epoch, six steps."""
    trained(tiny(pictures, epochs=1), tmp_path / "run")
    return tmp_path / "run"


def test_a_change_by_hand_is_refused_and_leaves_everything_as_it_is(run: Path) -> None:
    edited(run, d_lr=1e-3, g_lr=1e-3)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="not d_lr, g_lr; --allow-changes allows the others too"):
        Trainer.resume(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_an_allowed_change_is_made_recorded_and_need_not_be_allowed_again(run: Path) -> None:
    trainer = Trainer.resume(run, {"d_lr": 1e-3, "epochs": 2.0}, allow_changes=True, quiet=True)
    assert trainer.schedule.learning_rates(6)["D"] == 1e-3
    assert Run.open(run).config.d_lr == 1e-3
    expected = [(6, {"epochs": [1.0, 2.0], "d_lr": [2e-4, 1e-3]})]
    assert recorded(run) == expected
    trainer.run.lock.release()  # it stops here, without a checkpoint that contains the change
    assert resumed(run).step == 12
    assert recorded(run) == expected
    assert Run.open(run).latest()[2]["config"]["d_lr"] == 1e-3


def test_a_change_before_the_first_checkpoint_is_recorded_too(pictures: Path, tmp_path: Path) -> None:
    Trainer.start(tiny(pictures, epochs=1), tmp_path / "run", quiet=True).run.lock.release()
    resumed_run = Trainer.resume(tmp_path / "run", {"seed": 5}, allow_changes=True, quiet=True)
    resumed_run.train()
    assert recorded(tmp_path / "run") == [(0, {"seed": [0, 5]})]
    trained(tiny(pictures, epochs=1, seed=5), tmp_path / "other")
    np.testing.assert_equal(
        Run.open(tmp_path / "run").log()[-1]["g_loss"], Run.open(tmp_path / "other").log()[-1]["g_loss"]
    )


def test_free_changes_need_no_leave_and_are_recorded(run: Path) -> None:
    resumed_run = Trainer.resume(run, {"epochs": 2.0, "keep": 1}, quiet=True)
    resumed_run.train()
    assert recorded(run) == [(6, {"epochs": [1.0, 2.0], "keep": [3, 1]})]
    assert [path.name for path in Run.open(run).checkpoints()] == ["step-000012.npz"]


def test_a_change_that_does_not_fit_the_checkpoint_is_refused_and_not_recorded(run: Path) -> None:
    with pytest.raises(ValueError, match=r"does not fit this run: D/0\.bias is float32"):
        Trainer.resume(run, {"width": 0.1}, allow_changes=True)
    assert recorded(run) == [] and Run.open(run).config.width == 0.05


def test_the_same_choices_once_more_are_not_a_change(run: Path) -> None:
    resumed_run = Trainer.resume(run, {"seed": 0, "d_lr": 2e-4}, quiet=True)
    resumed_run.train()
    assert recorded(run) == []


def test_the_command_refuses_changes_and_takes_them_with_leave(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--resume", str(run), "--lr", "0.001", "--epochs", "2"]
    with pytest.raises(SystemExit):
        main(words)
    assert "may change, not d_lr, g_lr; --allow-changes" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*words, "--allow-changes", "--batch-size", "4"])
    assert "cannot change batch_size" in capsys.readouterr().err
    assert main([*words, "--allow-changes"]) == 0
    ((step, changed),) = recorded(run)
    assert (step, sorted(changed)) == (6, ["d_lr", "epochs", "g_lr"])


def test_a_new_run_has_nothing_to_allow_and_keeps_as_many_checkpoints_as_asked() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    with pytest.raises(ValueError, match="goes with --resume"):
        from_flags(parser.parse_args(["--allow-changes"]), Config())
    assert from_flags(parser.parse_args(["--keep", "7"]), Config()).keep == 7
    assert from_flags(parser.parse_args(["--keep", "7", "--objective", "wgan"]), Config()).keep == 7
    assert from_flags(parser.parse_args([]), Config()).keep == 3


def test_falling_back_before_a_change_states_that_it_holds_from_there(pictures: Path, tmp_path: Path) -> None:
    def stop(trainer: Trainer) -> None:
        if trainer.step == 15:
            trainer.save()
            raise Interrupted

    with pytest.raises(Interrupted):
        trained(tiny(pictures, epochs=3), tmp_path / "run", hooks=[stop])
    Trainer.resume(tmp_path / "run", {"g_lr": 1e-3}, allow_changes=True, quiet=True).run.lock.release()
    Run.open(tmp_path / "run").checkpoints()[-1].write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="falling back"):
        resumed(tmp_path / "run")
    assert recorded(tmp_path / "run") == [(15, {"g_lr": [2e-4, 1e-3]}), (12, {"g_lr": [2e-4, 1e-3]})]


def test_every_objective_that_remembers_something_is_among_the_runs_that_are_interrupted() -> None:
    remember = set()
    for name in objectives.names():
        rng = {"rng": np.random.default_rng(0)} if "rng" in objectives.hyperparameters(name) else {}
        objective = objectives.get(name, **rng)
        if dict(objective.named_buffers()) or objective.passes:
            remember.add(name)
    assert remember >= {"r1", "fisher", "began", "magan"}
    assert remember <= {kind.get("objective", DEFAULTS["objective"]) for kind in KINDS.values()}


def test_a_run_with_scores_continues_with_the_same_best(tmp_path: Path, pictures: Path) -> None:
    def stop(trainer: Trainer) -> None:
        if trainer.step == 7:
            trainer.save()
            raise Interrupted

    config = tiny(pictures, **KINDS["points"] | {"score_every": 3})
    trained(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        trained(config, tmp_path / "halves", hooks=[stop])
    resumed(tmp_path / "halves")
    assert_same_run(tmp_path / "whole", tmp_path / "halves")
    assert Run.open(tmp_path / "whole").best()[2]["score"] == Run.open(tmp_path / "halves").best()[2]["score"]
