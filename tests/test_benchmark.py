"""The benchmark at tiny size: that it runs, what it prints and writes, and that both sides build the same networks."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from minigan import models
from minigan.random import Streams

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "examples" / "benchmark.py"
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


@pytest.fixture(scope="module", autouse=True)
def workers_find_this_checkout() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    out = tmp_path_factory.mktemp("benchmark") / "speed.json"
    done = run("--models", "mlp", "--batch", "4", "--blocks", "2", "--seconds", "0.01", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(out.read_text())


def test_it_prints_one_line_per_side_and_tells_the_libraries_and_threads(tiny: tuple[str, dict]) -> None:
    text, written = tiny
    assert len([line for line in text.splitlines() if line.startswith("mlp ")]) == len(written["rows"])
    assert "minigan: NumPy" in text and "1 thread(s)" in text


def test_the_json_holds_the_machine_and_consistent_numbers(tiny: tuple[str, dict]) -> None:
    _, written = tiny
    row = written["rows"][0]
    seconds = row["seconds_per_step"]
    assert set(written["machine"]) == {"cpu", "system", "python"}
    assert (row["side"], row["model"], row["batch"], row["threads"]) == ("minigan", "mlp", 4, 1)
    assert 0 < seconds["min"] <= seconds["median"] <= seconds["max"]
    assert row["images_per_second"] == pytest.approx(4 * row["steps_per_second"])


def test_without_pytorch_it_says_so_and_measures_minigan_alone(tiny: tuple[str, dict]) -> None:
    if importlib.util.find_spec("torch") is not None:
        pytest.skip("PyTorch is installed")
    text, written = tiny
    assert "PyTorch is not installed" in text
    assert [row["side"] for row in written["rows"]] == ["minigan"]


@needs_torch
def test_pytorch_stands_beside_minigan_with_ratios(tiny: tuple[str, dict]) -> None:
    _, written = tiny
    assert [row["side"] for row in written["rows"]] == ["minigan", "torch-example", "torch-tuned"]
    assert all(row["ratio"]["min"] <= row["ratio"]["median"] <= row["ratio"]["max"] for row in written["rows"][1:])


@needs_torch
@pytest.mark.parametrize("name", ["mlp", "dcgan", "dcgan64"])
@pytest.mark.parametrize("side", ["torch-example", "torch-tuned"])
def test_both_sides_build_networks_of_the_same_size(benchmark: ModuleType, name: str, side: str) -> None:
    model = models.get(name, Streams(0))
    worker = benchmark.Worker(side, name, 2, 1)
    worker.close()
    assert worker.facts["parameters"] == [models.count(model.G), models.count(model.D)]


def test_ratios_compare_neighbouring_blocks(benchmark: ModuleType) -> None:
    facts = {side: {"parameters": [1, 1], "library": "some", "threads": 1} for side in ("minigan", "other")}
    measured = {"facts": facts, "seconds": {"minigan": [1.0, 4.0, 3.0], "other": [2.0, 2.0, 2.0]}}
    ours, other = benchmark.summary("mlp", 8, measured)
    assert "ratio" not in ours
    assert other["ratio"] == {"median": 1.5, "min": 0.5, "max": 2.0}
    assert (ours["steps_per_second"], ours["images_per_second"]) == (pytest.approx(1 / 3), pytest.approx(8 / 3))
    assert benchmark.line(other).endswith("1.50 [0.50 .. 2.00]")


def test_a_worker_that_dies_is_reported(benchmark: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="worker of minigan ended"):
        benchmark.Worker("minigan", "no such model", 2, 1)


@pytest.mark.parametrize("flag", ["--batch", "--threads", "--blocks"])
def test_numbers_below_one_are_refused(flag: str) -> None:
    done = run("--models", "mlp", flag, "0")
    assert done.returncode == 2 and "at least 1" in done.stderr
