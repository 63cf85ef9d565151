"""A run that was killed, at any moment, continues in another process as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.tiny_runs import KINDS, assert_same_run, resumed, spawn, tiny, trained

from minigan.runs.folder import Run

WAITING = """
import sys, time
from pathlib import Path
from minigan.training.config import Config
from minigan.training.trainer import Trainer

def wait(trainer):
    while trainer.step >= int(sys.argv[3]):
        time.sleep(0.01)

config = Config.load(Path(sys.argv[1]).read_text(), Path(sys.argv[1]))
Trainer.start(config, Path(sys.argv[2]), hooks=[wait], quiet=True).train()
"""  # it never passes the step it waits at, so that a kill always finds it running

SAVING = """
import os, sys, time
from functools import partial
from pathlib import Path
from minigan.training.config import Config
from minigan.training.trainer import Trainer

def slow(folder, descriptor):
    if any(folder.glob(".step-000012.npz.*")):
        time.sleep(60)

def stall(trainer):
    os.fsync = partial(slow, trainer.run.folder / "checkpoints")

config = Config.load(Path(sys.argv[1]).read_text(), Path(sys.argv[1]))
Trainer.start(config, Path(sys.argv[2]), hooks=[stall], quiet=True).train()
"""  # the disk is so slow that a kill always finds the second checkpoint unfinished


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    """SIGKILL, as soon as something has come to pass."""
    while not ready():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def lines(folder: Path) -> int:
    path = folder / "log.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


RESUMING = """
import sys
from pathlib import Path
from minigan.training.trainer import Trainer

Trainer.resume(Path(sys.argv[1]), quiet=True).train()
"""


def resume_elsewhere(folder: Path) -> None:
    """The run in the folder, to its end, in a process of its own."""
    process = spawn("-c", RESUMING, str(folder))
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert "this process takes over" in err and err.count("Warning") == 1, err


@pytest.mark.parametrize("kind", ["dcgan, wgan-gp", "magan, prepared", "gmmn of codes"])
def test_a_killed_run_continues_in_another_process_as_if_it_had_never_stopped(
    pictures: Path, tmp_path: Path, kind: str
) -> None:
    config = tiny(pictures, **KINDS[kind] | {"epochs": 10 if "wgan-gp" in kind else 5})
    (tmp_path / "config.json").write_text(config.dump())
    process = spawn("-c", WAITING, str(tmp_path / "config.json"), str(tmp_path / "killed"), "29")
    kill_when(process, lambda: lines(tmp_path / "killed") >= 2)
    assert Run.open(tmp_path / "killed").checkpoints()
    resume_elsewhere(tmp_path / "killed")
    trained(config, tmp_path / "whole")
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


def test_a_run_killed_before_its_first_checkpoint_begins_again(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, batch_size=2)
    (tmp_path / "config.json").write_text(config.dump())
    process = spawn("-c", WAITING, str(tmp_path / "config.json"), str(tmp_path / "killed"), "22")
    kill_when(process, lambda: lines(tmp_path / "killed") >= 1)
    assert Run.open(tmp_path / "killed").checkpoints() == []
    resume_elsewhere(tmp_path / "killed")
    trained(config, tmp_path / "whole")
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


def test_a_run_killed_while_it_saves_continues_from_the_checkpoint_before_and_clears_up(
    pictures: Path, tmp_path: Path
) -> None:
    config, folder = tiny(pictures), tmp_path / "killed" / "checkpoints"
    (tmp_path / "config.json").write_text(config.dump())
    process = spawn("-c", SAVING, str(tmp_path / "config.json"), str(tmp_path / "killed"))
    kill_when(process, lambda: any(folder.glob(".step-000012.npz.*.part")))
    assert [path.name for path in folder.glob("*.npz")] == ["step-000006.npz"]
    with pytest.warns(RuntimeWarning, match="this process takes over"):
        trainer = resumed(tmp_path / "killed")
    assert sorted(path.name for path in folder.iterdir()) == ["step-000006.npz", "step-000012.npz"]
    assert list(trainer.run.folder.rglob(".*")) == []
    assert not (trainer.run.folder / "run.lock").exists()
    trained(config, tmp_path / "whole")
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


KILLED: dict[str, dict[str, Any]] = {
    "a team of two, fisher, average": {"objective": "fisher", "threads": 2, "n_critic": 2, "average": 0.9, "epochs": 4},
    "points with scores": KINDS["points"] | {"score_every": 3, "keep": 2, "epochs": 1.5},
    "magan, prepared": KINDS["magan, prepared"] | {"epochs": 3, "keep": 1},
    "began, same noise": {"objective": "began", "same_noise": True, "epochs": 3},
}


def kill(pictures: Path, folder: Path, kind: str, trials: int, seed: int = 0) -> dict[str, Any]:
    """The report of support/killing.py."""
    path = folder / "config.json"
    path.write_text(tiny(pictures, **KILLED[kind]).dump())
    process = spawn("-m", "support.killing", str(folder), str(path), str(seed), str(trials))
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


def test_a_few_kills_in_the_midst_of_things_lose_no_checkpoint_and_no_bit(pictures: Path, tmp_path: Path) -> None:
    report = kill(pictures, tmp_path, "began, same noise", 5, seed=7)
    assert report["kills"] >= 5 and report["lost"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KILLED)
def test_kills_in_all_phases_lose_no_checkpoint_and_no_bit(pictures: Path, tmp_path: Path, kind: str) -> None:
    """Over 250 kills in all; what was killed where is printed (pytest -m slow -s -n 0)."""
    report = kill(pictures, tmp_path, kind, 60)
    print(f"\n{kind}: {report}")
    assert report["kills"] >= 60 and report["lost"] == 0
    assert len(report["phases"]) > 20
