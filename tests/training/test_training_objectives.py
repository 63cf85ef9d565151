"""Runs of objectives that need more than two losses: readings, penalties on top, preparation, no D."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import PER_EPOCH, last_arrays, plain, tiny, trained

from minigan import objectives
from minigan.checks import objective_cases, outputs
from minigan.device import CPU
from minigan.gradcheck import Recorder
from minigan.layers import Autoencoder, BatchNorm, Layer, LayerNorm, Linear, Network, SpectralNorm
from minigan.objectives import Objective
from minigan.objectives.objective import sigmoid
from minigan.optim import flatten
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted
from minigan.systems import GAN
from minigan.training import build
from minigan.training.draw import Draw, Fixed
from minigan.training.steps import Outcome, discriminator_step
from minigan.training.trainer import Trainer

CASES = objective_cases()
LOGITS = ("minimax", "nonsaturating", "dragan", "r1", "fgan-js", "fgan-gan")


def shown(objective: Objective, y: np.ndarray) -> float:
    """The mean that a log shows of D's outputs: of probabilities, scores, energies, or lengths of features."""
    if objective.name in LOGITS:
        return float(sigmoid(y).mean())
    if objective.output == "autoencoder" or y.shape[1] == 1:
        return float(y[:, 0].mean())
    return float(np.linalg.norm(y, axis=1).mean())


def outcomes(scores: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Outcome]:
    """The outcomes of turns with these scores of real and generated samples."""
    zero = np.zeros(())
    return {turn: Outcome(zero, {"real": a, "fake": b}, {}) for turn, (a, b) in scores.items()}


def gan(objective: Objective) -> GAN:
    rng = np.random.default_rng(0)
    return GAN(Network(Linear(2, 2, rng=rng)), Network(Linear(2, 1, rng=rng)), objective, z_dim=2)


@pytest.mark.parametrize("objective", [case for _, case in CASES], ids=[title for title, _ in CASES])
def test_means_in_the_log_are_those_of_ds_outputs_for_real_and_generated_samples(objective: Objective) -> None:
    rng = np.random.default_rng(0)
    (a, b), later = outputs(objective, rng), outputs(objective, rng)  # in G's turn D has moved
    scores = {"D": (a, b), "G": later} if objective.trains_d else {"G": (a, b)}
    readings = gan(objective).readings(outcomes(scores))
    expected = (shown(objective, a), shown(objective, b))
    assert (float(readings["d_real"]), float(readings["d_fake"])) == pytest.approx(expected)


LAYER = {"wgan-gp", "dragan", "r1", "rpgan", "mmd-gan-gp", "cramer"}


def norms(D: Any) -> set[type]:
    networks: list[Any] = [D.encoder, D.decoder] if isinstance(D, Autoencoder) else [D]
    return {type(layer) for network in networks for layer in getattr(network, "layers", ())} & {
        BatchNorm,
        LayerNorm,
        SpectralNorm,
    }


@pytest.mark.parametrize("model", ["dcgan", "infogan"])
@pytest.mark.parametrize("objective", objectives.names())
def test_penalised_critics_have_layer_norm_and_the_others_batch_norm(
    pictures: Path, model: str, objective: str
) -> None:
    suited = {LayerNorm} if objective in LAYER else set() if objective == "gmmn" else {BatchNorm}
    assert norms(critic(pictures, model=model, objective=objective)) == suited


def critic(pictures: Path, **choices: Any) -> Layer:
    """The discriminator of a run, trained or not."""
    system = build.system(tiny(pictures, **choices), {"real": {"shape": (8, 8, 1)}})
    return system.players["D"].network if "D" in system.players else system.frozen["D"]


def test_a_penalty_on_top_asks_for_layer_norm_and_spectral_norm_for_no_other(pictures: Path) -> None:
    assert norms(critic(pictures, objective="hinge", penalty="r1")) == {LayerNorm}
    for objective in ("hinge", "wgan-gp", "mcgan-mean", "ebgan", "began"):
        assert norms(critic(pictures, objective=objective, spectral_norm=True)) == {SpectralNorm}


