"""Covariance: McGAN's witness <uᵀ Φ, vᵀ Φ>."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from layer_answers import assert_same

from minigan import gradcheck, init
from minigan.checks import randomise
from minigan.layers import Covariance


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def witness(features: int = 5, rank: int = 3) -> Covariance:
    layer = Covariance(features, rank, rng=rng(), dtype=np.float64)
    randomise(layer, rng(1))
    return layer


def test_worked_by_hand() -> None:
    # x = (1, 2), u = (3, 1), v = (1, -1): p = 5, q = -1, y = -5. dy = 2: dx = 2 (q u + p v) = 2 (2, -6).
    layer = Covariance(2, 1, rng=rng(), dtype=np.float64)
    layer.u[...], layer.v[...] = [[3], [1]], [[1], [-1]]
    y, cache = layer.forward(np.array([[1.0, 2]]))
    dy = np.array([[2.0]])
    np.testing.assert_array_equal(y, [[-5]])
    np.testing.assert_array_equal(layer.input_grad(dy, cache), [[4, -12]])
    grads = layer.param_grads(dy, cache)
    np.testing.assert_array_equal(grads["u"], [[-2], [-4]])
    np.testing.assert_array_equal(grads["v"], [[10], [20]])


def test_the_mean_is_the_trace_of_u_second_moments_v() -> None:
    layer, x = witness(), rng(2).normal(size=(7, 5))
    S = np.einsum("ni,nj->ij", x, x) / 7
    assert layer.forward(x)[0].mean() == pytest.approx(np.trace(layer.u.T @ S @ layer.v), rel=1e-12)


def test_gradients_are_those_of_the_specification() -> None:
    # D's loss is -(mean f(X) - mean f(Y)); with M the difference of second moments, du = -M v and dv = -M u.
    layer = witness()
    X, Y = rng(2).normal(size=(7, 5)), rng(3).normal(size=(4, 5))
    _, cache_x = layer.forward(X)
    _, cache_y = layer.forward(Y)
    dx, dy = np.full((7, 1), -1 / 7), np.full((4, 1), 1 / 4)
    grads = layer.param_grads(dx, cache_x)
    layer.backward(dy, cache_y, grads)
    M = X.T @ X / 7 - Y.T @ Y / 4
    np.testing.assert_allclose(grads["u"], -M @ layer.v, rtol=1e-12)
    np.testing.assert_allclose(grads["v"], -M @ layer.u, rtol=1e-12)
    expected = -((X @ layer.u) @ layer.v.T + (X @ layer.v) @ layer.u.T) / 7
    np.testing.assert_allclose(layer.input_grad(dx, cache_x), expected, rtol=1e-12)


@pytest.mark.parametrize(("features", "rank"), [(5, 3), (4, 1), (3, 3)])
def test_every_derivative_is_right(features: int, rank: int) -> None:
    errors = gradcheck.layer_errors(witness(features, rank), rng(2).normal(size=(6, features)), rng(3))
    assert set(errors) == {"dx", "du", "dv", "ddy", "dx twice", "du twice", "dv twice"}
    assert max(errors.values()) < 1e-7, errors


def test_the_columns_are_orthonormal_at_first_and_differ_between_u_and_v() -> None:
    layer = Covariance(8, 5, rng=rng(), dtype=np.float64)
    for a in (layer.u, layer.v):
        np.testing.assert_allclose(a.T @ a, np.eye(5), atol=1e-14)
    assert not np.allclose(layer.u, layer.v)
    assert_same(dict(Covariance(8, 5, rng=rng(), dtype=np.float64).named_params()), dict(layer.named_params()), 0)


def test_another_initializer_draws_what_it_draws() -> None:
    layer = Covariance(8, 5, rng=rng(), init=init.normal(1.0))
    np.testing.assert_array_equal(layer.u, rng().normal(0, 1.0, (8, 5)).astype(np.float32))


def test_float32_stays_float32() -> None:
    layer = Covariance(6, 2, rng=rng())
    x = rng(1).normal(size=(4, 6)).astype(np.float32)
    y, cache = layer.forward(x)
    ddy, dx, grads = layer.double_backward(x, y, cache)
    arrays = [y, layer.input_grad(y, cache), *layer.param_grads(y, cache).values(), ddy, dx, *grads.values()]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Covariance(3, 4, rng=rng()), r"1 <= rank <= in_features.*in_features 3 and rank 4"),
        (lambda: Covariance(3, 0, rng=rng()), "1 <= rank <= in_features"),
        (lambda: Covariance(0, 0, rng=rng()), "1 <= rank <= in_features"),
        (lambda: witness().forward(np.ones((2, 4))), r"Covariance\(5, 3\): x has shape \(2, 4\), expected \(N, 5\)"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
