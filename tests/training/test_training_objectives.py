"""Runs of games that ask for more than two losses: readings, penalties on top, preparation, games without a D."""

from __future__ import annotations

import math
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import PER_EPOCH, last_arrays, tiny, trained

from minigan import data, objectives
from minigan.checks import objective_cases, outputs
from minigan.gradcheck import Recorder
from minigan.layers import Autoencoder, BatchNorm, Layer, LayerNorm, SpectralNorm
from minigan.objectives import Objective
from minigan.objectives.objective import sigmoid
from minigan.optim import flatten
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted
from minigan.training.config import Config
from minigan.training.observed import Observed
from minigan.training.state import State
from minigan.training.steps import discriminator_step
from minigan.training.trainer import Trainer

GAMES = objective_cases()
LOGITS = ("minimax", "nonsaturating", "dragan", "r1", "fgan-js", "fgan-gan")


def shown(objective: Objective, y: np.ndarray) -> float:
    """The mean that a log shows of D's outputs: of probabilities, scores, energies, or lengths of features."""
    if objective.name in LOGITS:
        return float(sigmoid(y).mean())
    if objective.output == "autoencoder" or y.shape[1] == 1:
        return float(y[:, 0].mean())
    return float(np.linalg.norm(y, axis=1).mean())


@pytest.mark.parametrize("objective", [game for _, game in GAMES], ids=[title for title, _ in GAMES])
def test_observed_means_are_those_of_ds_last_outputs(objective: Objective) -> None:
    observed, rng = Observed(objective), np.random.default_rng(0)
    for _ in range(2):
        a, b = outputs(objective, rng)
        if objective.trains_d:
            for seen, own in zip(observed.d_loss(a, b), objective.d_loss(a, b), strict=True):
                np.testing.assert_array_equal(seen, own)
        if objective.compares:
            observed.face(Answer(a), np.zeros((5, 2)))
        seen, own = observed.g_loss(b), objective.joint_g_loss(a, b)
        for seen_array, own_array in zip(seen, own, strict=True):
            np.testing.assert_array_equal(seen_array, own_array)
        assert observed.means() == pytest.approx((shown(objective, a), shown(objective, b)))


def test_a_log_shows_both_sides_of_one_look_of_d_where_the_game_compares() -> None:
    objective = objectives.get("ragan")
    observed, rng = Observed(objective), np.random.default_rng(0)
    a, b = outputs(objective, rng)
    observed.d_loss(a, b)
    later, _ = outputs(objective, rng)
    observed.face(Answer(later), np.zeros((5, 2)))  # D has moved since
    observed.g_loss(b)
    assert observed.means() == pytest.approx((shown(objective, a), shown(objective, b)))


class Answer(Layer):
    """A D that gives the same whatever it is shown."""

    def __init__(self, y: np.ndarray) -> None:
        self.y = y

    def forward(self, x: Any, train: bool = True) -> Any:
        return self.y, None


LAYER, NONE = {"wgan-gp", "dragan", "r1", "mmd-gan-gp", "cramer"}, {"magan", "gmmn"}


def norms(D: Any) -> set[type]:
    networks: list[Any] = [D.encoder, D.decoder] if isinstance(D, Autoencoder) else [D]
    return {type(layer) for network in networks for layer in getattr(network, "layers", ())} & {
        BatchNorm,
        LayerNorm,
        SpectralNorm,
    }


@pytest.mark.parametrize("model", ["dcgan", "infogan"])
@pytest.mark.parametrize("objective", objectives.names())
def test_penalised_critics_have_layer_norm_lone_judges_none_and_the_others_batch_norm(
    pictures: Path, model: str, objective: str
) -> None:
    suited = {LayerNorm} if objective in LAYER else set() if objective in NONE else {BatchNorm}
    assert norms(state(pictures, model=model, objective=objective).D) == suited


def state(pictures: Path, **choices: Any) -> State:
    return State(tiny(pictures, **choices), (8, 8, 1))


def test_a_penalty_on_top_asks_for_layer_norm_and_spectral_norm_for_no_other(pictures: Path) -> None:
    assert norms(state(pictures, objective="hinge", penalty="r1").D) == {LayerNorm}
    assert norms(state(pictures, objective="magan", hyper={"margin": 1.0}).D) == set()
    for objective in ("hinge", "wgan-gp", "mcgan-mean", "ebgan", "began"):
        assert norms(state(pictures, objective=objective, spectral_norm=True).D) == {SpectralNorm}


