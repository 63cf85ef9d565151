"""The examples run as their first lines describe, at a tiny size, and train with the functions of training/steps.py."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import GAN, Config, Trainer, data, discriminator_step, generator_step, objectives
from minigan.checks import small_pair
from minigan.data import Dataset
from minigan.runs import checkpoint
from minigan.watch import verdict

ROOT = Path(__file__).parent.parent


def run(example: str, *flags: str, folder: Path) -> str:
    """Standard output of one example, started in an empty folder; a failure shows its output."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / example), *flags]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Examples as modules."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return importlib.import_module


def counted(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> Counter[str]:
    """How often the module calls the two functions of training/steps.py, from here on."""
    calls: Counter[str] = Counter()

    def counting(step: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(step)
        def call(*arguments: Any) -> Any:
            calls[step.__name__] += 1
            return step(*arguments)

        return call

    for step in (discriminator_step, generator_step):
        assert getattr(module, step.__name__) is step
        monkeypatch.setattr(module, step.__name__, counting(step))
    return calls


def small(objective: str, folder: Path, **choices: Any) -> Trainer:
    """A few steps on points; the narrowest networks that there are, where `choices` name images."""
    tiny = {"data": "ring", "epochs": 0.01, "hidden": 8}
    if "data" in choices:
        tiny = {"epochs": 0.02, "width": 0.05}
    return Trainer.start(Config(**{"objective": objective, **tiny, **choices}), folder, quiet=True)


def gan(trainer: Trainer) -> GAN:
    assert type(trainer.system) is GAN
    return trainer.system


def assert_same_bits(one: Trainer, other: Trainer) -> None:
    arrays, others = one.system.arrays(), other.system.arrays()
    assert arrays.keys() == others.keys()
    assert [name for name in arrays if not np.array_equal(arrays[name], others[name])] == []


IMAGES = {"data": "mnist-10k"}


@pytest.mark.parametrize(
    ("objective", "choices"),
    [
        *((name, {}) for name in objectives.names()),
        ("minimax", {"same_noise": True, "n_critic": 2, "average": 0.9}),
        ("nonsaturating", {**IMAGES, "threads": 2}),
        ("ragan", {**IMAGES, "threads": 2, "same_noise": True, "penalty": "r1"}),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_the_visible_loop_and_the_command_end_with_the_same_bits(
    imported: Callable[[str], ModuleType], tmp_path: Path, objective: str, choices: dict[str, Any]
) -> None:
    first, second = (small(objective, tmp_path / name, **choices) for name in ("loop", "command"))
    start = {name: array.copy() for name, array in first.system.arrays().items()}
    imported("mnist_gan").train(first, gan(first))
    second.train()
    assert_same_bits(first, second)
    assert any(not np.array_equal(array, start[name]) for name, array in first.system.arrays().items())
    assert first.losses == second.losses and first.draw.seen == second.draw.seen


@pytest.mark.parametrize(("objective", "critic"), [("minimax", 1), ("wgan-gp", 2), ("gmmn", 0)])
def test_the_visible_loop_calls_the_two_steps(
    imported: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    objective: str,
    critic: int,
) -> None:
    trainer, calls = small(objective, tmp_path / "run"), counted(monkeypatch, imported("mnist_gan"))
    imported("mnist_gan").train(trainer, gan(trainer))
    assert trainer.total > 1
    assert calls == +Counter(discriminator_step=critic * trainer.total, generator_step=trainer.total)


def test_the_watched_critic_is_trained_by_the_two_steps_as_the_command_trains_it(
    imported: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module, images = imported("wgan_gp"), {**IMAGES, "n_critic": 2}
    first, second = (small("wgan-gp", tmp_path / name, **images) for name in ("watched", "command"))
    calls = counted(monkeypatch, module)
    watched = module.train(first, gan(first))
    second.train()
    assert calls == {"discriminator_step": 2 * first.total, "generator_step": first.total}
    assert_same_bits(first, second)
    assert [step for step, _, _ in watched] == [0]
    assert all(np.isfinite(numbers).all() and numbers[1] > 0 for numbers in watched)


def test_the_step_of_the_benchmark_is_the_two_steps(
    imported: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = imported("benchmark_minigan")
    calls, played = counted(monkeypatch, importlib.import_module("minigan.systems.gan")), module.Played("mlp", 4, 1)
    played.step()
    played.step()
    assert calls == {"discriminator_step": 2, "generator_step": 2}


def test_the_recipe_of_the_digits_is_the_default_one(imported: Callable[[str], ModuleType]) -> None:
    recipe = imported("mnist_gan").RECIPE
    assert recipe == Config()


@pytest.mark.filterwarnings("ignore:.*the covariance is singular")  # so few samples
def test_objects_of_ones_own_train_continue_where_they_stopped_and_are_scored(
    imported: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module, digits = imported("own_gan"), data.load("mnist-10k")
    few = Dataset(digits.name, digits.images[:192], digits.labels[:192], digits.source)
    monkeypatch.setattr(module.data, "load", lambda name: few)  # an epoch has three steps
    monkeypatch.setattr(verdict, "SAMPLES", 100)

    def main(*flags: str) -> None:
        monkeypatch.setattr(sys, "argv", ["own_gan.py", *flags])
        module.main()

    main("--epochs", "2", "--out", str(tmp_path / "whole"))
    d_loss, calls = module.Hinge.d_loss, []

    def stopped(objective: Any, a: np.ndarray, b: np.ndarray) -> Any:
        calls.append(len(a))
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return d_loss(objective, a, b)

    with monkeypatch.context() as patch:
        patch.setattr(module.Hinge, "d_loss", stopped)
        with pytest.raises(KeyboardInterrupt, match="stopped after step"):
            main("--epochs", "2", "--out", str(tmp_path / "cut"))
    assert not (tmp_path / "cut" / "checkpoints" / "step-000006.npz").exists()
    main("--resume", str(tmp_path / "cut"))
    whole, cut = (checkpoint.load(tmp_path / name / "checkpoints" / "step-000006.npz") for name in ("whole", "cut"))
    assert whole[0].keys() == cut[0].keys() and whole[1]["counts"] == cut[1]["counts"]
    assert [name for name in whole[0] if not np.array_equal(whole[0][name], cut[0][name])] == []
    scores = [json.loads((tmp_path / name / "scores.json").read_text())["scores"] for name in ("whole", "cut")]
    assert scores[0] == scores[1] and scores[0][0]["protocol"]["metric"] == "fid"


@pytest.mark.parametrize(
    ("objective", "steps"), [("nonsaturating", 7), pytest.param("wgan-gp", 2, marks=pytest.mark.slow)]
)
def test_the_digits_leave_their_pictures_and_continue_where_they_stopped(
    imported: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    objective: str,
    steps: int,
) -> None:
    def main(*flags: str) -> str:
        monkeypatch.setattr(sys, "argv", ["mnist_gan.py", *flags])
        imported("mnist_gan").main()
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verdict, "SAMPLES", 500)
    printed = main("--width", "0.05", "--epochs", "0.02", "--objective", objective, "--out", "run")
    for name in ("samples.png", "losses.png", "training.gif"):
        assert (tmp_path / "run" / name).is_file()
        assert name in printed
    assert "output shape" in printed  # the networks' tables
    assert "minigan sample run" in printed
    assert "health: nothing unusual" in printed
    assert "All of it as one page: run/report.html" in printed
    assert (tmp_path / "run" / "report.html").stat().st_size < 5e6
    assert "\nFID " in printed and (tmp_path / "run" / "scores.json").is_file()
    assert f"{steps} steps" in main("--resume", "run", "--epochs", "0.04")


def test_a_wrong_flag_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "mnist_gan.py"), "--data", "mnits"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [done.stderr.strip()]
    assert "unknown data set 'mnits'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_ring_counts_its_gaussians(tmp_path: Path) -> None:
    printed = run("ring.py", "--epochs", "0.02", "--out", "run", folder=tmp_path)
    assert "of 8 Gaussians" in printed
    assert (tmp_path / "run" / "ring.png").is_file()


def test_the_penalty_is_watched(tmp_path: Path) -> None:
    printed = run("wgan_gp.py", "--width", "0.05", "--epochs", "0.02", "--out", "run", folder=tmp_path)
    assert "critic.png" in printed
    assert (tmp_path / "run" / "critic.png").is_file()


@pytest.mark.slow
def test_recipes_are_compared(tmp_path: Path) -> None:
    printed = run("compare_recipes.py", "--seconds", "0.5", "--only", "narrow", "hinge", folder=tmp_path)
    assert "recognised" in printed
    assert {line.split()[0] for line in printed.splitlines()[-2:]} == {"narrow", "hinge"}


def test_the_watched_norm_is_the_same_on_a_gpu(imported: Callable[[str], ModuleType]) -> None:
    watch = imported("wgan_gp").gradient_norm
    rng = np.random.default_rng(0)
    _, D = small_pair(rng, None)
    real, fake = rng.normal(size=(2, 5, 6, 6, 1))
    here = watch(D, real, fake, np.random.default_rng(1))
    D.convert(strict.to_device)
    there = watch(D, strict.to_device(real), strict.to_device(fake), np.random.default_rng(1))
    assert there == pytest.approx(here, rel=1e-12) and here > 0
