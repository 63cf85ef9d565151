"""RWGAN and McGAN: Bregman costs, skew boxes, witnesses and their projections, primal against dual."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan.gradcheck import derivative_error
from minigan.layers import Flatten, LeakyReLU, Linear, Network
from minigan.layers.covariance import Covariance
from minigan.layers.spectralnorm import SpectralNorm
from minigan.objectives.mcgan import McGANCovariance, McGANMean
from minigan.objectives.rwgan import RWGAN, bregman_wasserstein
from minigan.objectives.wgan import WGAN

INF = float("inf")
DUALS = [
    McGANMean(form="dual"),
    McGANMean(form="dual", squared=False),
    McGANMean(form="dual", p=1),
    McGANMean(form="dual", p=INF),
    McGANCovariance(form="dual", rank=2, features=4),
    McGANCovariance(form="dual", rank=4, features=4),
]
each_dual = pytest.mark.parametrize("objective", DUALS, ids=lambda objective: f"{objective.name} {vars(objective)}")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def features(m: int = 5, n: int = 7, d: int = 4, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Features of m real and n fake samples, of different means and scales."""
    a, b = rng(1).normal(size=(m, d)) * np.arange(1, d + 1) + 1, rng(2).normal(size=(n, d)) - np.arange(d)
    return a.astype(dtype), b.astype(dtype)


def critic(last: Any) -> Network:
    """A critic on (N, 6) whose parameters lie far outside every box, with a witness of 4 features at its end."""
    network = Network(Flatten(), Linear(6, 4, rng=rng()), LeakyReLU(), last)
    for _, param in network.named_params():
        param[...] = rng(1).normal(size=param.shape) * 3
    return network


def mean_critic() -> Network:
    return critic(Linear(4, 1, bias=False, rng=rng()))


def covariance_critic() -> Network:
    return critic(Covariance(4, 2, rng=rng()))


# RWGAN


def test_the_interval_of_rwgan_is_skew_for_kl_and_that_of_wgan_for_l2() -> None:
    kl, l2, wgan = RWGAN(), RWGAN(bregman="l2"), RWGAN(bregman="l2", scale=1, clip=0.01)
    np.testing.assert_allclose([kl.lo, kl.hi], [-0.0099501, 0.0100501], atol=5e-8)
    np.testing.assert_allclose([l2.lo, l2.hi], [-5e-5, 5e-5], rtol=1e-12)
    assert (wgan.lo, wgan.hi) == (-0.01, 0.01)
    other = RWGAN(bounds=[0.1, 0.3])
    assert (other.lo, other.hi) == (0.1, 0.3)


def test_rwgan_plays_wgan_in_its_own_box() -> None:
    a, b = rng(1).normal(size=(5, 1)), rng(2).normal(size=(4, 1))
    for found, expected in zip(
        (*RWGAN().d_loss(a, b), *RWGAN().g_loss(b)), (*WGAN().d_loss(a, b), *WGAN().g_loss(b)), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    D, before = mean_critic(), mean_critic()
    RWGAN(bounds=(-0.5, 2)).after_d_update(D)
    for (name, param), (_, old) in zip(D.named_params(), before.named_params(), strict=True):
        np.testing.assert_array_equal(param, np.clip(old, np.float32(-0.5), np.float32(2)))
        assert (param != old).any(), name


def test_the_critic_of_rwgan_warms_up_only_on_request() -> None:
    assert {RWGAN().critic_steps(step, 5) for step in range(502)} == {5}
    assert RWGAN(warmup=True).critic_steps(0, 5) == 100


def test_the_l2_cost_of_two_shifted_sets_is_the_square_of_the_shift() -> None:
    x = rng().normal(size=(20, 3))
    assert bregman_wasserstein(x, x[::-1] + np.array([0.01, 0.02, -0.02]), "l2") == pytest.approx(9e-4, rel=1e-10)
    assert bregman_wasserstein(x, x[::-1], "l2") == 0


def test_the_kl_cost_is_the_generalised_kl_divergence_and_not_symmetric() -> None:
    x, y = np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]])
    assert bregman_wasserstein(x, 3 * y, "kl") == pytest.approx(np.log(1 / 6) + 2 * np.log(2 / 3) - 3 + 9, rel=1e-12)
    assert bregman_wasserstein(x, 3 * y, "kl") != pytest.approx(bregman_wasserstein(3 * y, x, "kl"), rel=0.1)


