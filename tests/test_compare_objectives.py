"""The comparison of all objectives at tiny size: paired, whole, and none lost when one fails or somebody stops it."""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from minigan import Config, Trainer, objective_cards, objectives, plots
from minigan.training import recipes

ROOT = Path(__file__).parent.parent
RING = {"name": "minimax", "found": 7, "modes": 8, "good": 0.934, "seconds": 31.2, "steps": 3000}


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)  # for the processes that train
    return importlib.import_module("compare_objectives")


def flags(comparison: ModuleType, out: Path, *arguments: str) -> argparse.Namespace:
    return comparison.flags_of(["--jobs", "1", "--out", str(out), *arguments])


def tiny(objective: str = "minimax", **choices: Any) -> Config:
    return Config(**{"objective": objective, "data": "ring", "epochs": 0.06, "hidden": 8, **choices})


def test_it_leaves_figure_and_table_in_the_order_of_the_objectives(tmp_path: Path) -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "compare_objectives.py")]
    command += ["--only", "r1", "minimax", "--epochs", "0.06", "--out", "here"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["minimax", "r1"]
    table = json.loads((tmp_path / "here" / "table.json").read_text())
    assert [line["name"] for line in table] == ["minimax", "r1"]
    for line in table:
        assert line.keys() == RING.keys()
        assert line["steps"] == 24
    assert (tmp_path / "here" / "objectives.png").is_file()


def test_a_run_is_looked_at_from_its_beginning_to_its_last_step(comparison: ModuleType, tmp_path: Path) -> None:
    line, row = comparison.run(tiny(), None, None, tmp_path / "run")
    assert line["steps"] == row.total == row.steps[-1] == 24
    assert len(row.steps) == len(row.found) == len(row.good) == comparison.LOOKS
    assert [*row.pictures] == [1, 4, 8, 14, 24]
    assert all(points.shape == (comparison.POINTS, 2) for points in row.pictures.values())
    assert (line["found"], line["modes"], line["good"]) == (row.found[-1], 8, round(row.good[-1], 3))


def test_looking_changes_nothing(comparison: ModuleType, tmp_path: Path) -> None:
    first, second = (comparison.run(tiny(), None, None, tmp_path / name)[1] for name in "ab")
    trainer = Trainer.start(tiny(), tmp_path / "c", quiet=True)
    trainer.train()
    assert np.array_equal(first.pictures[24], second.pictures[24])
    assert np.array_equal(first.pictures[24], comparison.samples(trainer, comparison.POINTS, "points"))


def test_a_run_that_diverges_is_reported_and_stops_no_other(comparison: ModuleType, tmp_path: Path) -> None:
    configs = {"lsgan": tiny("lsgan", d_lr=1e30, g_lr=1e30), "minimax": tiny()}
    results = {
        line["name"]: (line, row) for line, row in comparison.trained(configs, flags(comparison, tmp_path), None)
    }
    broken, row = results["lsgan"]
    assert broken["note"] == row.note == f"not finite at step {broken['steps']}"
    assert "found" not in broken
    assert results["minimax"][0]["steps"] == 24


def test_of_digits_some_are_kept_and_all_are_judged(
    comparison: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "judge", lambda trainer, classifier: {"recognised": 0.6123, "classes": classifier})
    config = Config(objective="hinge", data="mnist-10k", width=0.05, epochs=0.02)
    line, row = comparison.run(config, None, 9, tmp_path / "run")
    assert (line["recognised"], line["classes"]) == (0.612, 9)
    assert row.images.shape == (16, 28, 28, 1)
    assert (row.name, row.note) == ("hinge", "61.2% recognised, 9 classes")


def test_stopping_keeps_what_is_done(
    comparison: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def one(*arguments: Any) -> Iterator[tuple[dict[str, Any], plots.PointsRow]]:
        yield RING, plots.PointsRow("minimax")
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "trained", one)
    monkeypatch.setattr(sys, "argv", ["compare_objectives.py", "--out", str(tmp_path / "here")])
    with pytest.raises(KeyboardInterrupt):
        comparison.main()
    assert json.loads((tmp_path / "here" / "table.json").read_text()) == [RING]
    assert (tmp_path / "here" / "objectives.png").is_file()
    assert "7 of 8 modes found, 93.4% good" in capsys.readouterr().out


def test_at_the_same_rates_only_the_objective_differs(comparison: ModuleType, tmp_path: Path) -> None:
    same = flags(comparison, tmp_path, "--same-rates", "--seed", "5")
    configs = [asdict(comparison.choose(name, same)) for name in objectives.names()]
    for config in configs:
        assert config.pop("n_critic") == objectives.find(config.pop("objective")).defaults.n_critic
    assert [config for config in configs if config != configs[0]] == []
    assert (configs[0]["seed"], configs[0]["data"]) == (5, "ring")


def test_without_that_every_objective_has_its_recipe(comparison: ModuleType, tmp_path: Path) -> None:
    own = flags(comparison, tmp_path, "--data", "grid", "--epochs", "2")
    for name in objectives.names():
        assert comparison.choose(name, own) == Config(objective=name, data="grid", epochs=2.0)


def test_generators_start_from_the_same_weights(comparison: ModuleType, tmp_path: Path) -> None:
    same = flags(comparison, tmp_path, "--same-rates")
    configs = [comparison.choose(name, same) for name in ("minimax", "wgan-gp", "began", "fisher")]
    trainers = [Trainer.start(config, tmp_path / config.objective, quiet=True) for config in configs]
    first, *others = (trainer.networks["G"] for trainer in trainers)
    for other in others:
        for (name, mine), (_, its) in zip(first.named_params(), other.named_params(), strict=True):
            assert np.array_equal(mine, its), name


@pytest.mark.parametrize(("objective", "batches"), [("minimax", 100), ("wgan-gp", 500)])
def test_a_time_is_turned_into_epochs(
    comparison: ModuleType, monkeypatch: pytest.MonkeyPatch, objective: str, batches: int
) -> None:
    ticks = itertools.count(0.0, 0.5)  # seconds; one tick for every step
    monkeypatch.setattr(comparison, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    config = comparison.within(tiny(objective, n_critic=batches // 100), 50.0)
    assert config.epochs == pytest.approx(batches * config.batch_size / 100_000)


def test_recording_merges_into_what_was_measured(
    comparison: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"recognised": 0.5, "classes": 10, "seconds": 1.0, "steps": 2, "choices": {}}
    older = {**{key: value for key, value in RING.items() if key != "name"}, "found": 1, "choices": {}}
    monkeypatch.setattr(objective_cards, "MEASURED", tmp_path / "measured.json")
    objective_cards.MEASURED.write_text(
        json.dumps({"wgan": {"ring": older}, "minimax": {"digits": known, "ring": older}})
    )
    own = {"minimax": {"d_lr": 1e-4, "hyper": {"weight": 2}}}
    monkeypatch.setattr(recipes, "choices", lambda name, points: {"d_lr": 1e-3, "decay": 0.5, **own.get(name, {})})
    broken = {"name": "wgan", "note": "not finite at step 3", "seconds": 0.1, "steps": 3}
    comparison.record([RING, broken], "ring")
    measured = json.loads(objective_cards.MEASURED.read_text())
    assert measured == {
        "minimax": {"digits": known, "ring": {**older, "found": 7, "choices": own["minimax"]}},
        "wgan": {"ring": older},
    }
    assert [*measured] == sorted(measured)
    assert isinstance(objective_cards.measured()["minimax"]["ring"], objective_cards.Ring)


def test_what_was_measured_are_the_recipes_of_today_and_no_recipe_leaves_classes_out(comparison: ModuleType) -> None:
    for name, parts in objective_cards.measured().items():
        for data_name, kind in comparison.RECORDED.items():
            if kind in parts:
                today = json.loads(json.dumps(comparison.specific_choices(name, data_name)))
                assert parts[kind].choices == today, f"{name} on {data_name}"
        if "digits" in parts:
            assert parts["digits"].classes >= 9 and parts["digits"].recognised > 0.5, name


@pytest.mark.parametrize("more", [["--epochs", "1"], ["--seconds", "9"], ["--seed", "1"], ["--same-rates"]])
def test_only_whole_recipes_are_recorded(comparison: ModuleType, tmp_path: Path, more: list[str]) -> None:
    with pytest.raises(ValueError, match="--record keeps what the recipes do"):
        flags(comparison, tmp_path, "--record", *more)
    with pytest.raises(ValueError, match="on ring or mnist-10k with seed 0"):
        flags(comparison, tmp_path, "--record", "--data", "grid")
    assert flags(comparison, tmp_path, "--record").record


def test_a_folder_that_holds_something_is_refused(comparison: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(ValueError, match="exists already: choose another --out"):
        flags(comparison, tmp_path)
