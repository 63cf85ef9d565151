"""Runs that are made to fail in each way report it, and a healthy one prints nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.judges import brightness
from support.tiny_runs import assert_same_arrays, assert_same_run, last_arrays, tiny, trained

from minigan.layers import ReLU
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted
from minigan.training.config import Config
from minigan.training.trainer import Trainer

UNREACHED = "No gradient reaches 0.weight of G, 2.weight of G and 4.weight of G: it is exactly zero."
Hook = Callable[[Trainer], None]


def ring(**choices: Any) -> Config:
    """A run on the ring of Gaussians by the objective's recipe, 150 steps unless `choices` say otherwise."""
    return Config(**{"data": "ring", "hidden": 32, "batch_size": 64, "epochs": 0.096} | choices)


def reported(trainer: Trainer) -> list[tuple[str, str]]:
    """The conditions that began and ended, in order, as the log has them."""
    entries = [entry for point in trainer.run.log() for entry in point.get("health", [])]
    return [(entry["condition"], entry["state"]) for entry in entries]


def sentence(trainer: Trainer, condition: str) -> str:
    """The report when the condition began, with its remedy, which there always is."""
    entries = [entry for point in trainer.run.log() for entry in point.get("health", [])]
    (entry,) = [entry for entry in entries if (entry["condition"], entry["state"]) == (condition, "begins")]
    assert entry["remedy"]
    return entry["says"]


@pytest.mark.parametrize("objective", ["nonsaturating", "wgan", "wgan-gp", "ragan", "mcgan-cov", "ebgan", "gmmn"])
def test_a_healthy_run_prints_nothing(tmp_path: Path, objective: str) -> None:
    trainer = trained(ring(objective=objective), tmp_path / "run")
    assert reported(trainer) == []
    assert all("health" not in point for point in trainer.run.log())
    assert trainer.finish().splitlines()[-1] == "health: nothing unusual"


def test_a_d_that_learns_fifty_times_too_fast_is_reported_by_its_logits(pictures: Path, tmp_path: Path) -> None:
    trainer = trained(tiny(pictures, model="mlp", d_lr=50 * 2e-4, epochs=8), tmp_path / "run")
    assert sentence(trainer, "explosion").startswith("D's logits explode: they are ")
    assert "a smaller learning rate" in trainer.health.verdict()


def test_a_g_that_stands_still_is_reported_once_and_again_at_the_end(tmp_path: Path) -> None:
    trainer = trained(ring(g_lr=1e-12), tmp_path / "run")
    assert reported(trainer).count(("frozen generator", "begins")) == 1
    assert sentence(trainer, "frozen generator").startswith("G does not move: a step changes its weights by ")
    assert "since step 30: G does not move" in trainer.finish()


def test_a_d_without_an_opponent_gets_too_sure(tmp_path: Path) -> None:
    trainer = trained(ring(g_lr=1e-12, epochs=0.3), tmp_path / "run")
    assert "it scores 100.0% of the real ones higher" in sentence(trainer, "saturated discriminator")


def test_the_loss_of_2014_loses_its_gradient_to_a_sure_d(tmp_path: Path) -> None:
    trainer = trained(ring(objective="minimax", g_lr=1e-12, epochs=0.3), tmp_path / "run")
    assert "G's loss is only 0." in sentence(trainer, "vanishing generator gradient")


def test_zeroed_gradients_are_named_as_such(tmp_path: Path) -> None:
    trainer = Trainer.start(ring(), tmp_path / "run", quiet=True)
    g_loss = trainer.system.objective.g_loss

    def flat(b: Any) -> Any:
        loss, db = g_loss(b)
        return loss, 0 * db

    trainer.system.objective.g_loss = flat
    trainer.train()
    assert "No gradient reaches 0.weight of G, 2.weight of G and 4.weight of G" in sentence(
        trainer, "layer without gradient"
    )
    assert ("frozen generator", "begins") in reported(trainer)


def test_a_clip_that_is_never_reached_is_reported(tmp_path: Path) -> None:
    trainer = trained(ring(objective="wgan", hyper={"clip": 10}, epochs=0.3), tmp_path / "run")
    words = sentence(trainer, "clip too wide")
    assert words.startswith("Clipping does nothing: none of D's weights reaches the bounds -10 and 10. Its scores are ")


def test_a_clip_that_holds_all_weights_is_reported_with_their_share(tmp_path: Path) -> None:
    trainer = trained(ring(objective="wgan", hyper={"clip": 0.01}, d_lr=0.1), tmp_path / "run")
    assert "% of D's weights lie at the bounds -0.01 and 0.01" in sentence(trainer, "weights at the bounds")


def test_a_clip_that_is_too_narrow_leaves_g_without_a_gradient(tmp_path: Path) -> None:
    trainer = trained(ring(objective="wgan", hyper={"clip": 1e-4}, epochs=0.2), tmp_path / "run")
    assert "is below the ε of the optimizers" in sentence(trainer, "vanishing generator gradient")


