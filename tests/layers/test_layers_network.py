"""Network: layers in a row, their names, and its three sweeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_answers import assert_same

from minigan.checks import randomise
from minigan.layers import BatchNorm, Dropout, Layer, LeakyReLU, Linear, Network, Tanh, accumulate
from minigan.optim import flatten


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def network() -> Network:
    """Layers, and a network among them."""
    inner = Network(Linear(4, 5, rng=rng()), BatchNorm(5), Tanh())
    found = Network(Linear(3, 4, rng=rng()), LeakyReLU(), Network(inner, Linear(5, 2, bias=False, rng=rng())))
    found.convert(lambda array: array.astype(np.float64))
    randomise(found, rng(1))
    return found


def test_names_are_places_in_the_order_of_the_layers(network: Network) -> None:
    inside = ["2.0.0.weight", "2.0.0.bias", "2.0.1.weight", "2.0.1.bias", "2.1.weight"]
    assert [name for name, _ in network.named_params()] == ["0.weight", "0.bias", *inside]
    assert [name for name, _ in network.named_buffers()] == ["2.0.1.running_mean", "2.0.1.running_var"]


def test_names_lead_to_the_arrays_themselves(network: Network) -> None:
    inner: Any = network.layers[2]
    params, buffers = dict(network.named_params()), dict(network.named_buffers())
    assert params["0.weight"] is network.layers[0].weight  # type: ignore[attr-defined]
    assert params["2.0.1.bias"] is inner.layers[0].layers[1].bias
    assert params["2.1.weight"] is inner.layers[1].weight
    assert buffers["2.0.1.running_var"] is inner.layers[0].layers[1].running_var


def test_gradients_come_under_the_names_of_the_parameters(network: Network) -> None:
    x = rng().normal(size=(6, 3))
    y, caches = network.forward(x)
    grads: dict[str, Any] = {}
    network.backward(np.ones_like(y), caches, grads)
    params = dict(network.named_params())
    assert {name: grad.shape for name, grad in flatten(grads).items()} == {n: p.shape for n, p in params.items()}
    assert grads["2"]["0"]["1"].keys() == {"weight", "bias"}


def test_forward_is_one_layer_after_the_other(network: Network) -> None:
    x = rng().normal(size=(6, 3))
    y, _ = network.forward(x, train=False)
    for layer in network.layers:
        x, _ = layer.forward(x, train=False)
    np.testing.assert_array_equal(y, x)


def test_training_mode_reaches_every_layer() -> None:
    network = Network(Network(Dropout(0.5, rng=rng())), BatchNorm(4))
    x = np.ones((3, 4), np.float32)
    np.testing.assert_allclose(network.forward(x, train=False)[0], x, rtol=1e-4)
    assert (network.layers[1].running_mean == 0).all()  # type: ignore[attr-defined]
    assert not np.allclose(network.forward(x)[0], x)
    assert (network.layers[1].running_mean != 0).any()  # type: ignore[attr-defined]


def test_a_trace_is_what_reached_each_layer(network: Network) -> None:
    x = rng().normal(size=(6, 3))
    y, caches = network.forward(x)
    dx, trace = network.traced_backward(np.ones_like(y), caches)
    np.testing.assert_array_equal(dx, network.input_grad(np.ones_like(y), caches))
    assert len(trace) == 3
    assert [type(seen) for seen in trace] == [np.ndarray, np.ndarray, list]
    np.testing.assert_array_equal(trace[2][1], np.ones_like(y))
    assert trace[0].shape == (6, 4)


def test_the_backward_pass_gives_what_curved_layers_contribute_to_the_layers_below() -> None:
    # y = tanh(x w), dx = (1 - y²) w dy. With ddx: S = ddx (1 - y²) w dy, dS/dw = ddx dy (1 - y²) (1 - 2 x w y).
    network = Network(Linear(1, 1, bias=True, rng=rng(), dtype=np.float64), Tanh())
    network.layers[0].weight[...] = 0.7  # type: ignore[attr-defined]
    x, w, ddx, dy = 0.9, 0.7, 1.3, 0.4
    y = np.tanh(x * w)
    _, caches = network.forward(np.array([[x]]))
    contribution: Any
    ddy, contribution, grads = network.double_backward(np.array([[ddx]]), np.array([[dy]]), caches)
    assert ddy.item() == pytest.approx(ddx * w * (1 - y * y), rel=1e-14)
    found = flatten(grads)
    assert found["0.weight"].item() == pytest.approx(ddx * dy * (1 - y * y) * (1 - 2 * x * w * y), rel=1e-14)
    assert found["0.bias"].item() == pytest.approx(-2 * ddx * w * dy * y * (1 - y * y), rel=1e-14)
    assert contribution.item() == pytest.approx(-2 * ddx * w * w * dy * y * (1 - y * y), rel=1e-14)


def test_layers_before_the_first_parameter_are_not_asked_where_nobody_needs_dx() -> None:
    class Asked(Tanh):
        def input_grad(self, dy: np.ndarray, cache: Any) -> np.ndarray:
            raise AssertionError("a gradient that nobody needs")

    linear = Linear(3, 2, rng=rng())
    network, x = Network(Asked(), linear, LeakyReLU()), rng(1).normal(size=(4, 3)).astype(np.float32)
    y, caches = network.forward(x)
    grads: dict[str, Any] = {}
    assert network.backward(y, caches, grads, need_dx=False) is None
    assert_same(grads["1"], linear.param_grads(network.layers[2].input_grad(y, caches[2]), caches[1]))
    with pytest.raises(AssertionError, match="nobody needs"):
        network.backward(y, caches)


def test_piecewise_linear_layers_contribute_nothing() -> None:
    network = Network(Linear(3, 4, rng=rng()), LeakyReLU(), Linear(4, 1, rng=rng()))
    y, caches = network.forward(np.ones((2, 3), np.float32))
    _, contribution, grads = network.double_backward(np.ones((2, 3), np.float32), np.ones_like(y), caches)
    assert contribution is None
    assert flatten(grads).keys() == {"0.weight", "2.weight"}


def test_kept_buffers_come_back_even_after_an_error(network: Network) -> None:
    before = {name: buffer.copy() for name, buffer in network.named_buffers()}
    with pytest.raises(KeyError, match="on the way"), network.keeping_buffers():
        network.forward(rng().normal(size=(6, 3)))
        raise KeyError("on the way")
    assert_same(dict(network.named_buffers()), before, 0)


def test_convert_reaches_parameters_and_buffers_of_every_layer(network: Network) -> None:
    network.convert(lambda array: array.astype(np.float32))
    arrays = [array for _, array in (*network.named_params(), *network.named_buffers())]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert network.forward(np.ones((6, 3), np.float32))[0].dtype == np.float32


def test_accumulate_adds_name_by_name_and_takes_in_new_ones() -> None:
    grads: dict[str, Any] = {"a": np.ones(2), "0": {"w": np.ones(2)}}
    accumulate(
        grads, {"a": np.full(2, 2.0), "b": np.full(2, 3.0), "0": {"w": np.full(2, 4.0)}, "1": {"w": np.zeros(1)}}
    )
    flat = flatten(grads)
    assert {name: float(value[0]) for name, value in flat.items()} == {"a": 3, "b": 3, "0.w": 5, "1.w": 0}


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        Network()


def test_a_layer_that_cannot_be_asked_reports_it_by_its_name() -> None:
    class Squash(Layer):
        """Nothing but a name."""

    x = np.ones((1, 1))
    for ask, words in (
        (lambda: Squash().forward(x), "no forward pass"),
        (lambda: Squash().input_grad(x, None), "no input gradient"),
        (lambda: Squash().double_backward(x, x, None), "cannot stand in a critic with a gradient penalty"),
    ):
        with pytest.raises(NotImplementedError, match=rf"Squash\(\) has .*{words}|Squash\(\).*{words}"):
            ask()
    assert Squash().param_grads(x, None) == {}
    assert list(Squash().named_params()) == list(Squash().named_buffers()) == []
