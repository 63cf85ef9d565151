"""A task is a pure function; its ways to end."""

from __future__ import annotations

import numpy as np
import pytest
from small_studies import task

from minigan import data
from minigan.layers import BatchNorm
from minigan.study import scores, space, work
from minigan.study.methods import method


@pytest.mark.parametrize("model", space.MODELS)
def test_every_model_trains_scores_and_gives_the_same_numbers_again(model: str) -> None:
    first, again = work.run(task(model)), work.run(task(model))
    assert first.status == "ok", first.error
    assert first.scores == again.scores and first.log == again.log
    assert {"step", "score", "test", "frechet", "modes"} <= first.scores[-1].keys()
    assert first.picture is not None and first.picture.shape == (2000, 2)


@pytest.mark.parametrize("model", space.MODELS)
def test_every_parameter_moves(model: str) -> None:
    own = method(task(model, disc_iters=1), (2,))
    networks = [own.vae.players[n].network for n in ("encoder", "decoder")] if model == "vae" else [own.D_form, own.G]
    before = [[w.copy() for _, w in network.named_params()] for network in networks]
    rng = np.random.default_rng(0)
    for number in range(3):
        own.step(number, rng.normal(size=(8, 2)).astype(np.float32))
    still = []
    for network, old in zip(networks, before, strict=True):
        still += [name for (name, w), w0 in zip(network.named_params(), old, strict=True) if np.array_equal(w, w0)]
    # The last bias of a critic adds the same to real and generated scores: its gradient is zero.
    assert still == ([list(dict(own.D_form.named_params()))[-1]] if model.startswith("wgan") else [])


def test_g_moves_in_every_fifth_step_and_keeps_its_weights_between() -> None:
    own = method(task("wgan", disc_iters=5), (2,))
    x = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    before = [w.copy() for _, w in own.G.named_params()]
    for number in range(4):
        assert "g_loss" not in own.step(number, x)
    assert all(np.array_equal(w, w0) for (_, w), w0 in zip(own.G.named_params(), before, strict=True))
    assert "g_loss" in own.step(4, x)


def test_wgan_clips_everything_also_scale_and_bias_of_batch_norm() -> None:
    own = method(task("wgan", clip=0.03, disc_bn=True), (2,))
    own.step(0, np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32))
    norms = [layer for layer in own.D_form.walk() if isinstance(layer, BatchNorm)]
    assert norms and all(np.allclose(layer.weight, 0.03) for layer in norms)
    assert max(np.abs(w).max() for _, w in own.D_form.named_params()) <= np.float32(0.03)


def test_short_runs_forget_the_first_statistics_of_batch_norm_sooner() -> None:
    def momentum(steps: int) -> float:
        own = method(task("ns", steps=steps), (2,))
        return next(layer.momentum for layer in own.G.walk() if isinstance(layer, BatchNorm))

    assert momentum(15_625) == momentum(10**6) == 1e-3
    assert momentum(1000) == pytest.approx(15.625e-3)


def test_images_are_trained_and_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    images = task("ns", "mnist-10k", width=0.02, steps=2, samples=200)
    result = work.run(images)
    assert result.status == "ok", result.error
    assert result.scores[-1]["score"] > 10  # an FID of noise
    assert result.picture is not None and result.picture.shape == (64, 28, 28, 1) and result.picture.dtype == np.uint8


def test_runs_that_go_wrong_end_with_their_status() -> None:
    assert work.run(task("mm", lr=1e30)).status in ("nan", "diverged")
    assert work.run(task("wgan", lr=1e12, clip=1e9, steps=20)).status in ("nan", "diverged")
    assert work.run(task("ns", timeout=0)).status == "timeout"
    broken = work.run({**task("ns"), "data": "nothing"})
    assert broken.status == "error" and "data must be one of" in broken.error


def test_the_score_of_points_is_zero_for_the_mixture_and_a_distance_for_others() -> None:
    ring, rng = data.ring(), np.random.default_rng(0)
    truth = scores.of_points(ring.sample(10_000, rng), ring)
    assert truth["score"] < 0.03 and truth["modes"] == 8 and truth["frechet"] < 0.01
    blob = (np.sqrt(2) * rng.normal(size=(10_000, 2))).astype(np.float32)
    assert scores.of_points(blob, ring)["frechet"] < 0.01  # the same mean and covariance, which is all that it sees
    assert scores.of_points(blob, ring)["score"] > 5 * truth["score"]
    away = ring.sample(10_000, rng) + np.float32(10)
    assert scores.of_points(away, ring)["score"] == pytest.approx(10 * np.sqrt(2) * 2 / np.pi, rel=0.02)