def d_grads(system: GAN, real: np.ndarray, z: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """Loss and gradients of a D step that moves nothing."""
    recorder, players = Recorder(), system.players
    outcome = discriminator_step(players["D"].network, players["G"].network, system.objective, recorder, real, z)
    return float(outcome.loss), recorder.grads


@pytest.mark.parametrize(
    ("objective", "hyper"), [("hinge", {}), ("wgan-gp", {}), ("mcgan-cov", {"features": 4, "rank": 2}), ("r1", {})]
)
def test_a_penalty_on_top_is_the_sum_of_both(objective: str, hyper: dict[str, Any]) -> None:
    config = plain(model="points", data="ring", hidden=8, objective=objective, hyper=hyper)
    about = {"real": {"shape": (2,)}}
    base, more = (build.system(c, about) for c in (config, replace(config, penalty="r1", penalty_weight=3.0)))
    rng = np.random.default_rng(0)
    real, z = (rng.standard_normal((8, 2), dtype=np.float32) for _ in range(2))
    r1_grads: dict[str, Any] = {}
    D = base.players["D"].network
    r1 = float(objectives.get("r1", gamma=3.0).penalty(D, real, real, r1_grads))  # type: ignore[misc]
    (loss, grads), (both, summed) = (d_grads(one, real, z) for one in (base, more))
    assert r1 > 1e-4 and both - loss == pytest.approx(r1, rel=1e-3, abs=1e-6)
    apart = flatten(r1_grads)
    for name, _ in D.named_params():
        expected = grads[name] + apart.get(name, 0)
        np.testing.assert_allclose(summed[name], expected, rtol=1e-4, atol=1e-6, err_msg=name)
    assert max(np.abs(grad).max() for grad in apart.values()) > 1e-4


def test_readings_are_in_the_log_beside_the_losses(pictures: Path, tmp_path: Path) -> None:
    trainer = trained(tiny(pictures, objective="began", hyper={"rate": 0.1}), tmp_path / "run")
    log = trainer.run.log()
    names = ["step", "epoch", "d_loss", "g_loss", "d_real", "d_fake", "k", "convergence", "seconds", "vitals"]
    assert [list(entry) for entry in log] == [names] * 3
    for name in ("k", "convergence"):
        assert log[-1][name] == float(getattr(trainer.system.objective, name)) > 0
    saved = last_arrays(trainer.run.folder)
    assert {name for name in saved if name.startswith("saved/")} == {"saved/objective/k", "saved/objective/convergence"}
    assert (saved["saved/objective/k"].dtype, float(saved["saved/objective/k"])) == (np.float64, log[-1]["k"])


@pytest.mark.parametrize(("objective", "names"), [("fisher", ["lam", "omega", "distance"]), ("magan", ["margin"])])
def test_each_objective_logs_its_own_readings(pictures: Path, tmp_path: Path, objective: str, names: list[str]) -> None:
    trainer = trained(tiny(pictures, objective=objective, epochs=0.5), tmp_path / "run")
    (entry,) = trainer.run.log()
    assert list(entry)[6:-2] == names
    assert all(math.isfinite(entry[name]) for name in names)


def test_an_objective_without_a_d_logs_no_loss_of_d_and_trains_g_alone(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = Trainer.start(tiny(pictures, objective="gmmn", hyper={"weight": 1.0}), tmp_path / "run", quiet=True)
    trainer.introduce()
    assert "no discriminator, samples are compared as they are" in capsys.readouterr().out
    trainer.train()
    assert [entry["step"] for entry in trainer.run.log()] == [6, 10, 12]
    assert all(entry[name] > 0 for entry in trainer.run.log() for name in ("g_loss", "d_real", "d_fake"))
    assert all("d_loss" not in entry for entry in trainer.run.log())
    assert (trainer.total, trainer.draw.seen["real"]) == (12, 12)
    assert trainer.system.counts() == {"G_optimizer": 12}
    assert {name.split("/")[0] for name in last_arrays(trainer.run.folder)} == {"G", "G_optimizer"}
    assert "losses.png" in trainer.finish()


def test_an_objective_that_compares_shows_g_new_data_at_every_step(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, objective="cramer", n_critic=2, epochs=1, hyper={"features": 4})
    trainer = Trainer.start(config, tmp_path / "run", quiet=True)
    batch, noise = trainer.draw.batch, trainer.draw.noise
    seen: list[np.ndarray] = []
    sizes: set[int] = set()

    def watched_batch(name: str = "real") -> np.ndarray:
        seen.append(batch(name))
        return seen[-1]

    def watched_noise(n: int, size: int, **options: Any) -> np.ndarray:
        sizes.add(n)
        return noise(n, size, **options)

    trainer.draw.batch, trainer.draw.noise = watched_batch, watched_noise  # type: ignore[method-assign]
    trainer.train()
    assert (trainer.total, trainer.draw.seen["real"], len(seen)) == (2, 6, 6)
    assert sizes == {16}  # two fakes for every real sample
    shown = np.concatenate([array.reshape(8, -1) for array in seen])
    assert len({row.tobytes() for row in shown}) == 48  # one epoch: every image once


def test_the_real_samples_that_g_is_compared_with_move_no_running_statistics_of_d(
    pictures: Path, tmp_path: Path
) -> None:
    trainer = Trainer.start(tiny(pictures, objective="ragan", epochs=1), tmp_path / "run", quiet=True)
    for step in trainer.steps():
        for turn, draw in trainer.turns(step):
            before = {name: array.copy() for name, array in trainer.networks["D"].named_buffers()}
            trainer.record(turn, turn.play(draw))
            moved = {name for name, array in trainer.networks["D"].named_buffers() if (array != before[name]).any()}
            assert moved == ({"3.running_mean", "3.running_var"} if turn.name == "D" else set())


def test_magan_prepares_d_before_the_first_step_and_measures_its_margin(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer.start(tiny(pictures, objective="magan", optimizer="adamax"), tmp_path / "run", quiet=True)
    start = {name: array.copy() for name, array in trainer.networks["D"].named_params()}
    g_start = {name: array.copy() for name, array in trainer.networks["G"].named_params()}
    next(trainer.steps())
    assert (trainer.step, trainer.draw.seen["real"]) == (0, 0)
    assert trainer.seconds > 0  # preparing is work as well
    assert trainer.system.counts() == {"D_optimizer": 2 * PER_EPOCH, "G_optimizer": 0}
    assert any(not np.array_equal(param, start[name]) for name, param in trainer.networks["D"].named_params())
    for name, param in trainer.networks["G"].named_params():
        np.testing.assert_array_equal(param, g_start[name])
    third_pass = list(Draw(trainer.draw.datasets, 8, 0, CPU).passes(3))[2 * PER_EPOCH :]
    energies = [trainer.networks["D"].forward(x)[0][:, 0].mean() for x in third_pass]
    assert float(dict(trainer.system.objective.named_buffers())["margin"]) == pytest.approx(np.mean(energies), rel=1e-5)


def test_the_margin_of_magan_is_reconsidered_after_every_epoch(pictures: Path, tmp_path: Path) -> None:
    counts: list[float] = []
    hook = lambda t: counts.append(float(t.system.objective.count))  # noqa: E731
    trained(tiny(pictures, objective="magan", optimizer="adamax"), tmp_path / "run", hooks=[hook])
    assert counts == [1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0]


def test_the_average_of_a_generator_of_codes_draws_with_the_trained_decoder(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choices: dict[str, Any] = {"objective": "gmmn", "model": "gmmn", "average": 0.9, "epochs": 1}
    hyper = {"space": "codes", "features": 4, "passes": 2}
    trainer = Trainer.start(tiny(pictures, **choices, hyper=hyper), tmp_path / "run", quiet=True)
    trainer.introduce()
    assert "autoencoder" in capsys.readouterr().out
    next(trainer.steps())
    prepared = {name: param.copy() for name, param in trainer.networks["autoencoder"].named_params()}
    trainer = trained(tiny(pictures, **choices, hyper=hyper), tmp_path / "whole")
    system, autoencoder = trainer.system, trainer.networks["autoencoder"]
    assert system.counts() == {"autoencoder_optimizer": 2 * PER_EPOCH, "G_optimizer": 6, "G_average": 6}
    for name, param in autoencoder.named_params():  # frozen: the steps left it as the preparation did
        np.testing.assert_array_equal(param, prepared[name])
    z = Fixed(np.random.default_rng(0), CPU).noise(4, system.z_dim)
    codes, _ = system.drawing.forward(z)
    assert codes.shape == (4, 4)
    assert not np.array_equal(codes, trainer.networks["G"].forward(z)[0])
    samples, _ = autoencoder.decoder.forward(codes, train=False)  # type: ignore[attr-defined]
    pixels = np.clip(np.rint((samples + 1) * 127.5), 0, 255)
    np.testing.assert_array_equal(system.generate(Fixed(np.random.default_rng(0), CPU), 4), pixels)
    parts = {name.split("/")[0] for name in last_arrays(trainer.run.folder)}
    assert parts == {"autoencoder", "autoencoder_optimizer", "G", "G_optimizer", "G_average"}


def interrupted_at_the_third(draw: Draw) -> Callable[..., Iterator[np.ndarray]]:
    """The passes of a preparation, and somebody who presses Ctrl-C at their third batch."""
    passes, numbers = draw.passes, count()

    def impatient(n: int, name: str = "real") -> Iterator[np.ndarray]:
        for x in passes(n, name):
            if next(numbers) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            yield x

    return impatient


def test_a_run_stopped_while_preparing_begins_again_as_if_it_had_not(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, objective="magan", optimizer="adamax", epochs=1)
    trainer = Trainer.start(config, tmp_path / "stopped", quiet=True)
    trainer.draw.passes = interrupted_at_the_third(trainer.draw)  # type: ignore[method-assign]
    with pytest.raises(Interrupted, match=r"stopped while preparing; --resume .*stopped begins again"):
        trainer.train()
    assert trainer.system.counts()["D_optimizer"] == 3
    Trainer.resume(tmp_path / "stopped", quiet=True).train()
    trained(config, tmp_path / "whole")
    whole, stopped = last_arrays(tmp_path / "whole"), last_arrays(tmp_path / "stopped")
    assert whole.keys() == stopped.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(stopped[name], array, err_msg=name)


def test_a_lazy_penalty_counts_its_steps_in_the_checkpoint(pictures: Path, tmp_path: Path) -> None:
    trainer = trained(tiny(pictures, objective="r1", hyper={"every": 3}), tmp_path / "run")
    _, numbers = checkpoint.load(trainer.run.checkpoints()[-1])
    assert numbers["counts"] == {"D_optimizer": 12, "G_optimizer": 12}
    assert int(last_arrays(trainer.run.folder)["saved/objective/d_steps"]) == 12
    assert Trainer.resume(tmp_path / "run", quiet=True).system.counts() == numbers["counts"]


def test_hyper_parameters_reach_the_objective(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, objective="wgan", hyper={"clip": 0.25, "warmup": False}, epochs=1)
    trainer = trained(config, tmp_path / "run")
    assert trainer.total == PER_EPOCH
    assert float(max(np.abs(array).max() for _, array in trainer.networks["D"].named_params())) <= 0.25
    assert Run.open(tmp_path / "run").config.hyper == {"clip": 0.25, "warmup": False}