def d_grads(state: State, real: np.ndarray, z: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """Loss and gradients of a D step that moves nothing."""
    recorder = Recorder()
    state.streams.seek(0)
    loss = discriminator_step(state.D, state.G, state.objective, recorder, real, z)
    return float(loss), recorder.grads


@pytest.mark.parametrize(
    ("game", "hyper"), [("hinge", {}), ("wgan-gp", {}), ("mcgan-cov", {"features": 4, "rank": 2}), ("r1", {})]
)
def test_a_penalty_on_top_is_the_sum_of_both(game: str, hyper: dict[str, Any]) -> None:
    config = Config(model="points", data="ring", hidden=8, objective=game, hyper=hyper)
    base = State(config, (2,))
    more = State(replace(config, penalty="r1", penalty_weight=3.0), (2,))
    rng = np.random.default_rng(0)
    real, z = (rng.standard_normal((8, 2), dtype=np.float32) for _ in range(2))
    r1_grads: dict[str, Any] = {}
    r1 = float(objectives.get("r1", gamma=3.0).penalty(base.D, real, real, r1_grads))  # type: ignore[misc]
    (loss, grads), (both, summed) = (d_grads(one, real, z) for one in (base, more))
    assert r1 > 1e-4 and both - loss == pytest.approx(r1, rel=1e-3, abs=1e-6)
    apart = flatten(r1_grads)
    for name, _ in base.D.named_params():
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
    assert {name for name in saved if name.startswith("objective/")} == {"objective/k", "objective/convergence"}
    assert (saved["objective/k"].dtype, float(saved["objective/k"])) == (np.float64, log[-1]["k"])


@pytest.mark.parametrize(("objective", "names"), [("fisher", ["lam", "omega", "distance"]), ("magan", ["margin"])])
def test_each_game_logs_its_own_readings(pictures: Path, tmp_path: Path, objective: str, names: list[str]) -> None:
    trainer = trained(tiny(pictures, objective=objective, epochs=0.5), tmp_path / "run")
    (entry,) = trainer.run.log()
    assert list(entry)[6:-2] == names
    assert all(math.isfinite(entry[name]) for name in names)


def test_a_game_without_a_d_logs_no_loss_of_d_and_trains_g_alone(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = Trainer.start(tiny(pictures, objective="gmmn", hyper={"weight": 1.0}), tmp_path / "run", quiet=True)
    trainer.introduce()
    assert "no discriminator, samples are compared as they are" in capsys.readouterr().out
    trainer.train()
    assert [(entry["step"], entry["d_loss"]) for entry in trainer.run.log()] == [(6, None), (10, None), (12, None)]
    assert all(entry[name] > 0 for entry in trainer.run.log() for name in ("g_loss", "d_real", "d_fake"))
    assert '"d_loss": null' in (trainer.run.folder / "log.jsonl").read_text()
    assert (trainer.total, trainer.draw.seen["real"]) == (12, 12)
    assert trainer.system.counts() == {"d_optimizer": 0, "g_optimizer": 12}
    assert {name.split("/")[0] for name in last_arrays(trainer.run.folder)} == {"G", "g_optimizer"}
    assert "losses.png" in trainer.finish()


def test_a_game_that_compares_shows_g_new_data_at_every_step(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(pictures, objective="cramer", n_critic=2, epochs=1, hyper={"features": 4})
    trainer = Trainer.start(config, tmp_path / "run", quiet=True)
    faced: list[np.ndarray] = []
    seen: list[np.ndarray] = []
    monkeypatch.setattr(trainer.objective, "face", lambda D, real: faced.append(real))
    for _ in trainer.steps():
        for real, z in trainer.critic_batches():
            seen += [real]
            assert (len(real), len(z)) == (8, 16)  # two fakes for every real sample
            trainer.objective.d_loss(np.zeros((8, 4)), np.zeros((16, 4)))
        assert len(trainer.noise()) == 16
        trainer.record(np.zeros(()), np.zeros(()))
    assert (trainer.total, trainer.draw.seen["real"], len(seen), len(faced)) == (2, 6, 4, 2)
    assert len({array.tobytes() for array in (*seen, *faced)}) == 6
    shown = np.concatenate([array.reshape(8, -1) for array in (*seen, *faced)])
    assert len({row.tobytes() for row in shown}) == 48  # one epoch: every picture once


def test_the_look_at_real_samples_for_g_leaves_running_statistics_to_the_steps_of_d(
    pictures: Path, tmp_path: Path
) -> None:
    trainer = Trainer.start(tiny(pictures, objective="ragan", epochs=1), tmp_path / "run", quiet=True)
    before = {name: array.copy() for name, array in trainer.networks["D"].named_buffers()}
    trainer.noise()
    assert before.keys() == {"3.running_mean", "3.running_var"}
    for name, array in trainer.networks["D"].named_buffers():
        np.testing.assert_array_equal(array, before[name])


def test_magan_prepares_d_before_the_first_step_and_measures_its_margin(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer.start(tiny(pictures, objective="magan", optimizer="adamax"), tmp_path / "run", quiet=True)
    start = {name: array.copy() for name, array in trainer.networks["D"].named_params()}
    g_start = {name: array.copy() for name, array in trainer.networks["G"].named_params()}
    next(trainer.steps())
    assert (trainer.step, trainer.draw.seen["real"]) == (0, 0)
    assert trainer.seconds > 0  # preparing is work as well
    assert trainer.system.counts() == {"d_optimizer": 2 * PER_EPOCH, "g_optimizer": 0}
    assert any(not np.array_equal(param, start[name]) for name, param in trainer.networks["D"].named_params())
    for name, param in trainer.networks["G"].named_params():
        np.testing.assert_array_equal(param, g_start[name])
    energies = []
    for i in range(PER_EPOCH):
        y, _ = trainer.networks["D"].forward(trainer.batches(2 * PER_EPOCH + i))
        energies.append(y[:, 0].mean())
    assert float(dict(trainer.system.objective.named_buffers())["margin"]) == pytest.approx(np.mean(energies), rel=1e-5)


def test_a_margin_of_magan_is_looked_at_after_every_epoch(pictures: Path, tmp_path: Path) -> None:
    counts: list[float] = []
    hook = lambda t: counts.append(float(t.system.objective.count))  # noqa: E731
    trained(tiny(pictures, objective="magan", optimizer="adamax"), tmp_path / "run", hooks=[hook])
    assert counts == [1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0]


def test_the_average_of_a_generator_of_codes_paints_with_the_trained_decoder(pictures: Path, tmp_path: Path) -> None:
    choices: dict[str, Any] = {"objective": "gmmn", "model": "gmmn", "average": 0.9, "epochs": 1}
    hyper = {"space": "codes", "features": 4, "passes": 2}
    trainer = Trainer.start(tiny(pictures, **choices, hyper=hyper), tmp_path / "run", quiet=True)
    assert "frozen autoencoder, decoder" in trainer.state.model.table()
    next(trainer.steps())
    prepared = {name: param.copy() for name, param in trainer.networks["D"].named_params()}
    trainer = trained(tiny(pictures, **choices, hyper=hyper), tmp_path / "whole")
    D, painter = trainer.networks["D"], trainer.state.painter
    assert trainer.system.counts() == {"d_optimizer": 2 * PER_EPOCH, "g_optimizer": 6, "average": 6}
    for name, param in D.named_params():  # frozen: the steps left it as the preparation did
        np.testing.assert_array_equal(param, prepared[name])
    z = trainer.state.noise(4, np.random.default_rng(0))
    codes, _ = painter.forward(z)
    assert codes.shape == (4, 4)
    assert not np.array_equal(codes, trainer.networks["G"].forward(z)[0])
    painted, _ = D.decoder.forward(codes, train=False)  # type: ignore[attr-defined]
    pixels = np.clip(np.rint((painted + 1) * 127.5), 0, 255)
    np.testing.assert_array_equal(trainer.state.sample(z), pixels)
    assert not {
        name for name in last_arrays(trainer.run.folder) if name.startswith(("G/", "average/")) and "coder" in name
    }


class Impatient:
    """The batches of a trainer, and somebody who presses Ctrl-C at the third."""

    def __init__(self, batches: data.Batches) -> None:
        self.batches, self.per_epoch = batches, batches.per_epoch

    def __call__(self, i: int) -> np.ndarray:
        if i == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return self.batches(i)


def test_a_run_stopped_while_preparing_begins_again_as_if_it_had_not(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, objective="magan", optimizer="adamax", epochs=1)
    trainer = Trainer.start(config, tmp_path / "stopped", quiet=True)
    trainer.batches = Impatient(trainer.batches)  # type: ignore[assignment]
    with pytest.raises(Interrupted, match=r"stopped while preparing; --resume .*stopped begins again"):
        trainer.train()
    assert trainer.system.counts()["d_optimizer"] == 3
    Trainer.resume(tmp_path / "stopped", quiet=True).train()
    trained(config, tmp_path / "whole")
    whole, stopped = last_arrays(tmp_path / "whole"), last_arrays(tmp_path / "stopped")
    assert whole.keys() == stopped.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(stopped[name], array, err_msg=name)


def test_a_lazy_penalty_counts_its_steps_in_the_checkpoint(pictures: Path, tmp_path: Path) -> None:
    trainer = trained(tiny(pictures, objective="r1", hyper={"every": 3}), tmp_path / "run")
    _, numbers = checkpoint.load(trainer.run.checkpoints()[-1])
    assert numbers["counts"] == {"d_optimizer": 12, "g_optimizer": 12, "objective/d_steps": 12}
    assert Trainer.resume(tmp_path / "run", quiet=True).system.counts() == numbers["counts"]


def test_hyper_parameters_reach_the_objective(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, objective="wgan", hyper={"clip": 0.25, "warmup": False}, epochs=1)
    trainer = trained(config, tmp_path / "run")
    assert trainer.total == PER_EPOCH
    assert float(max(np.abs(array).max() for _, array in trainer.networks["D"].named_params())) <= 0.25
    assert Run.open(tmp_path / "run").config.hyper == {"clip": 0.25, "warmup": False}
