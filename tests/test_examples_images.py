"""srgan.py, cyclegan.py and cyclegan_hides.py, at a tiny size."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(example: str, *flags: str, folder: Path) -> str:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    command = [sys.executable, str(ROOT / "examples" / example), *flags]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "epochs", "row"), [("srgan.py", "0.02", "bicubic"), ("cyclegan.py", "0.01", "BAB")]
)
def test_an_example_ends_with_the_table_of_held_out_images(example: str, epochs: str, row: str, tmp_path: Path) -> None:
    small = ["--width", "0.2", "--blocks", "1", "--threads", "1", "--epochs", epochs, "--out", "run"]
    printed = run(example, *small, folder=tmp_path)
    assert "minigan translate run" in printed
    assert any(line.startswith(row) for line in printed.splitlines())
    assert (tmp_path / "run" / "samples.png").is_file()


def test_the_hiding_is_measured_and_drawn(tmp_path: Path) -> None:
    printed = run("cyclegan_hides.py", "--epochs", "0.002", "--out", "run", "-n", "12", folder=tmp_path)
    lines = printed.splitlines()
    assert [sum(line.startswith(start) for line in lines) for start in ("as it is", "the true image")] == [1, 1]
    assert "12 real digits changed by at most 1 grey level" in printed
    for name in ("hides.png", "curve.png"):
        assert (tmp_path / "run" / name).stat().st_size > 1000
