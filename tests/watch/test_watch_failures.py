"""Runs that cannot begin, and runs that break: what is reported, and what is left on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import PER_EPOCH, tiny, trained

from minigan.runs.folder import Run
from minigan.training.steps import Outcome
from minigan.training.trainer import Trainer


def test_a_huge_learning_rate_stops_the_run_and_leaves_the_last_good_checkpoint(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, model="mlp", epochs=20)
    before: dict[Path, bytes] = {}

    def explode(t: Trainer) -> None:
        if t.step == 2 * PER_EPOCH:
            before.update({path: path.read_bytes() for path in t.run.checkpoints()})
            t.schedule.learning_rates = lambda step: {"D": 1e30, "G": 1e30}  # type: ignore[method-assign]

    with pytest.raises(FloatingPointError, match=r"step \d+: .*last good checkpoint is .*step-000012\.npz") as caught:
        trained(config, tmp_path / "run", hooks=[explode])
    assert "A smaller learning rate" in str(caught.value)
    assert len(before) == 2
    assert {path: path.read_bytes() for path in Run.open(tmp_path / "run").checkpoints()} == before


def poison(player: str, step: int) -> Any:
    def hook(t: Trainer) -> None:
        if t.step == step:
            next(t.networks[player].named_params())[1][...] = np.nan

    return hook


LAYERS = {
    "D": "Conv2d(1, 3, kernel_size=4, stride=2, padding=1)",
    "G": "Linear(100, 24)",
}


@pytest.mark.parametrize("player", ["D", "G"])
def test_a_loss_that_is_not_finite_stops_the_run_at_its_step(pictures: Path, tmp_path: Path, player: str) -> None:
    with pytest.raises(FloatingPointError, match=r"step 8: not finite: .*step-000006\.npz") as caught:
        trained(tiny(pictures), tmp_path / "run", hooks=[poison(player, 8)])
    assert f"{player}'s 0.weight in {LAYERS[player]} holds NaN or infinite values; the last good" in str(caught.value)
    assert [path.name for path in Run.open(tmp_path / "run").checkpoints()] == ["step-000006.npz"]
    resumed = Trainer.resume(tmp_path / "run", quiet=True)
    resumed.train()
    assert resumed.step == 12


@pytest.mark.parametrize("threads", [1, 2])
def test_a_gradient_that_is_not_finite_is_refused_before_it_moves_anything(
    pictures: Path, tmp_path: Path, threads: int
) -> None:
    trainer = Trainer.start(tiny(pictures, threads=threads, n_critic=2, epochs=4), tmp_path / "run", quiet=True)
    g_loss, before = trainer.system.objective.g_loss, dict[str, np.ndarray]()

    def steep(b: Any) -> Any:
        if trainer.step < 7:
            return g_loss(b)
        before.update({name: array.copy() for name, array in trainer.networks["G"].named_params()})
        loss, db = g_loss(b)
        return loss, db * np.float32(np.inf)

    trainer.system.objective.g_loss = steep
    words = r"the gradient of G, because the gradient of G's 7\.weight in ConvTranspose2d\(.*\) is not finite; "
    with pytest.raises(FloatingPointError, match=rf"step 7: not finite: {words}the last good .*step-000006\.npz"):
        trainer.train()
    for name, array in trainer.networks["G"].named_params():
        np.testing.assert_array_equal(array, before[name])


def test_without_a_checkpoint_a_stopped_run_reports_it(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match=r"step 1: .*there is no checkpoint yet"):
        trained(tiny(pictures), tmp_path / "run", hooks=[poison("D", 1)])


def test_weights_broken_by_the_last_update_of_an_epoch_are_not_kept(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer.start(tiny(pictures), tmp_path / "run", quiet=True)

    def loop() -> None:
        for step in trainer.steps():
            for turn, draw in trainer.turns(step):
                _ = draw.batch() if turn.name == "D" else None
                trainer.record(turn, Outcome(np.zeros(()), {"real": np.zeros((8, 1)), "fake": np.zeros((8, 1))}, {}))
            if step == 11:
                dict(trainer.networks["G"].named_params())["0.weight"][0, 0] = np.inf

    with pytest.raises(FloatingPointError, match=r"step 12: .*G/0\.weight.*last good checkpoint is .*step-000006\.npz"):
        loop()
    assert [path.name for path in trainer.run.checkpoints()] == ["step-000006.npz"]
    assert not trainer.run.picture(12).exists()


def test_label_smoothing_where_there_are_no_labels_is_refused_and_leaves_no_folder(
    pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"'wgan' has no \['real_label'\]"):
        Trainer.start(tiny(pictures, objective="wgan", real_label=0.9), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"data": "nowhere", "size": None}, "unknown data set 'nowhere'"),
        ({"d_lr": -1.0}, "learning rate must be positive"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion'"),
        ({"batch_size": 49}, "has 48 samples, too few for one batch of 49"),
        ({"seed": -1}, "seed must be an integer from 0"),
        ({"hidden": 3}, "--hidden does not apply to the model dcgan; the models with it are infogan, points"),
        ({"average": 1.0}, "decay of the average"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"hyper": {"clip": 0.1}}, r"objective 'nonsaturating' has no \['clip'\]; it has \['real_label'\]"),
        ({"objective": "wgan", "hyper": {"clip": -0.1}}, "clip must be positive, got -0.1"),
        ({"objective": "began", "penalty": "r1"}, "one score per sample; D of began gives energy and code"),
        ({"objective": "magan", "penalty": "dragan"}, "one score per sample; D of magan gives energy and code"),
        (
            {"objective": "cramer", "penalty": "wgan-gp"},
            r"one score per sample; D of cramer gives features \(N, d\)",
        ),
        ({"objective": "gmmn", "penalty": "r1"}, "one score per sample; D of gmmn gives the samples themselves"),
        ({"objective": "hinge", "penalty": "r1", "penalty_weight": -1.0}, "gamma, .* must not be negative, got -1"),
        ({"objective": "hinge", "penalty": "lsgan"}, "unknown penalty 'lsgan'; known are wgan-gp, dragan, r1"),
        ({"objective": "gmmn", "spectral_norm": True}, "spectral_norm needs a D that is trained"),
        ({"objective": "mcgan-cov", "hyper": {"features": 4}}, "rank must be an integer from 1 to features = 4"),
    ],
)
def test_wrong_choices_are_refused_before_there_is_a_folder(
    pictures: Path, tmp_path: Path, choices: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Trainer.start(tiny(pictures, **choices), tmp_path / "run")
    assert not (tmp_path / "run").exists()
