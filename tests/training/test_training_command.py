"""Resuming, moving and mistyping, through the flags of a command."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest
from support.tiny_runs import tiny

from minigan.cli import main
from minigan.runs.folder import Run
from minigan.training.config import Config
from minigan.training.flags import add_flags, from_flags
from minigan.training.trainer import Trainer


@pytest.fixture(autouse=True)
def no_device_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINIGAN_DEVICE", raising=False)


def trained(pictures: Path, folder: Path) -> Path:
    Trainer.start(tiny(pictures, epochs=1), folder, quiet=True).train()
    return folder


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", "x"), ("batch_size", 16.5), ("betas", [0.5]), ("betas", 3), ("model", 1), ("epochs", True)],
)
def test_a_config_with_a_value_of_the_wrong_type_is_refused_by_name(
    pictures: Path, tmp_path: Path, name: str, value: object
) -> None:
    path = trained(pictures, tmp_path / "run") / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(ValueError, match=r"config\.json: not a configuration"):
        Run.open(path.parent)


def test_samples_can_be_drawn_when_the_data_have_gone(pictures: Path, tmp_path: Path) -> None:
    gone = shutil.copytree(pictures, tmp_path / "gone")
    run = trained(gone, tmp_path / "run")
    shutil.rmtree(gone)
    assert main(["sample", str(run), "-n", "4", "--out", str(tmp_path / "grid.png")]) == 0
    assert (tmp_path / "grid.png").is_file()


def test_a_run_finds_its_folder_of_images_from_anywhere(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    thin = ["--model", "dcgan", "--width", "0.05", "--size", "8", "--batch-size", "8", "--epochs", "1"]
    assert main(["train", "--data", pictures.name, *thin, "--out", str(tmp_path / "run")]) == 0
    monkeypatch.chdir(tmp_path)
    assert Trainer.resume(tmp_path / "run", quiet=True).step == 6


def test_a_finished_run_reports_it_and_how_to_go_further(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(pictures, tmp_path / "run")
    assert main(["train", "--resume", str(run)]) == 0
    assert f"All of them are done; --resume {run} --epochs N goes further." in capsys.readouterr().out
    assert main(["train", "--resume", str(run), "--epochs", "2"]) == 0
    assert Run.open(run).config.epochs == 2
    assert Run.open(run).log()[-1]["step"] == 12


def test_a_run_of_another_system_is_resumed_without_naming_the_system(tmp_path: Path) -> None:
    Trainer.start(Config(system="vae", epochs=0.02), tmp_path / "run", quiet=True).train()
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "0.03"]) == 0
    assert (Run.open(tmp_path / "run").config.system, Run.open(tmp_path / "run").config.epochs) == ("vae", 0.03)


def test_the_environment_chooses_the_device_of_a_resumed_run_too(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(pictures, tmp_path / "run")
    monkeypatch.setenv("MINIGAN_DEVICE", "nonsense")
    with pytest.raises(SystemExit):
        main(["train", "--resume", str(run)])
    assert "unknown device 'nonsense'" in capsys.readouterr().err


@pytest.mark.filterwarnings("default:.*falling back:RuntimeWarning")
def test_a_damaged_checkpoint_is_one_line_of_warning(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    Trainer.start(tiny(pictures, epochs=2), folder, quiet=True).train()
    Run.open(folder).checkpoints()[-1].write_bytes(b"half a file")
    assert main(["sample", str(folder), "--out", str(tmp_path / "grid.png")]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("minigan sample: warning: ") and "falling back" in warnings[0]


def test_the_example_and_the_command_share_one_recipe() -> None:
    source = (Path(__file__).parents[2] / "examples" / "mnist_gan.py").read_text()
    names: dict[str, object] = {"__name__": "mnist_gan"}
    exec(compile(source, "mnist_gan.py", "exec"), names)
    assert names["RECIPE"] == Config()


def test_every_choice_of_a_training_has_its_flag() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    words = "--hidden 7 --z-dim 5 --decay 0.3 --average 0.9 --real-label 0.8 --width 0.5 --n-critic 2 --threads 1"
    config = from_flags(parser.parse_args(words.split()), Config())
    assert (config.hidden, config.z_dim, config.decay, config.average) == (7, 5, 0.3, 0.9)
    assert (config.real_label, config.width, config.n_critic, config.threads) == (0.8, 0.5, 2, 1)
