"""The examples of conditions at a tiny size, and the tools on runs with conditions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minigan import Trainer
from minigan.cli import main
from minigan.explain.step import explain
from minigan.training.config import Config

ROOT = Path(__file__).parent.parent
SIZES: dict[str, Any] = {"width": 0.05, "hidden": 16, "batch_size": 32, "epochs": 0.04}


def run(example: str, *flags: str, folder: Path) -> str:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / example), *flags]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def trained(system: str, folder: Path, **options: Any) -> Path:
    Trainer.start(Config(system=system, options=options, **SIZES), folder, quiet=True).train()
    return folder


@pytest.mark.slow
def test_the_ways_to_give_a_class_are_compared(tmp_path: Path) -> None:
    flags = ["--width", "0.05", "--hidden", "16", "--batch-size", "32", "--epochs", "0.02", "--out", "runs"]
    table = run("conditional_gan.py", *flags, folder=tmp_path)
    assert [line.split(maxsplit=1)[0] for line in table.splitlines()[1:6]] == [
        *("projection", "late", "concat", "auxiliary", "projection,")
    ]
    assert (tmp_path / "classes.png").is_file() and len(list((tmp_path / "runs").iterdir())) == 5


@pytest.mark.slow
def test_a_digit_ages_and_the_searches_are_compared(tmp_path: Path) -> None:
    folder = trained("ageing", tmp_path / "run")
    table = run("ageing.py", str(folder), "-n", "20", "--epochs", "1", folder=tmp_path)
    names = [line[:20].strip() for line in table.splitlines()[3:9]]
    assert names[:4] == ["encoder alone", "pixels", "identity", "both"] and len(names) == 6
    assert (folder / "ageing.png").is_file()


@pytest.mark.parametrize("system", ["conditional", "ageing"])
def test_a_run_with_conditions_has_a_report_and_is_explained(system: str, tmp_path: Path) -> None:
    folder = trained(system, tmp_path / "run")
    assert main(["report", str(folder)]) == 0
    explanation = explain(Config(system=system, **SIZES))
    assert [part.turn for part in explanation.parts] == ["D", "G"]


def test_one_picture_is_aged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = trained("ageing", tmp_path / "run"), tmp_path / "row.png"
    assert main(["age", str(folder), "--index", "3", "--to", "2,3", "--steps", "2", "--out", str(out)]) == 0
    assert "its reconstruction, 2 ages" in capsys.readouterr().out and out.is_file()
    wrong = [
        (["--out", "x.png"], "needs a picture or --index"),
        (["--index", "-1", "--out", "x.png"], "must be in [0,"),
    ]
    for flags, words in wrong:
        with pytest.raises(SystemExit, match="2"):
            main(["age", str(folder), *flags])
        assert words in capsys.readouterr().err


def test_a_run_without_ages_cannot_age(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = trained("conditional", tmp_path / "run")
    with pytest.raises(SystemExit, match="2"):
        main(["age", str(folder), "--index", "3", "--out", str(tmp_path / "x.png")])
    assert "was not trained with minigan train ageing" in capsys.readouterr().err
