"""The examples run as their first lines say, here at a tiny size."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import strict

from minigan.checks import small_pair

ROOT = Path(__file__).parent.parent


def run(example: str, *flags: str, folder: Path) -> str:
    """Standard output of one example, started in an empty folder; a failure shows what it said."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / example), *flags]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("objective", "steps"), [("nonsaturating", 7), pytest.param("wgan-gp", 2, marks=pytest.mark.slow)]
)
def test_the_digits_leave_their_pictures_and_go_on_where_they_stopped(
    tmp_path: Path, objective: str, steps: int
) -> None:
    thin = ["--width", "0.05", "--epochs", "0.02", "--objective", objective]
    said = run("mnist_gan.py", *thin, "--out", "run", folder=tmp_path)
    for name in ("samples.png", "losses.png", "training.gif"):
        assert (tmp_path / "run" / name).is_file()
        assert name in said
    assert "output shape" in said  # the networks' tables
    assert "minigan sample run" in said
    assert "health: nothing unusual" in said
    assert "All of it as one page: run/report.html" in said
    assert (tmp_path / "run" / "report.html").stat().st_size < 5e6
    assert said.splitlines()[-1].startswith("FID ") and (tmp_path / "run" / "scores.json").is_file()
    assert f"{steps} steps" in run("mnist_gan.py", "--resume", "run", "--epochs", "0.04", folder=tmp_path)


def test_a_wrong_flag_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "mnist_gan.py"), "--data", "mnits"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [done.stderr.strip()]
    assert "unknown data set 'mnits'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_ring_counts_its_gaussians(tmp_path: Path) -> None:
    said = run("ring.py", "--epochs", "0.02", "--out", "run", folder=tmp_path)
    assert "of 8 Gaussians" in said
    assert (tmp_path / "run" / "ring.png").is_file()


def test_the_penalty_is_watched(tmp_path: Path) -> None:
    said = run("wgan_gp.py", "--width", "0.05", "--epochs", "0.02", "--out", "run", folder=tmp_path)
    assert "critic.png" in said
    assert (tmp_path / "run" / "critic.png").is_file()


@pytest.mark.slow
def test_recipes_are_compared(tmp_path: Path) -> None:
    said = run("compare_recipes.py", "--seconds", "0.5", "--only", "narrow", "hinge", folder=tmp_path)
    assert "recognised" in said
    assert {line.split()[0] for line in said.splitlines()[-2:]} == {"narrow", "hinge"}


def test_the_watched_norm_is_the_same_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    watch = importlib.import_module("wgan_gp").gradient_norm
    rng = np.random.default_rng(0)
    _, D = small_pair(rng, None)
    real, fake = rng.normal(size=(2, 5, 6, 6, 1))
    here = watch(D, real, fake, np.random.default_rng(1))
    D.convert(strict.to_device)
    there = watch(D, strict.to_device(real), strict.to_device(fake), np.random.default_rng(1))
    assert there == pytest.approx(here, rel=1e-12) and here > 0
