"""Command lines at random: they run, or end with the usage or one line of error; never with a traceback or a hang.

pytest -m slow -n 0 -s tests/test_cli_fuzzed.py       the long form, which prints how many cases there were
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from support.mutants import tried

from minigan import models, objectives
from minigan.cli import main

# Small numbers, or such that cannot be: nothing between, which would be computed for hours.
NUMBERS = ["0", "-1", "1", "2", "0.5", "3.5", "", "abc", "0x10", "\u0661", "1e-320", "1e308", "1e400", "nan", "inf"]
NUMBERS += ["-inf", str(10**26), str(10**400)]
PATHS = ["", "nowhere", "nowhere/x.png", "/dev/null", "/dev/null/x", "\0", "a" * 300, "run", "x.png", "x.npy", "x.npz"]
HYPER = ["clip=0.1", "clip=abc", "clip=true", "rho={}", "real_label=null", "every=0", "every=x", "features=1e9"]
HYPER += ["weight=nan", "weight=-1", "=", "x", "rng=3", "self=1", "margin=[1,2]", "gamma=null"]
NUMERIC = "size epochs batch-size lr n-critic width hidden z-dim decay average real-label penalty-weight score-every"
TRAIN: dict[str, list[str]] = {f"--{name}": NUMBERS for name in [*NUMERIC.split(), "keep", "seed"]}
TRAIN |= {f"--{name}": [] for name in ("same-noise", "spectral-norm", "paper", "allow-changes")}
TRAIN |= {
    "--model": [*models.names(), "x"],
    "--objective": [*objectives.names(), "x"],
    "--data": ["ring", "grid", "mnist-10k", "nowhere", "no/where", "", "/dev/null", "\0a"],
    "--hyper": HYPER,
    "--penalty": ["r1", "dragan", "wgan-gp", "x"],
    "--device": ["cpu", "cuda", "cuda:9", "auto", "gpu", ""],
    "--threads": ["1", "2", "0", "-1", "x"],
    "--out": PATHS,
    "--resume": PATHS,
}
SAMPLE = {"-n": NUMBERS, "--seed": NUMBERS, "--out": PATHS, "--best": [], "--device": ["cpu", "gpu"]}
SCORE = {"--out": PATHS, "--data": ["ring", "mnist-10k", "nowhere", "\0"], "--seed": NUMBERS, "--best": []}
QUICK = ["train", "--data", "ring", "--model", "points", "--hidden", "4", "--batch-size", "8"]
QUICK += ["--epochs", "0.0002", "--threads", "1"]
COMMANDS = {"train": TRAIN, "sample": SAMPLE, "score": SCORE, "objectives": {"--markdown": []}, "data": {}}


@st.composite
def command_lines(draw: Any) -> list[str]:
    name = draw(st.sampled_from(["train", "train", "train", *COMMANDS, "draw", ""]))
    words = list(QUICK) if name == "train" else [name, *draw(st.lists(st.sampled_from(PATHS), max_size=2))]
    if name == "train":
        words[1:1] = draw(st.sampled_from([[], [], [], ["gan"], ["x"]]))  # the system
    known = COMMANDS.get(name, {})
    for flag in draw(st.lists(st.sampled_from(sorted(known)), max_size=4)) if known else []:
        words.append(flag)
        if known[flag] and draw(st.integers(0, 30)) > 0:
            words.append(draw(st.sampled_from(known[flag])))
    return words


def try_command_lines(place: Path, cases: int, capsys: pytest.CaptureFixture[str]) -> Counter[str]:
    seen: Counter[str] = Counter()

    def ends_well(data: Any) -> None:
        words = data.draw(command_lines())
        capsys.readouterr()
        try:
            assert main(words) == 0
            seen["done"] += 1
        except SystemExit as end:
            assert end.code == 2
            err = capsys.readouterr().err
            assert "usage: minigan" in err or ": error: " in err
            seen["refused"] += 1
        finally:
            for path in place.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    tried(ends_well, cases)
    return seen


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MINIGAN_DEVICE", "MINIGAN_TRACEBACK", "MINIGAN_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_random_command_line_runs_or_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = try_command_lines(tmp_path, 25, capsys)
    assert seen["refused"] > 0


@pytest.mark.slow
def test_many_random_command_lines_run_or_are_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = try_command_lines(tmp_path, 1000, capsys)
    with capsys.disabled():
        print(f"\ncommand lines: {seen.total():,} cases, {seen['refused']:,} refused")
    assert seen["done"] > 0 and seen["refused"] > 0
