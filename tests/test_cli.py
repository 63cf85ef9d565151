"""The `minigan` command, as a person meets it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny_runs import plain

import minigan
from minigan import checks, data, objective_cards, objectives
from minigan.cli import main
from minigan.layers import Tanh
from minigan.runs.folder import Run
from minigan.training.config import Config
from minigan.training.trainer import Trainer

COMMANDS = ("train", "sample", "score", "report", "explain", "export", "import", "objectives", "gradcheck", "data")
THIN = ["--model", "dcgan", "--width", "0.05", "--batch-size", "16", "--epochs", "0.02"]  # 13 steps


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working folder, and no settings of whoever runs the tests."""
    for name in ("MINIGAN_DEVICE", "MINIGAN_TRACEBACK", "MINIGAN_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def train(folder: Path) -> Path:
    """A run of digits as THIN asks for it."""
    config = plain(model="dcgan", width=0.05, batch_size=16, epochs=0.02)
    Trainer.start(config, folder, quiet=True).train()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of digits."""
    return train(tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of points."""
    folder = tmp_path_factory.mktemp("runs") / "points"
    config = plain(model="points", data="ring", hidden=8, batch_size=1000, epochs=0.05)
    Trainer.start(config, folder, quiet=True).train()
    return folder


def spawn(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    home = str(Path(minigan.__file__).parents[1])
    surroundings = os.environ | {"PYTHONPATH": home, "OPENBLAS_NUM_THREADS": "1"} | environment
    command = [sys.executable, "-m", "minigan", *arguments]
    return subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of error with which a command refuses its input, and exits with code 2."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    out, err = capsys.readouterr()
    assert caught.value.code == 2
    *before, line, end = err.split("\n")
    assert line.startswith(f"minigan {arguments[0]}: error: ") and end == "" and "Traceback" not in out + err
    assert all(sentence.startswith("The numbers of this run start from the recipe for ") for sentence in before)
    return line


def test_help_names_the_commands_and_works_as_a_module() -> None:
    process = spawn("--help")
    out, err = process.communicate()
    assert process.returncode == 0 and err == ""
    assert all(re.search(rf"^ +{name}\s", out, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_contains_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert re.search(rf"examples?: minigan {command}", capsys.readouterr().out)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"minigan {minigan.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [[], ["draw"], ["train", "--colour", "red"], ["sample"], ["train", "--lr", "fast"]]
)
def test_what_argparse_cannot_read_exits_with_two_and_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: minigan" in capsys.readouterr().err


def test_objectives_lists_every_objective_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["objectives"]) == 0
    out = capsys.readouterr().out
    assert out == objective_cards.table() + "\n"
    assert re.findall(r"^([a-z]\S*) .*", out, re.MULTILINE) == ["name", *objectives.names(), "minigan"]


def test_objectives_shows_the_card_of_one_and_the_table_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["objectives", "wgan-gp"]) == 0
    assert capsys.readouterr().out == objective_cards.card("wgan-gp") + "\n"
    assert main(["objectives", "--markdown"]) == 0
    assert capsys.readouterr().out == objective_cards.markdown() + "\n"


def test_an_unknown_objective_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "objectives", "wgan_gp")
    assert "unknown objective 'wgan_gp'" in line and all(name in line for name in objectives.names())
    assert "leave out lsgan, or --markdown" in refused(capsys, "objectives", "lsgan", "--markdown")


@pytest.mark.parametrize("arguments", [[], ["hinge"]])
def test_a_reader_who_has_seen_enough_of_the_objectives_is_not_an_error(arguments: list[str]) -> None:
    process = spawn("objectives", *arguments, PYTHONUNBUFFERED="")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait() == 1


