"""The MMD family: kernels, the statistic and its gradients, the objectives GMMN, MMD GAN and MMD GAN with penalty."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan.checks import randomise
from minigan.gradcheck import Recorder, derivative_error, step_errors
from minigan.layers import Autoencoder, BatchNorm, Conv2d, Flatten, LayerNorm, Linear, Network, Reshape, Tanh
from minigan.objectives.gmmn import GMMN
from minigan.objectives.kernel import RBF, Kernel, RationalQuadratic, radial_kernel, squared_distances
from minigan.objectives.mmd import mmd2, pull, pull_backward, root
from minigan.objectives.mmd_gan import MMDGAN
from minigan.objectives.mmd_gan_gp import MMDGANGP
from minigan.objectives.objective import Defaults, Objective
from minigan.optim import flatten
from minigan.training.steps import Outcome, discriminator_step, generator_step

KERNELS: list[Kernel] = [
    RBF((2.0, 5.0), power=1),
    RBF((0.7, 3.0), (0.5, 2.0)),
    RationalQuadratic((0.2, 1.0, 5.0)),
]
EVERY_KERNEL = pytest.mark.parametrize("kernel", KERNELS, ids=str)
EVERY_STATISTIC = pytest.mark.parametrize(
    ("linear", "unbiased"), [(0.0, False), (0.0, True), (1.5, False), (1.5, True)]
)
NAN = float("nan")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def batches(m: int = 5, n: int = 4, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    return rng(1).normal(size=(m, d)), rng(2).normal(size=(n, d)) + 0.5


# Kernels


@pytest.mark.parametrize(
    ("kernel", "s", "value", "slope", "curvature"),
    [
        (RBF((2.0,), power=1), 4.0, math.exp(-1), -math.exp(-1) / 4, math.exp(-1) / 16),
        (RBF((2.0,)), 8.0, math.exp(-1), -math.exp(-1) / 8, math.exp(-1) / 64),
        (RBF((1.0, 2.0), (3.0, 5.0), power=1), 0.0, 8.0, -1.5 - 1.25, 0.75 + 5 / 16),
        (RationalQuadratic((1.0,)), 2.0, 1 / 2, -1 / 8, 1 / 16),
        (RationalQuadratic((0.5, 2.0)), 0.0, 2.0, -1.0, 3 / 4 + 3 / 8),
    ],
)
def test_kernels_at_hand_picked_distances(
    kernel: Kernel, s: float, value: float, slope: float, curvature: float
) -> None:
    at = np.array([s])
    np.testing.assert_allclose(kernel.value(at), [value], rtol=1e-14)
    np.testing.assert_allclose(kernel.slope(at), [slope], rtol=1e-14)
    np.testing.assert_allclose(kernel.curvature(at), [curvature], rtol=1e-14)


@EVERY_KERNEL
def test_slope_and_curvature_are_derivatives(kernel: Kernel) -> None:
    s = rng().uniform(0.1, 9, (3, 4))
    assert derivative_error(lambda: kernel.value(s).sum(), s, kernel.slope(s), rng()) < 1e-8
    assert derivative_error(lambda: kernel.slope(s).sum(), s, kernel.curvature(s), rng()) < 1e-8


def test_squared_distances_are_what_their_names_state_and_never_negative() -> None:
    x, y = batches()
    np.testing.assert_allclose(
        squared_distances(x, y), ((x[:, None] - y[None]) ** 2).sum(axis=2), rtol=1e-12, atol=1e-14
    )
    far = (1e3 + rng().normal(size=(20, 7))).astype(np.float32)
    assert (squared_distances(far, far) >= 0).all()


def test_kernels_are_found_by_name() -> None:
    assert radial_kernel("rbf", (2.0,)) == RBF((2.0,), power=2)
    assert radial_kernel("rational-quadratic", (0.5,)) == RationalQuadratic((0.5,))
    with pytest.raises(ValueError, match="unknown kernel 'laplace'; known are rbf, rational-quadratic"):
        radial_kernel("laplace", (1.0,))


@pytest.mark.parametrize("numbers", [(), (1.0, 0.0), (-1.0,), (NAN,), (math.inf,)])
def test_bandwidths_must_be_positive_numbers(numbers: tuple[float, ...]) -> None:
    for page, what in ((RBF, "sigmas"), (RationalQuadratic, "alphas")):
        with pytest.raises(ValueError, match=f"{what} of a kernel must be positive, finite numbers"):
            page(numbers)


def test_weights_and_power_of_a_kernel_are_checked() -> None:
    with pytest.raises(ValueError, match="weights of a kernel must be positive"):
        RBF((1.0,), (-1.0,))
    with pytest.raises(ValueError, match="rbf has 2 bandwidths and 1 weights"):
        RBF((1.0, 2.0), (1.0,))
    with pytest.raises(ValueError, match=r"power of the bandwidths must be 1 .* or 2 .*, got 3"):
        RBF((1.0,), power=3)


# The statistic


def mmd2_by_hand(X: np.ndarray, Y: np.ndarray, kernel: Kernel, linear: float, unbiased: bool) -> float:
    """Pair by pair."""

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float(kernel.value(((x - y) ** 2).sum()) + linear * (x * y).sum())

    def within(Z: np.ndarray) -> float:
        return np.mean([k(x, y) for i, x in enumerate(Z) for j, y in enumerate(Z) if not (unbiased and i == j)])

    return within(X) + within(Y) - 2 * np.mean([k(x, y) for x in X for y in Y])


@EVERY_KERNEL
@EVERY_STATISTIC
def test_the_statistic_is_the_plain_double_loop(kernel: Kernel, linear: float, unbiased: bool) -> None:
    X, Y = batches()
    value, _, _ = mmd2(X, Y, kernel, linear=linear, unbiased=unbiased)
    assert value == pytest.approx(mmd2_by_hand(X, Y, kernel, linear, unbiased), rel=1e-12)


@EVERY_KERNEL
@EVERY_STATISTIC
def test_the_gradients_of_the_statistic_are_its_derivatives(kernel: Kernel, linear: float, unbiased: bool) -> None:
    X, Y = batches()
    options: dict[str, Any] = {"linear": linear, "unbiased": unbiased}
    _, dX, dY = mmd2(X, Y, kernel, **options)
    assert derivative_error(lambda: mmd2(X, Y, kernel, **options)[0], X, dX, rng()) < 1e-8
    assert derivative_error(lambda: mmd2(X, Y, kernel, **options)[0], Y, dY, rng()) < 1e-8


@EVERY_KERNEL
@EVERY_STATISTIC
def test_moving_both_batches_alike_changes_nothing(kernel: Kernel, linear: float, unbiased: bool) -> None:
    _, dX, dY = mmd2(*batches(), kernel, linear=linear, unbiased=unbiased)
    assert abs(dX.sum(axis=0)).max() > 1e-3
    np.testing.assert_allclose(dX.sum(axis=0) + dY.sum(axis=0), np.zeros(3), atol=1e-14)


@EVERY_KERNEL
@pytest.mark.parametrize("linear", [0.0, 1.5])
def test_a_batch_and_itself_have_distance_zero(kernel: Kernel, linear: float) -> None:
    X, _ = batches()
    value, dX, dY = mmd2(X, X.copy(), kernel, linear=linear)
    assert value == pytest.approx(0, abs=1e-13)
    np.testing.assert_allclose([dX, dY], np.zeros((2, 5, 3)), atol=1e-14)


@EVERY_KERNEL
def test_the_batch_twice_is_the_same_distribution(kernel: Kernel) -> None:
    X, Y = batches()
    value, dX, dY = mmd2(X, Y, kernel, linear=1.5)
    again, dX2, dY2 = mmd2(np.tile(X, (2, 1)), np.tile(Y, (3, 1)), kernel, linear=1.5)
    assert again == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(dX2, np.tile(dX, (2, 1)) / 2, rtol=1e-10)
    np.testing.assert_allclose(dY2, np.tile(dY, (3, 1)) / 3, rtol=1e-10)


def test_the_generators_side_alone_costs_no_gradient_for_the_real_one() -> None:
    both, fake = (mmd2(*batches(), KERNELS[0], linear=1.0, need_dx=need) for need in (True, False))
    assert fake[1] is None
    assert both[0] == fake[0]
    np.testing.assert_array_equal(both[2], fake[2])


def test_the_unbiased_statistic_needs_two_samples_of_each_kind() -> None:
    X, Y = batches()
    with pytest.raises(ValueError, match="takes two of each kind, got 1 and 4"):
        mmd2(X[:1], Y, KERNELS[0], unbiased=True)


@pytest.mark.parametrize(("value", "expected"), [(-0.5, (0, 0)), (0.0, (0, 0)), (0.25, (0.5, 1)), (4.0, (2, 0.25))])
def test_the_root_is_flat_where_there_is_none(value: float, expected: tuple[float, float]) -> None:
    np.testing.assert_allclose(root(np.array(value)), expected, rtol=1e-8)


@EVERY_KERNEL
@pytest.mark.parametrize("linear", [0.0, 1.5])
def test_the_pull_of_a_batch_and_its_own_derivatives(kernel: Kernel, linear: float) -> None:
    h, Z = batches()
    q = rng(5).normal(size=h.shape)

    def total() -> float:
        s = ((h[:, None] - Z[None]) ** 2).sum(axis=2)
        return kernel.value(s).sum() + linear * (h[:, None] * Z[None]).sum()

    assert derivative_error(total, h, pull(h, Z, kernel, linear), rng()) < 1e-8
    dh, dZ = pull_backward(q, h, Z, kernel, linear)
    assert derivative_error(lambda: (q * pull(h, Z, kernel, linear)).sum(), h, dh, rng()) < 1e-8
    assert derivative_error(lambda: (q * pull(h, Z, kernel, linear)).sum(), Z, dZ, rng()) < 1e-8


# The objectives


def examples() -> dict[str, Objective]:
    return {
        "gmmn": GMMN(weight=3.0),
        "gmmn, MMD²": GMMN(root=False, sigmas=(1.0, 2.0)),
        "gmmn, codes": GMMN(space="codes"),
        "mmd-gan": MMDGAN(one_sided=5.0, reconstruction=2.0),
        "mmd-gan-gp": MMDGANGP(),
        "mmd-gan-gp, rbf": MMDGANGP(kernel="rbf", bandwidths=(1.0, 3.0)),
    }


EVERY_OBJECTIVE = pytest.mark.parametrize("objective", examples().values(), ids=examples())


def everything(objective: Objective, a: Any, b: Any) -> dict[str, Any]:
    """Both losses and all gradients, by name; GMMN has no loss of D."""
    value, db = objective.joint_g_loss(a, b)
    found = {"G": value, "G db": db}
    if isinstance(objective, GMMN):
        return found
    loss, da, db = objective.d_loss(a, b)
    return found | {"D": loss, "D da": da, "D db": db}


@EVERY_OBJECTIVE
def test_every_gradient_is_the_derivative_of_its_loss(objective: Objective) -> None:
    a, b = batches()
    for key, gradient in everything(objective, a, b).items():
        if key in ("G", "D"):
            continue
        moved = a if key == "D da" else b
        error = derivative_error(lambda key=key: everything(objective, a, b)[key[0]], moved, gradient, rng())
        assert error < 1e-7, key


@EVERY_OBJECTIVE
def test_losses_and_gradients_of_float32_are_float32(objective: Objective) -> None:
    a, b = (x.astype(np.float32) for x in batches())
    exact = everything(objective, *batches())
    for key, value in everything(objective, a, b).items():
        assert value.dtype == np.float32, key
        assert value.shape == exact[key].shape, key
        np.testing.assert_allclose(value, exact[key], rtol=1e-3, atol=1e-4 * abs(exact[key]).max(), err_msg=key)


@EVERY_OBJECTIVE
def test_a_gpu_would_compute_the_same_without_waiting(objective: Objective) -> None:
    a, b = (x.astype(np.float32) for x in batches())
    with strict.no_sync():
        away = everything(objective, strict.to_device(a), strict.to_device(b))
    for key, value in everything(objective, a, b).items():
        home = strict.to_host(away[key])
        assert home.dtype == np.float32, key
        np.testing.assert_allclose(home, value, rtol=1e-4, atol=1e-5 * abs(value).max(), err_msg=key)


@EVERY_OBJECTIVE
def test_nothing_is_written_and_equal_batches_bring_no_warning(objective: Objective) -> None:
    a, b = batches()
    a.flags.writeable = b.flags.writeable = False
    everything(objective, a, b)
    for key, value in everything(objective, a, a.copy()).items():
        assert np.isfinite(value).all(), key
    same = np.ones((3, 4), np.float32)
    for key, value in everything(objective, same, same).items():
        assert np.isfinite(value).all(), key


@EVERY_OBJECTIVE
def test_the_objectives_compare_fakes_with_real_samples(objective: Objective) -> None:
    a, b = batches()
    with pytest.raises(TypeError, match=f"{objective.name} compares generated with real samples"):
        objective.g_loss(b)
    assert objective.joint_g_loss(a, b)[0] != objective.joint_g_loss(a + 1, b)[0]


def test_the_defaults_are_those_of_the_papers() -> None:
    assert GMMN.defaults == Defaults("sgd", 2.0, batch_size=1000)
    assert MMDGAN.defaults == Defaults("rmsprop", 5e-5, n_critic=5, batch_size=64)
    assert MMDGANGP.defaults == Defaults("adam", 1e-4, (0.5, 0.9), 5, 64)
    assert (GMMN().weight, GMMN().root, GMMN().passes, GMMN(space="codes").passes) == (1000, True, 0, 20)
    assert GMMN().kernel == RBF(tuple(4.0 * sigma for sigma in (2, 5, 10, 20, 40, 80)), power=1)
    assert GMMN(space="codes").kernel == RBF((1.0,), power=1)
    objective = MMDGAN()
    assert (objective.kernel, objective.one_sided, objective.reconstruction, objective.clip) == (
        RBF((1.0, 2.0, 4.0, 8.0, 16.0)),
        16,
        8,
        0.01,
    )
    assert (MMDGANGP().kernel, MMDGANGP().linear) == (RationalQuadratic((0.2, 0.5, 1.0, 2.0, 5.0)), 1)
    rbf = MMDGANGP(kernel="rbf")
    assert (rbf.kernel, rbf.linear, rbf.weight) == (RBF((2.0, 5.0, 10.0, 20.0, 40.0, 80.0)), 0, 1)


def test_the_objectives_name_what_d_returns() -> None:
    assert GMMN().critic() == {"output": "samples"}
    assert GMMN(space="codes", features=8).critic() == {"output": "codes", "features": 8}
    assert MMDGAN().critic() == {"output": "autoencoder", "energy": "mse", "features": 10}
    assert MMDGANGP(features=4).critic() == {"output": "features", "features": 4}
    assert all(objective.compares for objective in examples().values())
    assert (MMDGAN.critic_norm, MMDGANGP.critic_norm) == ("batch", "layer")


@pytest.mark.parametrize(
    ("page", "hyper", "words"),
    [
        (GMMN, {"space": "pixels"}, "space is what gmmn compares, samples or codes, got 'pixels'"),
        (GMMN, {"weight": NAN}, "weight of the loss must be positive"),
        (GMMN, {"sigmas": [1, -1]}, "sigmas of a kernel must be positive"),
        (GMMN, {"features": 0}, "at least one feature .* got 0 and 20"),
        (GMMN, {"passes": -1}, "at least 0 passes .* got 32 and -1"),
        (MMDGAN, {"sigmas": []}, "sigmas of a kernel must be positive"),
        (MMDGAN, {"one_sided": -1}, "must not be negative, got -1 and 8"),
        (MMDGAN, {"reconstruction": NAN}, "must not be negative"),
        (MMDGAN, {"clip": 0}, "clip must be positive, got 0"),
        (MMDGAN, {"features": 0}, "features is the size of the code, at least 1, got 0"),
        (MMDGANGP, {"kernel": "linear"}, "unknown kernel 'linear'; known are rbf, rational-quadratic"),
        (MMDGANGP, {"bandwidths": [0]}, "alphas of a kernel must be positive"),
        (MMDGANGP, {"linear": -1}, "linear is the weight of <x, y> in the kernel, not negative, got -1"),
        (MMDGANGP, {"weight": NAN}, "weight of the gradient penalty must not be negative"),
        (MMDGANGP, {"features": 0}, "features is the number of D's outputs"),
    ],
)
def test_wrong_hyper_parameters_are_refused(page: Callable[..., Objective], hyper: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        page(**hyper)


# GMMN


def test_gmmn_at_a_hand_picked_point() -> None:
    # One sample each, 2 apart: MMD² = 2 κ(0) - 2 κ(4) = 2 - 2/e with σ = 2; dMMD²/db = -2 κ'(4) · 2 (b - a) = 2/e.
    a, b = np.array([[0.0]]), np.array([[2.0]])
    square = 2 - 2 * math.exp(-1)
    for root_too, value, slope in (
        (False, square, 2 * math.exp(-1)),
        (True, math.sqrt(square), math.exp(-1) / math.sqrt(square)),
    ):
        loss, db = GMMN(sigmas=(2.0,), weight=10.0, root=root_too).joint_g_loss(a, b)
        np.testing.assert_allclose([loss, db[0, 0]], [10 * value, 10 * slope], rtol=1e-9)


def test_gmmn_trains_no_d() -> None:
    assert [GMMN().critic_steps(step, 5) for step in (0, 1, 500)] == [0, 0, 0]
    with pytest.raises(TypeError, match="gmmn has no D to train"):
        GMMN().d_loss(*batches())
    assert list(GMMN().prepare(None, None, lambda: [])) == []


# MMD GAN


def test_mmd_gan_at_a_hand_picked_point() -> None:
    # Codes (0, 1) and (2, 0): δ = (-2, 1), s = 5. Energies 0.5 and 0.25.
    a, b = np.array([[0.5, 0.0, 1.0]]), np.array([[0.25, 2.0, 0.0]])
    k = math.exp(-5 / 2)
    r = math.sqrt(2 - 2 * k)
    J = r + 16 * (-2 / 2)
    # dMMD²/dX = 2 k (X - Y) = 2 k (-2, 1); the one-sided term adds 16 / 2 to the first number
    dX = np.array([2 * k * -2 / (2 * r) + 8, 2 * k / (2 * r)])
    objective = MMDGAN(sigmas=(1.0,))
    loss, da, db = objective.d_loss(a, b)
    assert loss == pytest.approx(-J + 8 * 0.75, rel=1e-9)
    np.testing.assert_allclose(da, [[8, *-dX]], rtol=1e-9)
    np.testing.assert_allclose(db, [[8, *dX]], rtol=1e-9)
    g_loss, g_db = objective.joint_g_loss(a, b)
    assert g_loss == pytest.approx(J, rel=1e-9)
    np.testing.assert_allclose(g_db, [[0, *-dX]], rtol=1e-9)


def test_the_reconstruction_of_fakes_is_not_the_generators_business() -> None:
    a, b = batches()
    louder = b + np.array([[3.0, 0, 0]])
    objective = MMDGAN()
    assert objective.joint_g_loss(a, b)[0] == objective.joint_g_loss(a, louder)[0]
    assert objective.d_loss(a, louder)[0] == pytest.approx(objective.d_loss(a, b)[0] + 8 * 3, rel=1e-12)


def test_only_the_encoder_is_clipped() -> None:
    D = Autoencoder(Linear(6, 2, rng=rng()), Linear(2, 6, rng=rng()))
    randomise(D, rng(1))
    before = {name: param.copy() for name, param in D.named_params()}
    MMDGAN(clip=0.25).after_d_update(D)
    for name, param in D.named_params():
        expected = np.clip(before[name], -0.25, 0.25) if name.startswith("encoder") else before[name]
        np.testing.assert_array_equal(param, expected, err_msg=name)
    assert max(abs(before[name]).max() for name in before if name.startswith("encoder")) > 0.25


def test_mmd_gan_warms_its_critic_up() -> None:
    asked = [0, 24, 25, 499, 500, 501, 1000]
    assert [MMDGAN().critic_steps(step, 5) for step in asked] == [100, 100, 5, 5, 100, 5, 100]
    assert [MMDGAN(warmup=False).critic_steps(step, 5) for step in asked] == [5] * 7


# MMD GAN with gradient penalty


def test_both_players_of_the_penalised_objective_see_the_unbiased_statistic() -> None:
    a, b = batches()
    objective = MMDGANGP()
    value = mmd2_by_hand(a, b, objective.kernel, 1.0, unbiased=True)
    loss, _, db = objective.d_loss(a, b)
    g_loss, g_db = objective.joint_g_loss(a, b)
    np.testing.assert_allclose([loss, g_loss], [-value, value], rtol=1e-12)
    np.testing.assert_array_equal(g_db, -db)
    assert MMDGANGP().joint_g_loss(a, a)[0] < -0.01  # no distance, seen without bias, is below zero


PENALISED = pytest.mark.parametrize(
    "options",
    [{}, {"kernel": "rbf", "bandwidths": (1.0, 3.0)}, {"kernel": "rbf", "linear": 0.5, "weight": 3.0}],
    ids=["rational quadratic", "rbf", "rbf and linear"],
)


def curved_critic(dtype: Any = np.float64) -> Network:
    """Samples (N, 4, 3, 1) to features (N, 3), with curvature everywhere."""
    D = Network(
        Conv2d(1, 2, 3, 1, 1, rng=rng()), LayerNorm((4, 3, 2)), Tanh(), Flatten(), Linear(24, 3, rng=rng()), Tanh()
    )
    randomise(D, rng(4))
    for name, param in D.named_params():
        param *= 0.3 if name == "4.weight" else 1.0  # away from where tanh is flat
    D.convert(lambda array: array.astype(dtype))
    return D


def samples(dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    return tuple(rng(seed).normal(size=(4, 4, 3, 1)).astype(dtype) for seed in (6, 7))


def penalty(D: Any, real: Any, fake: Any, options: Any) -> tuple[Any, dict[str, Any]]:
    """R and its gradient, flat, always at the same points."""
    grads: dict[str, Any] = {}
    value = MMDGANGP(**options, rng=rng(8)).penalty(D, real, fake, grads)
    return value, flatten(grads)


@PENALISED
def test_the_gradient_of_the_whole_witness_penalty_is_its_derivative(options: Any) -> None:
    D, (real, fake) = curved_critic(), samples()

    def step(optimizer: Recorder) -> np.ndarray:
        grads: dict[str, Any] = {}
        value = MMDGANGP(**options, rng=rng(8)).penalty(D, real, fake, grads)
        optimizer.step(grads)
        return value

    errors = step_errors(step, dict(D.named_params()), rng())
    assert errors.keys() == {"d0.weight", "d0.bias", "d1.weight", "d1.bias", "d4.weight", "d4.bias"}
    assert max(errors.values()) < 1e-6


@PENALISED
def test_the_penalty_is_on_the_slope_of_the_witness_between_real_and_fake(options: Any) -> None:
    D, (real, fake) = curved_critic(), samples()
    objective = MMDGANGP(**options)
    eps = rng(8).random((4, 1, 1, 1))
    X, Y = D.forward(real)[0], D.forward(fake)[0]

    def witness(x: np.ndarray) -> float:
        h = D.forward(x[None])[0][0]
        k = [objective.kernel.value(((h - Z) ** 2).sum(axis=1)) + objective.linear * Z @ h for Z in (X, Y)]
        return k[0].mean() - k[1].mean()

    norms = []
    for x in eps * real + (1 - eps) * fake:
        unit = np.eye(12).reshape(12, 4, 3, 1) * 1e-5
        norms.append(np.linalg.norm([(witness(x + e) - witness(x - e)) / 2e-5 for e in unit]))
    value, _ = penalty(D, real, fake, options)
    assert value == pytest.approx(objective.weight * np.mean((np.array(norms) - 1) ** 2), rel=1e-7)


def test_the_witness_penalty_in_float32_and_on_a_gpu() -> None:
    exact, exact_grads = penalty(curved_critic(), *samples(), {})
    D = curved_critic(np.float32)
    value, grads = penalty(D, *samples(np.float32), {})
    D.convert(strict.to_device)
    with strict.no_sync():
        away, away_grads = penalty(D, *map(strict.to_device, samples(np.float32)), {})
    assert grads.keys() == away_grads.keys() == exact_grads.keys()
    for found, found_grads in ((value, grads), (away.get(), {name: grad.get() for name, grad in away_grads.items()})):
        assert found.dtype == np.float32
        assert found == pytest.approx(exact, rel=1e-4)
        for name, grad in found_grads.items():
            assert grad.dtype == np.float32
            np.testing.assert_allclose(grad, exact_grads[name], rtol=0, atol=1e-4, err_msg=name)


def test_the_witness_penalty_leaves_running_statistics_alone() -> None:
    D = Network(Flatten(), Linear(12, 4, rng=rng(), dtype=np.float64), BatchNorm(4), Tanh(), Linear(4, 3, rng=rng()))
    D.convert(lambda array: array.astype(np.float64))
    before = {name: buffer.copy() for name, buffer in D.named_buffers()}
    penalty(D, *samples(), {})
    assert before
    for name, buffer in D.named_buffers():
        np.testing.assert_array_equal(buffer, before[name], err_msg=name)


def test_the_witness_penalty_wants_a_generator_and_pairs() -> None:
    D, (real, fake) = curved_critic(), samples()
    with pytest.raises(ValueError, match="mmd-gan-gp draws random points"):
        MMDGANGP().penalty(D, real, fake, {})
    with pytest.raises(ValueError, match="mmd-gan-gp pairs real with fake samples, got"):
        MMDGANGP(rng=rng()).penalty(D, real, fake[:3], {})


def test_whole_steps_of_the_penalised_objective_have_the_gradients_of_their_losses() -> None:
    D, (real, _), z = curved_critic(), samples(), rng(9).normal(size=(4, 2))
    G = Network(Linear(2, 12, rng=rng(3), dtype=np.float64), Tanh(), Reshape(4, 3, 1))

    def d_step(optimizer: Recorder) -> Outcome:
        return discriminator_step(D, G, MMDGANGP(rng=rng(8)), optimizer, real, z)

    def g_step(optimizer: Recorder) -> Outcome:
        return generator_step(D, G, MMDGANGP(), optimizer, z, real)

    assert max(step_errors(d_step, dict(D.named_params()), rng()).values()) < 1e-6
    assert max(step_errors(g_step, dict(G.named_params()), rng()).values()) < 1e-6