def at_start(change: Hook) -> Hook:
    """A hook that changes the players once, after the first step."""
    return lambda trainer: change(trainer) if trainer.step == 1 else None


def test_a_dead_layer_is_named(tmp_path: Path) -> None:
    def kill(trainer: Trainer) -> None:
        assert isinstance(trainer.networks["G"].layers[3], ReLU)
        trainer.networks["G"].layers[2].bias[...] = -100

    trainer = trained(ring(), tmp_path / "run", hooks=[at_start(kill)])
    assert sentence(trainer, "dead layer") == "Layer 3 of G is dead: 100% of its ReLU units fire for no sample."
    assert "No gradient reaches 0.weight of G, 2.weight of G and 4.weight of G" in sentence(
        trainer, "layer without gradient"
    )


def test_a_saturated_tanh_is_reported(pictures: Path, tmp_path: Path) -> None:
    def saturate(trainer: Trainer) -> None:
        trainer.networks["G"].layers[-2].bias[...] = 100

    trainer = trained(tiny(pictures, epochs=1), tmp_path / "run", hooks=[at_start(saturate)])
    assert sentence(trainer, "dead layer").startswith("G's tanh is saturated")


def bias(trainer: Trainer) -> None:
    """G generates images of one brightness from here on."""
    trainer.networks["G"].layers[-2].bias[...] = 1.2
    trainer.networks["G"].layers[-2].weight[...] *= 0.1


def test_a_generator_of_one_class_is_reported_which_are_missing(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, epochs=2, g_lr=1e-5)
    trainer = trained(config, tmp_path / "run", hooks=[at_start(bias)], judge=brightness)
    assert sentence(trainer, "mode collapse") == (
        "Mode collapse: G generates 1 of 4 classes; missing: dark, dim and bright; 100% of its samples are white."
    )


def test_a_generator_of_one_gaussian_is_reported_which_are_missing(tmp_path: Path) -> None:
    def shrink(trainer: Trainer) -> None:
        trainer.networks["G"].layers[-1].weight[...] *= 0
        trainer.networks["G"].layers[-1].bias[...] = np.array([2, 0])

    trainer = trained(ring(epochs=2, batch_size=5000, g_lr=1e-5), tmp_path / "run", hooks=[at_start(shrink)])
    words = sentence(trainer, "mode collapse")
    assert words.startswith("Mode collapse: G generates 1 of 8 Gaussians; missing: (1.41, 1.41), (0, 2), ")
    assert words.endswith("100% of its samples are (2, 0).")


def test_what_is_wrong_is_reported_beside_the_bar_and_not_when_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trained(ring(g_lr=1e-12), tmp_path / "quiet")
    assert capfd.readouterr() == ("", "")
    Trainer.start(ring(g_lr=1e-12), tmp_path / "loud").train()
    out, err = capfd.readouterr()
    assert out == ""
    assert [line for line in err.splitlines() if line.startswith("step 30: G does not move: ")]


def stop_at(step: int) -> Hook:
    def hook(trainer: Trainer) -> None:
        if trainer.step == step:
            raise Interrupted

    return hook


@pytest.fixture(scope="module")
def frozen(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose G does not move, and that was never stopped."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return trained(tiny(pictures, epochs=8, g_lr=1e-12), folder, judge=brightness).run


@pytest.mark.parametrize("step", [6, 18, 24])
def test_a_resumed_run_reports_nothing_twice_and_nothing_else(
    pictures: Path, tmp_path: Path, frozen: Run, step: int
) -> None:
    config = tiny(pictures, epochs=8, g_lr=1e-12)
    options: dict[str, Any] = {"judge": brightness}
    with pytest.raises(Interrupted):
        trained(config, tmp_path / "halves", hooks=[stop_at(step)], **options)
    again = Trainer.resume(tmp_path / "halves", quiet=True, **options)
    again.train()
    assert_same_run(frozen.folder, tmp_path / "halves")
    whole = [entry for point in frozen.log() for entry in point.get("health", [])]
    assert whole and again.health.monitors[0][1].active.keys() >= {"frozen generator"}


def test_watching_changes_nothing(pictures: Path, tmp_path: Path) -> None:
    """The same run without health's looks at the steps, and with nothing to recognise its samples by."""
    config = tiny(pictures, model="mlp")  # with dropout, whose numbers a probe must not use up
    trained(config, tmp_path / "watched", judge=brightness)
    trainer = Trainer.start(config, tmp_path / "unwatched", quiet=True)
    trainer.health.look = lambda step, on: None  # type: ignore[method-assign]
    trainer.train()
    assert_same_arrays(last_arrays(tmp_path / "watched"), last_arrays(tmp_path / "unwatched"))
    assert "g_gradient" not in trainer.run.log()[-1]["vitals"]
    assert "g_gradient" in Run.open(tmp_path / "watched").log()[-1]["vitals"]
