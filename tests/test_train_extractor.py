"""The training of the feature networks, in small."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support import gpu_machine

from minigan import Trainer, data
from minigan.cli import main
from minigan.data import Dataset
from minigan.device import Device
from minigan.metrics.features import LeNet
from minigan.metrics.features.sanity import Row
from minigan.metrics.statistics import Statistics
from minigan.training.config import Config

ROOT = Path(__file__).parent.parent


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    module = importlib.import_module("train_extractor")
    monkeypatch.setattr(module, "HELD_OUT", 200)
    return module


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def network() -> LeNet:
    return LeNet("lenet-mnist-v1", "0123456789", rng=rng())


def digits(n: int) -> Dataset:
    whole = data.load("mnist-10k")
    return Dataset("mnist", whole.images[:n], whole.labels[:n], "a part of the embedded digits")


def test_moved_images_are_the_images_shifted_by_up_to_two_pixels(training: ModuleType) -> None:
    spot = np.zeros((200, 28, 28, 1), np.uint8)
    spot[:, 10, 20] = 255
    found = np.argwhere(training.moved(spot, rng())[..., 0])[:, 1:] - (10, 20)
    assert len(found) == 200
    assert {tuple(shift) for shift in found} == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}


def test_what_enters_at_the_border_is_black_and_what_leaves_is_gone(training: ModuleType) -> None:
    white = np.full((100, 28, 28, 1), 255, np.uint8)
    sums = training.moved(white, rng()).sum(axis=(1, 2, 3)) / 255
    assert set(sums.astype(int)) == {(28 - i) * (28 - j) for i in range(3) for j in range(3)}


def test_training_moves_every_parameter_and_learns(training: ModuleType) -> None:
    net, before = network(), network().arrays()
    accuracies = [right for _, right in training.train(net, digits(1500), 2, 0)]
    assert all((net.arrays()[name] != before[name]).any() for name in before)
    assert len(accuracies) == 2
    assert accuracies[-1] > 0.6


def test_the_learning_rate_is_halved_twice(training: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []

    class Recording(training.Adam):
        def step(self, grads: dict) -> None:
            rates.append(self.lr)
            super().step(grads)

    monkeypatch.setattr(training, "Adam", Recording)
    monkeypatch.setattr(training, "BATCH", 32)
    list(training.train(network(), digits(200 + 10 * 32), 1, 0))
    assert rates == pytest.approx([1e-3] * 6 + [5e-4] * 2 + [2.5e-4] * 2)


def test_the_unit_of_the_features_is_fixed_and_the_logits_stay(training: ModuleType) -> None:
    net, x = network(), digits(300).images
    logits = net(x).logits
    training.fix_unit(net, x)
    assert Statistics.of(net(x).features).covariance.trace() == pytest.approx(100, rel=1e-4)
    np.testing.assert_allclose(net(x).logits, logits, rtol=1e-4, atol=1e-4)


def command(training: ModuleType, monkeypatch: pytest.MonkeyPatch, folder: Path, good: bool) -> None:
    """The whole command on few digits, with a battery that finds what it is asked to find."""
    row = Row("noise", (0, 1), (0.5, 1.5), (1.0, 0.9), good)
    monkeypatch.setattr(training, "show", lambda *arguments: [row])
    sizes = {"train": 700, "test": 400}
    monkeypatch.setattr(training, "data", SimpleNamespace(load=lambda name, split="train": digits(sizes[split])))
    monkeypatch.setitem(training.WANTED, "mnist", ("lenet-mnist-v1", training.DIGITS, 0.05, "fashion-mnist"))
    arguments = ["train_extractor.py", "mnist", "--out", str(folder), "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    training.main()


def test_a_network_that_passes_is_written_with_card_and_reference(
    training: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command(training, monkeypatch, tmp_path, good=True)
    written = tmp_path / "extractors"
    net = LeNet.read(written / "lenet-mnist-v1.json", written / "lenet-mnist-v1.npz")
    kept = Statistics.load(tmp_path / "refs" / "lenet-mnist-v1" / "mnist-test.npz")
    assert kept.origin.extractor == net.id
    assert (kept.n, kept.origin.dataset) == (400, "mnist/test")


def test_a_network_that_fails_the_battery_is_not_written(
    training: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="lenet-mnist-v1 fails and is not written"):
        command(training, monkeypatch, tmp_path, good=False)
    assert list(tmp_path.iterdir()) == []


def test_a_network_on_a_gpu_learns_the_same(training: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_machine.install(monkeypatch)
    here, there = network(), network().to_device(Device("cuda"))
    for one in (here, there):
        assert len(list(training.train(one, digits(456), 1, seed=3))) == 1
    moved = there.arrays()
    for name, array in here.arrays().items():
        np.testing.assert_allclose(moved[name].get(), array, rtol=0, atol=1e-4, err_msg=name)


def classes_of_pictures(folder: Path, n: int = 30) -> Path:
    """Squares and crosses in colour, in a subfolder for each."""
    rng = np.random.default_rng(0)
    for kind in ("crosses", "squares"):
        (folder / kind).mkdir(parents=True)
        for i in range(n):
            image = np.full((20, 16, 3), rng.integers(0, 60, 3), np.uint8)
            top, left, colour = *rng.integers(3, 7, 2), rng.integers(120, 256, 3)
            if kind == "squares":
                image[top + 2 : top + 10, left : left + 7] = colour
            else:
                image[top + 5 : top + 7, left : left + 7] = image[top + 2 : top + 10, left + 3] = colour
            Image.fromarray(image).save(folder / kind / f"{i}.png")
    return folder


@pytest.mark.filterwarnings("ignore:.*covariance is singular")
def test_pictures_of_ones_own_in_class_folders_get_a_network_that_scores_a_run(
    training: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = classes_of_pictures(tmp_path / "My photos")
    monkeypatch.setattr(training, "LR", 1e-2)
    monkeypatch.setattr(training, "BATCH", 8)
    monkeypatch.setattr(sys, "argv", ["x", str(photos), "--size", "12", "--out", str(tmp_path / "j"), "--epochs", "12"])
    training.main()
    card = tmp_path / "j" / "extractors" / "lenet-my-photos.json"
    assert f"minigan score RUN --extractor {card}" in capsys.readouterr().out
    run = tmp_path / "run"
    Trainer.start(Config(data=str(photos), size=12, model="mlp", batch_size=16, epochs=1), run, quiet=True).train()
    metrics = ["--metric", "is,modes"]
    assert main(["score", str(run), "-n", "20", "--extractor", str(card), *metrics]) == 0
    assert "seen by lenet-my-photos:" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"takes images in colour of 12 x 12, got 28 x 28"):
        LeNet.read(card, card.with_suffix(".npz")).check_shape((28, 28, 3))


def test_pictures_without_classes_are_refused(training: ModuleType, tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="has no classes: put the pictures of each class into a subfolder"):
        training.of_folder(str(tmp_path), 8, 0)
    with pytest.raises(ValueError, match=r"at least 2 classes of 5 pictures, got .'crosses': 3, 'squares': 3"):
        training.of_folder(str(classes_of_pictures(tmp_path / "few", 3)), 8, 0)
