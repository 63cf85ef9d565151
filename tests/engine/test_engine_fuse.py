"""A batch norm and the ReLU behind it: a Network takes them as one, and nobody can tell from the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_answers import assert_same
from support import strict

from minigan import gradcheck, kernels
from minigan.checks import randomise
from minigan.layers import BatchNorm, Conv2d, Layer, LeakyReLU, Linear, Network, ReLU, Reshape, Tanh
from minigan.optim import flatten


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("slope", [0, 0.2, 1])
def test_with_a_slope_the_output_is_that_of_a_leaky_relu_behind_and_the_cache_the_same(
    slope: float, train: bool
) -> None:
    layer = BatchNorm(3)
    randomise(layer, rng())
    x = rng(1).normal(size=(5, 4, 3)).astype(np.float32)
    with layer.keeping_buffers():
        plain, cache = layer.forward(x, train)
    y, same = layer.forward(x, train, slope=slope)
    np.testing.assert_array_equal(y, LeakyReLU(slope).forward(plain)[0])
    for one, other in zip(cache, same, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("train", [True, False])
def test_dx_is_written_over_dy_only_where_that_is_asked_for(train: bool) -> None:
    layer = BatchNorm(3)
    randomise(layer, rng())
    x, dy = rng(1).normal(size=(2, 5, 4, 3)).astype(np.float32)
    _, cache = layer.forward(x, train)
    before, grads, more = dy.copy(), {}, {}
    expected = layer.backward(dy, cache, grads)
    np.testing.assert_array_equal(dy, before)
    assert layer.backward(dy, cache, more, out=dy) is dy
    np.testing.assert_array_equal(dy, expected)
    assert_same(more, grads, 0)


def paired(after: Layer, dtype: type = np.float64) -> Network:
    """Two batch norms with `after` behind them, one in 2-D and one in 4-D, between layers with parameters."""
    stairs = (Linear(5, 12, bias=False, rng=rng()), BatchNorm(12), after, Reshape(2, 3, 2))
    found = Network(*stairs, Conv2d(2, 3, 2, rng=rng()), BatchNorm(3), after)
    found.convert(lambda array: array.astype(dtype))
    randomise(found, rng(1))
    return found


def one_by_one(network: Network, x: Any, dy: Any, train: bool, need_dx: bool) -> dict[str, Any]:
    """What a network answers, asked layer by layer."""
    caches, grads = [], {}
    for layer in network.layers:
        x, cache = layer.forward(x, train)
        caches.append(cache)
    y = x
    for i in reversed(range(len(caches))):
        dy = network.layers[i].backward(dy, caches[i], grads.setdefault(str(i), {}), need_dx or i > 0)
    return flatten(grads) | dict(network.named_buffers()) | {"y": y} | ({"dx": dy} if need_dx else {})


ACTIVATIONS = pytest.mark.parametrize("after", [ReLU(), LeakyReLU(), LeakyReLU(1)], ids=["relu", "leaky", "straight"])


@ACTIVATIONS
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("need_dx", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("move", "home"),
    [(np.asarray, np.asarray), (np.asfortranarray, np.asarray), (strict.to_device, strict.to_host)],
    ids=["host", "transposed", "device"],
)
def test_a_pair_answers_as_its_layers_do_one_by_one_to_the_last_bit(
    after: Layer, train: bool, need_dx: bool, dtype: type, move: Any, home: Any
) -> None:
    found, apart = paired(after, dtype), paired(after, dtype)
    for network in (found, apart):
        network.convert(move)
    x, dy = move(rng(2).normal(size=(6, 5)).astype(dtype)), move(rng(3).normal(size=(6, 1, 2, 3)).astype(dtype))
    with strict.no_sync():
        y, caches = found.forward(x, train)
        grads: dict[str, Any] = {}
        dx = found.backward(dy, caches, grads, need_dx)
        expected = one_by_one(apart, x, dy, train, need_dx)
    answers = flatten(grads) | dict(found.named_buffers()) | {"y": y} | ({"dx": dx} if need_dx else {})
    assert (dx is None) == (not need_dx)
    assert len(caches) == len(found.layers)
    assert {array.dtype for array in answers.values()} == {np.dtype(dtype)}
    assert_same({k: home(v) for k, v in answers.items()}, {k: home(v) for k, v in expected.items()}, 0)


@ACTIVATIONS
@pytest.mark.parametrize("train", [True, False])
def test_every_derivative_of_a_network_with_pairs_is_right(after: Layer, train: bool) -> None:
    first = Network(BatchNorm(5, dtype=np.float64), after, Linear(5, 2, rng=rng(), dtype=np.float64))
    for network in (paired(after), first):
        errors = gradcheck.layer_errors(network, rng(2).normal(size=(6, 5)), rng(3), train)
        assert max(errors.values()) < gradcheck.TOLERANCE, errors


@ACTIVATIONS
def test_caches_of_a_pair_serve_two_passes_and_every_question_twice(after: Layer) -> None:
    network, dy = paired(after), rng(3).normal(size=(6, 1, 2, 3))
    xs = rng(2).normal(size=(2, 6, 5))
    separate = [network.input_grad(dy, network.forward(x)[1]) for x in xs]
    caches = [network.forward(x)[1] for x in xs]
    dy.setflags(write=False)
    for cache, dx in zip(caches * 2, separate * 2, strict=True):
        np.testing.assert_array_equal(network.input_grad(dy, cache), dx)
        np.testing.assert_array_equal(network.traced_backward(dy, cache)[0], dx)


def test_a_relu_behind_a_batch_norm_is_no_pass_of_its_own_and_the_next_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, inner = [], kernels.leaky_relu
    monkeypatch.setattr(kernels, "leaky_relu", lambda x, slope: calls.append(slope) or inner(x, slope))
    relu, leaky, x = ReLU(), LeakyReLU(0.3), np.ones((4, 3), np.float32)
    for layers, expected in (
        ([BatchNorm(3), relu], []),
        ([BatchNorm(3), relu, relu, leaky], [0, 0.3]),
        ([relu, BatchNorm(3), leaky, BatchNorm(3)], [0]),
        ([BatchNorm(3), BatchNorm(3), leaky], []),
        ([BatchNorm(3), Tanh(), relu], [0]),
        ([Network(BatchNorm(3)), leaky], [0.3]),
    ):
        calls.clear()
        _, caches = Network(*layers).forward(x)
        assert (calls, len(caches)) == (expected, len(layers))


def test_subclasses_with_their_own_ways_are_asked_themselves() -> None:
    class Lower(BatchNorm):
        """By one."""

        def forward(self, x: Any, train: bool = True) -> Any:  # type: ignore[override]
            y, cache = super().forward(x, train)
            return y - 1, cache

    class Steeper(BatchNorm):
        """For those above."""

        def backward(self, dy: Any, cache: Any, grads: Any = None, need_dx: bool = True) -> Any:  # type: ignore[override]
            return super().backward(10 * dy, cache, grads, need_dx)

    class Negative(ReLU):
        """The other half."""

        def forward(self, x: Any, train: bool = True) -> Any:
            y, cache = super().forward(-x, train)
            return -y, cache

    x = rng().normal(size=(4, 3)).astype(np.float32)
    plain, _ = BatchNorm(3).forward(x)
    np.testing.assert_array_equal(Network(Lower(3), ReLU()).forward(x)[0], np.maximum(plain - 1, 0))
    np.testing.assert_array_equal(Network(BatchNorm(3), Negative()).forward(x)[0], np.minimum(plain, 0))
    steep, flat = (Network(layer, ReLU()) for layer in (Steeper(3), BatchNorm(3)))
    found, expected = (network.input_grad(plain, network.forward(x)[1]) for network in (steep, flat))
    np.testing.assert_allclose(found, 10 * expected, rtol=1e-5, atol=1e-6)