@pytest.mark.parametrize("phi", ["l2", "kl"])
def test_the_relaxed_distance_is_two_averages_less_the_largest_correlation(phi: str) -> None:
    # W = E φ(x) + E [<∇φ(y), y> - φ(y)] - max over couplings E <x, ∇φ(y)>
    x, y = rng(1).uniform(0.1, 2, (5, 3)), rng(2).uniform(0.5, 3, (5, 3))
    value, slope = {
        "l2": (lambda t: (t * t).sum(axis=1), lambda t: 2 * t),
        "kl": (lambda t: (t * np.log(t)).sum(axis=1), lambda t: np.log(t) + 1),
    }[phi]
    largest = max((x * slope(y[list(order)])).sum() / 5 for order in itertools.permutations(range(5)))
    expected = value(x).mean() + ((slope(y) * y).sum(axis=1) - value(y)).mean() - largest
    assert bregman_wasserstein(x, y, phi) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("x", "phi", "words"),
    [
        (np.ones((3, 2)), "l1", "phi must be 'kl' or 'l2', got 'l1'"),
        (np.zeros((3, 2)), "kl", "numbers above 0, got a minimum of 0.0"),
        (np.full((3, 2), np.nan), "kl", "numbers above 0"),
        (np.ones((4, 2)), "l2", r"one shape \(N, d\), got \(4, 2\) and \(3, 2\)"),
        (np.ones(3), "l2", r"one shape \(N, d\), got \(3,\)"),
    ],
)
def test_sets_that_have_no_such_distance_are_refused(x: np.ndarray, phi: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        bregman_wasserstein(x, np.ones((3, 2)), phi)


@pytest.mark.parametrize(
    ("page", "hyper", "words"),
    [
        (RWGAN, {"bregman": "js"}, "bregman must be 'kl' or 'l2', got 'js'"),
        (RWGAN, {"clip": float("nan")}, "clip must be positive"),
        (RWGAN, {"clip": 1000.0}, "clip is an exponent in 'kl', below 100, got 1000.0"),
        (RWGAN, {"scale": float("nan")}, "scale must be positive and finite, got nan"),
        (RWGAN, {"scale": 0}, "scale must be positive and finite, got 0"),
        (RWGAN, {"bounds": (1, 1)}, r"two finite numbers \(lo, hi\) with lo < hi, got \(1, 1\)"),
        (RWGAN, {"bounds": (float("nan"), 1)}, "bounds must be two finite numbers"),
        (RWGAN, {"bounds": (0, INF)}, "bounds must be two finite numbers"),
        (RWGAN, {"bounds": (0, 1, 2)}, "bounds must be two finite numbers"),
        (McGANMean, {"p": 3}, "p must be 1, 2 or infinity, got 3"),
        (McGANMean, {"p": float("nan")}, "p must be 1, 2 or infinity"),
        (McGANMean, {"form": "both"}, "form must be 'primal' or 'dual', got 'both'"),
        (McGANMean, {"features": 0}, "features must be an integer of at least 1, got 0"),
        (McGANMean, {"features": 2.5}, "features must be an integer"),
        (McGANMean, {"clip": 0}, "clip must be positive, got 0"),
        (McGANCovariance, {"rank": 65}, "rank must be an integer from 1 to features = 64, got 65"),
        (McGANCovariance, {"rank": 0}, "rank must be an integer from 1"),
        (McGANCovariance, {"clip": float("nan")}, "clip must be positive"),
    ],
)
def test_wrong_hyper_parameters_are_refused(page: Any, hyper: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        page(**hyper)


# McGAN, dual


def test_the_distances_between_means_at_hand_picked_points() -> None:
    a, b = np.array([[4.0, 0], [2, -8]]), np.array([[0.0, 0]])  # δ = (3, -4)
    for hyper, j, s in (
        ({}, 12.5, (3, -4)),
        ({"squared": False}, 5, (0.6, -0.8)),
        ({"p": INF}, 7, (1, -1)),
        ({"p": 1}, 4, (0, -1)),
    ):
        objective = McGANMean(form="dual", **hyper)
        loss, da, db = objective.d_loss(a, b)
        g_loss, g_db = objective.joint_g_loss(a, b)
        np.testing.assert_allclose([loss, g_loss], [-j, j], rtol=1e-12)
        np.testing.assert_allclose(da, -np.array([s, s]) / 2, rtol=1e-12)
        np.testing.assert_allclose([db, -g_db], [[s], [s]], rtol=1e-12)


def test_the_distance_between_second_moments_at_hand_picked_points() -> None:
    a, b = np.array([[2.0, 0, 0], [0, 0, 2]]), np.array([[0.0, 3, 0]])  # M = diag(2, -9, 2)
    loss, da, db = McGANCovariance(form="dual", rank=1, features=3).d_loss(a, b)
    assert loss == pytest.approx(-9)
    np.testing.assert_allclose(da, np.zeros((2, 3)), atol=1e-15)
    np.testing.assert_allclose(db, [[0, -6, 0]])  # -J falls where the fakes have more of the second feature
    loss, da, db = McGANCovariance(form="dual", rank=3, features=3).d_loss(a, b)
    assert loss == pytest.approx(-13)
    np.testing.assert_allclose(da, -a, atol=1e-15)
    np.testing.assert_allclose(db, -2 * b)


@each_dual
def test_every_gradient_of_the_duals_is_the_derivative_of_its_loss(objective: Any) -> None:
    a, b = features()
    _, da, db = objective.d_loss(a, b)
    _, g_db = objective.joint_g_loss(a, b)
    assert derivative_error(lambda: objective.d_loss(a, b)[0], a, da, rng()) < 1e-6
    assert derivative_error(lambda: objective.d_loss(a, b)[0], b, db, rng()) < 1e-6
    assert derivative_error(lambda: objective.joint_g_loss(a, b)[0], b, g_db, rng()) < 1e-6


@each_dual
def test_a_dual_counts_a_batch_twice_as_once(objective: Any) -> None:
    a, b = features()
    once, twice = objective.d_loss(a, b), objective.d_loss(np.tile(a, (2, 1)), np.tile(b, (2, 1)))
    assert twice[0] == pytest.approx(once[0], rel=1e-12)
    np.testing.assert_allclose(twice[1], np.tile(once[1], (2, 1)) / 2, rtol=1e-10, atol=1e-14)


@each_dual
def test_equal_batches_have_distance_0_and_finite_gradients(objective: Any) -> None:
    a, _ = features()
    loss, da, db = objective.d_loss(a, a)
    assert loss == pytest.approx(0, abs=2e-6)  # the root of ε where there is one
    assert np.isfinite(da).all()
    np.testing.assert_array_equal(da, -db)


@each_dual
def test_a_gpu_would_play_the_dual_alike_in_float32_without_waiting(objective: Any) -> None:
    a, b = features(dtype=np.float32)
    with strict.no_sync():
        away = (
            *objective.d_loss(*map(strict.to_device, (a, b))),
            *objective.joint_g_loss(*map(strict.to_device, (a, b))),
        )
    home = (*objective.d_loss(a, b), *objective.joint_g_loss(a, b))
    exact = (*objective.d_loss(*features()), *objective.joint_g_loss(*features()))
    for here, there, true in zip(home, away, exact, strict=True):
        assert here.dtype == there.get().dtype == np.float32
        np.testing.assert_allclose(there.get(), here, rtol=1e-6)
        np.testing.assert_allclose(here, true, rtol=1e-4, atol=1e-4)


def test_where_several_means_differ_most_the_gradient_is_shared_out() -> None:
    _, da, _ = McGANMean(form="dual", p=1).d_loss(np.array([[2.0, -2, 1]]), np.zeros((1, 3)))
    np.testing.assert_array_equal(da, [[-0.5, 0.5, 0]])


def test_a_dual_generator_is_compared_with_real_samples() -> None:
    a, b = features()
    for objective in DUALS:
        assert objective.compares
        with pytest.raises(TypeError, match="compares generated with real samples"):
            objective.g_loss(b)
        assert objective.joint_g_loss(a, b)[0] != objective.joint_g_loss(2 * a + 1, b)[0]


# McGAN, primal


@pytest.mark.parametrize("page", [McGANMean, McGANCovariance])
def test_a_primal_plays_wgan_on_its_scores(page: Any) -> None:
    a, b = rng(1).normal(size=(5, 1)), rng(2).normal(size=(4, 1))
    objective = page()
    assert not objective.compares
    expected = (*WGAN().d_loss(a, b), *WGAN().g_loss(b))
    for found in (
        (*objective.d_loss(a, b), *objective.g_loss(b)),
        (*objective.d_loss(a, b), *objective.joint_g_loss(a, b)),
    ):
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("p", [1, 2, INF])
def test_the_mean_primal_at_the_best_witness_is_the_dual(p: float) -> None:
    a, b = features()
    delta = a.mean(axis=0) - b.mean(axis=0)
    size = np.abs(delta)
    best = {2: delta / np.linalg.norm(delta), INF: np.sign(delta), 1: np.sign(delta) * (size == size.max())}
    layer = Linear(4, 1, bias=False, rng=rng(), dtype=np.float64)
    layer.weight[...] = best[p][:, None]
    dual, _, _ = McGANMean(form="dual", p=p, squared=False).d_loss(a, b)

    def primal() -> Any:
        return McGANMean(p=p).d_loss(layer.forward(a)[0], layer.forward(b)[0])[0]

    assert primal() == pytest.approx(dual, rel=1e-10)
    for seed in range(20):  # no other witness of the ball gets lower
        layer.weight[...] = McGANMean(p=p).project(rng(seed).normal(size=(4, 1)) * 3)
        assert primal() >= dual - 1e-9


def test_the_mean_witness_meets_the_gradients_that_the_page_states() -> None:
    a, b = features()
    layer = Linear(4, 1, bias=False, rng=rng(), dtype=np.float64)
    (scores_a, cache_a), (scores_b, cache_b) = layer.forward(a), layer.forward(b)
    _, da, db = McGANMean().d_loss(scores_a, scores_b)
    np.testing.assert_allclose(layer.input_grad(da, cache_a), np.ones((5, 1)) * -layer.weight.T / 5)
    np.testing.assert_allclose(layer.input_grad(db, cache_b), np.ones((7, 1)) * layer.weight.T / 7)
    dv = layer.param_grads(da, cache_a)["weight"] + layer.param_grads(db, cache_b)["weight"]
    np.testing.assert_allclose(dv[:, 0], b.mean(axis=0) - a.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_covariance_primal_at_the_best_witness_is_the_dual(rank: int) -> None:
    a, b = features()
    values, vectors = np.linalg.eigh(a.T @ a / 5 - b.T @ b / 7)
    largest = np.argsort(-np.abs(values))[:rank]
    layer = Covariance(4, rank, rng=rng(), dtype=np.float64)
    layer.u[...], layer.v[...] = vectors[:, largest], vectors[:, largest] * np.sign(values[largest])
    dual, *dual_grads = McGANCovariance(form="dual", rank=rank, features=4).d_loss(a, b)

    def primal() -> Any:
        return McGANCovariance(rank=rank, features=4).d_loss(layer.forward(a)[0], layer.forward(b)[0])

    value, da, db = primal()
    assert value == pytest.approx(dual, rel=1e-10)
    for x, dy, expected in zip((a, b), (da, db), dual_grads, strict=True):  # the envelope theorem
        np.testing.assert_allclose(layer.input_grad(dy, layer.forward(x)[1]), expected, rtol=1e-9, atol=1e-12)
    for seed in range(20):
        for array, draw in ((layer.u, rng(seed)), (layer.v, rng(seed + 100))):
            array[...] = McGANCovariance().project(draw.normal(size=(4, rank)))
        assert primal()[0] >= dual - 1e-9


# Projections


def test_projections_onto_the_balls_at_hand_picked_points() -> None:
    v = np.array([[3.0], [-4.0], [0.5]])
    np.testing.assert_allclose(McGANMean().project(v[:2]), [[0.6], [-0.8]])
    np.testing.assert_array_equal(McGANMean(p=INF).project(v), [[1], [-1], [0.5]])
    np.testing.assert_allclose(McGANMean(p=1).project(v), [[0], [-1], [0]])
    np.testing.assert_allclose(McGANMean(p=1).project(np.array([[0.9], [-0.7], [0.1]])), [[0.6], [-0.4], [0]])


@pytest.mark.parametrize("p", [1, 2, INF])
def test_a_projection_goes_to_the_nearest_point_of_the_ball(p: float) -> None:
    objective = McGANMean(p=p)
    for seed in range(30):
        v = rng(seed).normal(size=(6, 1)) * rng(seed).uniform(0.05, 2)
        w = objective.project(v)
        assert np.linalg.norm(w[:, 0], p) <= 1 + 1e-12
        if np.linalg.norm(v[:, 0], p) <= 1:
            np.testing.assert_array_equal(w, v)
        for direction in rng(seed + 50).normal(size=(50, 6, 1)):
            edge = direction / np.linalg.norm(direction[:, 0], p)
            assert ((v - w) * (edge - w)).sum() <= 1e-12  # the ball lies beyond the plane through w


def test_the_l1_projection_stops_at_the_threshold_that_the_paper_prints() -> None:
    for seed in range(30):
        v = rng(seed).normal(size=(6, 1))
        s = np.sort(np.abs(v[:, 0]))[::-1]
        last = max(k for k in range(1, 7) if s[k - 1] - (s[:k].sum() - 1) / k > 0)
        t = (s[:last].sum() - 1) / last if s.sum() > 1 else 0
        np.testing.assert_allclose(
            McGANMean(p=1).project(v), np.sign(v) * np.maximum(np.abs(v) - t, 0), rtol=1e-12, atol=1e-15
        )


@pytest.mark.parametrize("p", [1, 2, INF])
def test_after_an_update_the_mean_witness_is_projected_and_the_rest_clipped(p: float) -> None:
    D, before = mean_critic(), dict(mean_critic().named_params())
    witness = D.layers[-1].weight
    McGANMean(p=p, clip=0.3).after_d_update(D)
    assert D.layers[-1].weight is witness
    assert np.linalg.norm(witness[:, 0], p) == pytest.approx(1, rel=1e-6)
    np.testing.assert_array_equal(witness, McGANMean(p=p).project(before["3.weight"]))
    for name in ("1.weight", "1.bias"):
        clipped = np.clip(before[name], np.float32(-0.3), np.float32(0.3))
        np.testing.assert_array_equal(dict(D.named_params())[name], clipped)


def test_after_an_update_the_covariance_witness_is_orthonormal_and_the_rest_clipped() -> None:
    D, before = covariance_critic(), dict(covariance_critic().named_params())
    last = D.layers[-1]
    witness = last.u, last.v
    McGANCovariance(rank=2, clip=0.3).after_d_update(D)
    assert (last.u is witness[0], last.v is witness[1]) == (True, True)
    for name in ("u", "v"):
        w, old = getattr(last, name), before[f"3.{name}"]
        np.testing.assert_allclose(w.T @ w, np.eye(2), atol=1e-6)
        r = w.T @ old  # old = w · r, r upper triangular with a positive diagonal
        np.testing.assert_allclose(w @ r, old, rtol=1e-4, atol=1e-5)
        assert abs(r[1, 0]) < 1e-5
        assert (np.diag(r) > 0).all()
    for name in ("1.weight", "1.bias"):
        assert np.abs(dict(D.named_params())[name]).max() == np.float32(0.3)


def test_a_witness_inside_spectral_normalisation_is_projected_too() -> None:
    D = critic(SpectralNorm(Linear(4, 1, bias=False, rng=rng()), rng=rng()))
    McGANMean(clip=0.3).check(D, np.zeros((3, 6), np.float32))
    McGANMean(clip=0.3).after_d_update(D)
    assert np.linalg.norm(dict(D.named_params())["3.weight"]) == pytest.approx(1, rel=1e-6)


def test_a_witness_that_is_orthonormal_stays_where_it_is() -> None:
    w = McGANCovariance().project(rng().normal(size=(6, 3)))
    np.testing.assert_allclose(McGANCovariance().project(w), w, atol=1e-14)


@pytest.mark.parametrize("objective", [McGANMean(form="dual", clip=0.3), McGANCovariance(form="dual", clip=0.3)])
def test_the_dual_clips_everything(objective: Any) -> None:
    D = mean_critic()
    objective.after_d_update(D)
    for _, param in D.named_params():
        assert np.abs(param).max() == np.float32(0.3)


@pytest.mark.parametrize(
    ("objective", "make"),
    [(McGANMean(p=p), mean_critic) for p in (1, 2, INF)]
    + [(McGANCovariance(rank=2), covariance_critic), (RWGAN(), mean_critic)],
)
def test_projections_on_a_gpu_do_not_wait_and_keep_float32(objective: Any, make: Any) -> None:
    home, away = make(), make()
    away.convert(strict.to_device)
    objective.after_d_update(home)
    with strict.no_sync():
        objective.after_d_update(away)
    for (name, here), (_, there) in zip(home.named_params(), away.named_params(), strict=True):
        assert here.dtype == there.get().dtype == np.float32
        np.testing.assert_allclose(there.get(), here, rtol=1e-6, atol=1e-7, err_msg=name)


# What a model gets


def test_a_model_gets_what_the_objective_is_played_with() -> None:
    assert McGANMean().critic() == {"output": "mean", "features": 64}
    assert McGANMean(form="dual", features=8).critic() == {"output": "features", "features": 8}
    assert McGANCovariance().critic() == {"output": "covariance", "features": 64, "rank": 16}
    assert McGANCovariance(form="dual").critic()["output"] == "features"
    assert RWGAN().critic() == {"output": "score"}
    assert {type(objective).output for objective in DUALS} == {"score"}, "an instance's form changes no other's"


def test_a_primal_refuses_a_critic_without_its_witness() -> None:
    x = np.zeros((3, 6), np.float32)
    McGANMean().check(mean_critic(), x)
    McGANCovariance().check(covariance_critic(), x)
    McGANMean(form="dual").check(critic(Linear(4, 5, rng=rng())), x)
    for objective, wrong in (
        (McGANMean(), covariance_critic()),
        (McGANMean(), critic(Linear(4, 1, rng=rng()))),
        (McGANCovariance(), mean_critic()),
        (McGANMean(), Linear(6, 1, rng=rng())),
    ):
        with pytest.raises(ValueError, match="last layer has the parameters"):
            objective.check(wrong, x)


def test_mcgan_warms_up_as_wgan_does() -> None:
    for page in (McGANMean, McGANCovariance):
        assert [page().critic_steps(step, 5) for step in (0, 24, 25, 500)] == [100, 100, 5, 100]
        assert page(warmup=False).critic_steps(0, 5) == 5
        assert page.defaults == WGAN.defaults
