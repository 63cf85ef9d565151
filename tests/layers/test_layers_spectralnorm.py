"""SpectralNorm: the largest singular value, what it does to the gradients, and the two buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_answers import assert_same
from support import strict

from minigan import gradcheck
from minigan.checks import randomise
from minigan.layers import Conv2d, ConvTranspose2d, Layer, Linear, Network, ReLU, SpectralNorm, Tanh
from minigan.penalties import gradient_penalty

Make = Callable[[np.random.Generator], Any]
LAYERS: list[tuple[Make, tuple[int, ...]]] = [
    (lambda rng: Linear(6, 5, rng=rng), (4, 6)),
    (lambda rng: Conv2d(2, 3, (3, 2), (2, 1), 1, rng=rng), (3, 5, 4, 2)),
    (lambda rng: ConvTranspose2d(2, 3, (4, 3), 2, 1, bias=False, rng=rng), (3, 5, 4, 2)),
]
each = pytest.mark.parametrize(("make", "shape"), LAYERS, ids=["linear", "conv", "transpose"])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def spectral(make: Make, seed: int = 0) -> SpectralNorm:
    """The layer with random weight and bias, normalised, in float64."""
    inner = make(rng(seed))
    inner.convert(lambda array: array.astype(np.float64))
    randomise(inner, rng(seed + 1))
    return SpectralNorm(inner, rng=rng(seed + 2))


def matrix(layer: Any, weight: np.ndarray) -> np.ndarray:
    """(out, rest), written out index by index for each layout."""
    if isinstance(layer, Linear):
        return weight.T
    if isinstance(layer, Conv2d):
        return np.einsum("klio->okli", weight).reshape(weight.shape[3], -1)
    return np.einsum("kloi->okli", weight).reshape(weight.shape[2], -1)


def largest(layer: SpectralNorm, weight: np.ndarray) -> float:
    """The largest singular value of a weight of the layer."""
    return float(np.linalg.svd(matrix(layer.layer, weight), compute_uv=False)[0])


def settle(layer: SpectralNorm) -> None:
    """u and v as they are after infinitely many iterations for the weight as it stands."""
    U, _, V = np.linalg.svd(matrix(layer.layer, layer.layer.weight), full_matrices=False)
    layer.u[...], layer.v[...] = U[:, 0], V[0]


def test_a_diagonal_matrix_worked_by_hand() -> None:
    # W = diag(3, 1), u = (0.6, 0.8): v goes along Wᵀ u = (1.8, 0.8), u along W v ~ (5.4, 0.8).
    layer = SpectralNorm(Linear(2, 2, rng=rng(), dtype=np.float64), rng=rng())
    layer.layer.weight[...] = np.diag([3.0, 1.0])
    layer.u[...] = (0.6, 0.8)
    layer.forward(np.ones((1, 2)))
    v, u = np.array([1.8, 0.8]) / np.hypot(1.8, 0.8), np.array([5.4, 0.8]) / np.hypot(5.4, 0.8)
    np.testing.assert_allclose(layer.v, v, rtol=1e-11)
    np.testing.assert_allclose(layer.u, u, rtol=1e-11)
    sigma = 3 * u[0] * v[0] + u[1] * v[1]
    y, _ = layer.forward(np.ones((1, 2)), train=False)
    np.testing.assert_allclose(y, np.array([[3, 1]]) / sigma, rtol=1e-11)


@each
def test_the_buffers_are_unit_vectors_and_v_follows_from_u(make: Make, shape: tuple[int, ...]) -> None:
    layer = spectral(make)
    W = matrix(layer.layer, layer.layer.weight)
    assert (len(layer.u), len(layer.v)) == W.shape
    direction = W.T @ layer.u
    np.testing.assert_allclose(layer.v, direction / np.linalg.norm(direction), rtol=1e-10)
    layer.forward(rng().normal(size=shape))
    for buffer in (layer.u, layer.v):
        assert np.linalg.norm(buffer) == pytest.approx(1, abs=1e-10)


@each
def test_the_largest_singular_value_tends_to_one(make: Make, shape: tuple[int, ...]) -> None:
    layer = spectral(make)
    sigma = largest(layer, layer.layer.weight)
    assert sigma > 1.5
    for _ in range(500):
        layer.forward(np.zeros(shape))
    _, (twin, *_) = layer.forward(np.zeros(shape), train=False)
    assert largest(layer, twin.weight) == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(twin.weight, layer.layer.weight / sigma, rtol=1e-9)


@each
def test_the_bias_and_the_stored_weight_are_left_alone(make: Make, shape: tuple[int, ...]) -> None:
    layer = spectral(make)
    before = {name: array.copy() for name, array in layer.named_params()}
    x = rng().normal(size=shape)
    y, _ = layer.forward(x, train=False)
    assert_same(dict(layer.named_params()), before, 0)
    bias = before.get("bias", 0.0)
    plain = layer.layer.forward(x)[0] - bias
    W = matrix(layer.layer, layer.layer.weight)
    np.testing.assert_allclose(y - bias, plain / (layer.u @ W @ layer.v), rtol=1e-10)


@each
@pytest.mark.parametrize("train", [True, False])
def test_the_gradient_is_at_right_angles_to_the_weight_because_scale_does_not_matter(
    make: Make, shape: tuple[int, ...], train: bool
) -> None:
    layer = spectral(make)
    x = rng().normal(size=shape)
    y, cache = layer.forward(x, train)
    dy, ddx = rng(1).normal(size=y.shape), rng(2).normal(size=shape)
    for grads in (layer.param_grads(dy, cache), layer.double_backward(ddx, dy, cache)[2]):
        size = np.linalg.norm(grads["weight"]) * np.linalg.norm(layer.layer.weight)
        assert size > 1
        assert abs((grads["weight"] * layer.layer.weight).sum()) < 1e-13 * size


@each
def test_derivatives_in_eval_mode_are_right_for_any_u_and_v(make: Make, shape: tuple[int, ...]) -> None:
    layer = spectral(make)
    randomise(layer, rng(3))
    errors = gradcheck.layer_errors(layer, rng(4).normal(size=shape), rng(5), train=False)
    assert {"dweight", "dweight twice", "ddy"} <= set(errors)
    assert max(errors.values()) < 1e-7, errors


@each
def test_derivatives_in_training_are_right_once_u_and_v_have_converged(make: Make, shape: tuple[int, ...]) -> None:
    # u and v follow the weight that the check moves; σ is stationary in them, so that nothing is missed by taking
    # them for constants.
    layer = spectral(make)
    x = rng(4).normal(size=shape)
    errors = gradcheck.layer_errors(layer, x, rng(5), train=True, rewind=lambda: settle(layer))
    assert max(errors.values()) < 1e-7, errors


def test_a_penalty_through_normalised_layers_reaches_every_weight() -> None:
    first, last = spectral(lambda rng: Linear(3, 4, rng=rng)), spectral(lambda rng: Linear(4, 1, rng=rng))
    critic = Network(first, Tanh(), last)
    x = rng(2).normal(size=(5, 3))

    def step(optimizer: gradcheck.Recorder) -> Any:
        settle(first)
        settle(last)
        grads: dict[str, Any] = {}
        value = gradient_penalty(critic, x, grads, weight=10.0)
        optimizer.step(grads)
        return value

    errors = gradcheck.step_errors(step, dict(critic.named_params()), rng(3))
    assert max(errors.values()) < 1e-7, errors


@each
def test_a_cache_outlives_the_next_iteration(make: Make, shape: tuple[int, ...]) -> None:
    layer = spectral(make)
    x = rng().normal(size=shape)
    for train in (True, False):
        y, cache = layer.forward(x, train)
        dy = rng(1).normal(size=y.shape)
        before = layer.param_grads(dy, cache) | {"dx": layer.input_grad(dy, cache)}
        layer.forward(x)
        assert_same(layer.param_grads(dy, cache) | {"dx": layer.input_grad(dy, cache)}, before, 0)


def test_evaluation_and_kept_buffers_leave_u_and_v_where_they_are() -> None:
    layer = spectral(LAYERS[0][0])
    before = {name: buffer.copy() for name, buffer in layer.named_buffers()}
    u = layer.u
    layer.forward(np.ones((4, 6)), train=False)
    with layer.keeping_buffers():
        layer.forward(np.ones((4, 6)))
        assert (layer.u != before["u"]).any()
    assert_same(dict(layer.named_buffers()), before, 0)
    layer.forward(np.ones((4, 6)))
    assert layer.u is u and (u != before["u"]).all()


def test_an_input_that_does_not_fit_moves_nothing() -> None:
    layer = spectral(LAYERS[0][0])
    before = {name: buffer.copy() for name, buffer in layer.named_buffers()}
    with pytest.raises(ValueError, match=r"Linear\(6, 5\): x has shape \(4, 5\)"):
        layer.forward(np.ones((4, 5)))
    assert_same(dict(layer.named_buffers()), before, 0)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gpu_would_iterate_and_train_without_waiting(make: Make, shape: tuple[int, ...], dtype: type) -> None:
    here, away = spectral(make), spectral(make)
    here.convert(lambda array: array.astype(dtype))
    away.convert(lambda array: strict.to_device(array.astype(dtype)))
    x, ddx = rng(3).normal(size=(2, *shape)).astype(dtype)
    dy = rng(4).normal(size=here.forward(x, train=False)[0].shape).astype(dtype)

    def answers(layer: Layer, x: Any, dy: Any, ddx: Any) -> dict[str, Any]:
        _, cache = layer.forward(x)
        found = layer.param_grads(dy, cache) | {"dx": layer.input_grad(dy, cache)}
        ddy, _, twice = layer.double_backward(ddx, dy, cache)
        return found | {"ddy": ddy, "twice": twice["weight"]} | dict(layer.named_buffers())

    with strict.no_sync():
        found = answers(away, *map(strict.to_device, (x, dy, ddx)))
    home = {name: strict.to_host(array) for name, array in found.items()}
    assert {array.dtype for array in home.values()} == {np.dtype(dtype)}
    assert_same(home, answers(here, x, dy, ddx), 1e-5 if dtype == np.float32 else 1e-12)


def test_names_and_look_are_the_inner_layers() -> None:
    layer = spectral(LAYERS[0][0])
    assert [name for name, _ in layer.named_params()] == ["weight", "bias"]
    assert dict(layer.named_params())["weight"] is layer.layer.weight
    assert [name for name, _ in layer.named_buffers()] == ["u", "v"]
    assert repr(layer) == "SpectralNorm(Linear(6, 5))"


def test_two_layers_from_one_seed_have_the_same_u() -> None:
    one, two = spectral(LAYERS[1][0]), spectral(LAYERS[1][0])
    np.testing.assert_array_equal(one.u, two.u)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SpectralNorm(ReLU(), rng=rng()), r"wraps a Linear, Conv2d or ConvTranspose2d, got ReLU\(\)"),  # type: ignore[arg-type]
        (lambda: SpectralNorm(Linear(2, 2, rng=rng()), 0, rng=rng()), "SpectralNorm needs eps > 0, got 0"),
        (lambda: SpectralNorm(Linear(2, 2, rng=rng()), float("nan"), rng=rng()), "SpectralNorm needs eps > 0, got nan"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Layer], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