@pytest.fixture
def few_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of what gradcheck checks; the tests of layers, objectives and systems go through all of it."""
    activations = [case for case in checks.layer_cases() if str(case).startswith(("Tanh(", "Sigmoid("))]
    monkeypatch.setattr(checks, "layer_cases", lambda: activations)
    few = {name: getattr(checks, name)()[:2] for name in ("objective_cases", "step_cases", "system_cases")}
    for name in few:
        monkeypatch.setattr(checks, name, partial(few.get, name))


@pytest.mark.usefixtures("few_checks")
def test_gradcheck_prints_its_table_and_exits_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradcheck"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  Tanh\(\) +\S+e-\d\d", out, re.MULTILINE)
    assert re.search(r"^\d+ derivatives checked: all below 1e-06$", out.splitlines()[-1])
    assert "\033" not in out and "!" not in out


@pytest.mark.usefixtures("few_checks")
def test_gradcheck_marks_a_broken_layer_and_exits_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = Tanh._curvature
    monkeypatch.setattr(Tanh, "_curvature", lambda self, *a: -1.01 * right(self, *a))
    assert main(["gradcheck"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^! Tanh\(\) ", out, re.MULTILINE)
    assert re.search(r"^  Sigmoid\(\) ", out, re.MULTILINE)
    assert "WRONG in" in out.splitlines()[-1]


def test_data_lists_every_data_set_with_its_size_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*data.NAMES, "a"]
    assert re.search(r"here +10,000 x \(28 x 28 x 1\)  .*: in the package", lines[0])


def test_train_shows_the_networks_the_data_and_what_it_has_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *THIN, "--out", "new"]) == 0
    out = capsys.readouterr().out
    for words in ("dcgan: generator", "dcgan: discriminator", "ConvTranspose2d", "total", "13 steps of 16 into new"):
        assert words in out
    assert "More samples: minigan sample new -n 64 --out more.png" in out
    names = {path.name for path in Path("new").iterdir()}
    assert names == {
        "command.txt",
        "versions.json",
        "config.json",
        "log.jsonl",
        "samples",
        "checkpoints",
        "samples.png",
        "losses.png",
        "training.gif",
    }


def test_train_without_a_folder_makes_one_under_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "finish", lambda self: "finished")
    assert main(["train", *THIN, "--epochs", "0.002"]) == 0
    (folder,) = Path("runs").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}-dcgan-nonsaturating", folder.name)


def test_train_continues_with_a_run_for_more_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    train(Path("r"))
    assert main(["train", "--resume", "r", "--epochs", "0.03"]) == 0
    assert "19 steps (0.0304 epochs)" in capsys.readouterr().out
    assert [path.name for path in Run.open(Path("r")).checkpoints()] == ["step-000013.npz", "step-000019.npz"]


def test_train_refuses_a_folder_that_is_in_use(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{run} exists already" in refused(capsys, "train", *THIN, "--out", str(run))


def test_resume_refuses_other_choices_and_another_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / "config.json").read_bytes()
    assert "not d_lr, g_lr, seed" in refused(capsys, "train", "--resume", str(run), "--lr", "1", "--seed", "3")
    assert "leave out --out" in refused(capsys, "train", "--resume", str(run), "--out", "other")
    assert "leave out --paper" in refused(capsys, "train", "--resume", str(run), "--paper")
    assert "nowhere is not the folder of a run" in refused(capsys, "train", "--resume", "nowhere")
    assert (run / "config.json").read_bytes() == before


def test_unknown_data_is_refused_with_what_is_known_and_leaves_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "train", *THIN, "--data", "minst", "--out", "new")
    assert "unknown data set 'minst': expected mnist-10k, mnist, fashion-mnist, " in line
    assert "no such folder" in refused(capsys, "train", *THIN, "--data", "no/pictures", "--out", "new")
    assert not Path("new").exists()


def test_data_that_do_not_fit_the_model_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "this model generates (H, W, C) images" in refused(capsys, "train", *THIN, "--data", "ring")


def test_numbers_that_make_no_sense_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for flags in (["--epochs", "0"], ["--epochs", "nan"], ["--epochs", "inf"], ["--batch-size", "-1"]):
        assert "must be positive" in refused(capsys, "train", *THIN, *flags)
    assert "learning rate must be positive" in refused(capsys, "train", *THIN, "--lr", "0")
    assert "seed must be an integer from 0" in refused(capsys, "train", *THIN, "--seed", "-1")


def test_an_unknown_device_is_refused_and_the_flag_goes_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "unknown device 'gpu': expected cpu, cuda" in refused(capsys, "train", *THIN, "--device", "gpu")
    monkeypatch.setenv("MINIGAN_DEVICE", "tpu")
    assert "unknown device 'tpu': expected cpu, cuda" in refused(capsys, "train", *THIN)
    assert "unknown data set" in refused(capsys, "train", *THIN, "--device", "cpu", "--data", "minst")


def test_sample_writes_a_grid(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "-n", "6", "--out", "grid.png"]) == 0
    assert "grid.png: 6 samples from" in capsys.readouterr().out
    with Image.open("grid.png") as picture:
        assert min(picture.size) >= 28 and np.asarray(picture).std() > 0


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".NPY"])
def test_sample_writes_arrays_of_pixels(run: Path, suffix: str) -> None:
    assert main(["sample", str(run), "-n", "5", "--out", f"five{suffix}"]) == 0
    loaded = np.load(f"five{suffix}", allow_pickle=False)
    samples = loaded["samples"] if suffix == ".npz" else loaded
    assert samples.shape == (5, 28, 28) and samples.dtype == np.uint8
    assert len({sample.tobytes() for sample in samples}) == 5
    assert [path.name for path in Path().iterdir()] == [f"five{suffix}"]


def test_samples_follow_the_seed(run: Path) -> None:
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        main(["sample", str(run), "-n", "3", "--seed", seed, "--out", f"{name}.npy"])
    a, b, c = (np.load(f"{name}.npy") for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_fewer_samples_are_the_first_of_more(run: Path) -> None:
    main(["sample", str(run), "-n", "2", "--out", "few.npy"])
    main(["sample", str(run), "-n", "300", "--out", "many.npy"])
    few, many = np.load("few.npy").astype(int), np.load("many.npy").astype(int)
    assert abs(few - many[:2]).max() <= 1  # BLAS may sum a larger batch in another order


def test_sample_draws_points_as_a_density_and_as_numbers(points: Path) -> None:
    assert main(["sample", str(points), "-n", "50", "--out", "points.png"]) == 0
    assert main(["sample", str(points), "-n", "50", "--out", "points.npy"]) == 0
    samples = np.load("points.npy")
    assert samples.shape == (50, 2) and samples.dtype == np.float32
    with Image.open("points.png") as picture:
        assert np.asarray(picture).std() > 0


def test_sample_reports_what_is_wrong_in_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = ["sample", str(run), "--out", "x.png"]
    assert "must end in .png, .npy or .npz" in refused(capsys, "sample", str(run), "--out", "x.jpg")
    assert "-n must be at least 1, got 0" in refused(capsys, *good, "-n", "0")
    assert "not the folder of a run: it has no config.json" in refused(capsys, "sample", "nowhere", "--out", "x.png")
    assert "there is no folder nowhere" in refused(capsys, "sample", str(run), "--out", "nowhere/x.npy")
    assert "unknown device 'gpu'" in refused(capsys, *good, "--device", "gpu")
    assert "seed" in refused(capsys, *good, "--seed", "-1")
    assert "seed" in refused(capsys, *good, "--seed", str(2**64))
    assert list(Path().iterdir()) == []


def test_a_run_without_a_checkpoint_has_no_samples_yet(capsys: pytest.CaptureFixture[str]) -> None:
    Run.create(Path("young"), Config()).write()
    assert "young has no readable checkpoint" in refused(capsys, "sample", "young", "--out", "x.png")


def test_minigan_traceback_shows_where_an_error_came_from() -> None:
    process = spawn("sample", "nowhere", "--out", "x.png", MINIGAN_TRACEBACK="1")
    _, err = process.communicate()
    assert process.returncode == 1
    assert "Traceback (most recent call last)" in err and "FileNotFoundError: nowhere is not the folder of a run" in err


def test_ctrl_c_ends_with_a_checkpoint_the_way_to_continue_and_code_130() -> None:
    process = spawn("train", *THIN, "--epochs", "1000", "--out", "long")
    log = Path("long/log.jsonl")
    while not log.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(2)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert re.fullmatch(r"minigan train: stopped after step \d+; continue with --resume long", last)
    assert len(Run.open(Path("long")).checkpoints()) == 1
