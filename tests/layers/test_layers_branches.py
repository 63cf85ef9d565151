"""Branches: layers side by side, their names, and their sweeps."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from layer_answers import assert_same

from minigan.checks import randomise
from minigan.layers import (
    BatchNorm,
    Branches,
    Conv2d,
    Dropout,
    Flatten,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Network,
    ReLU,
    Tanh,
)
from minigan.optim import flatten


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def branches() -> Branches:
    """A network with batch norm, a layer, and branches among them."""
    inner = Branches(Linear(3, 2, bias=False, rng=rng()), Tanh())
    found = Branches(Network(Linear(3, 4, rng=rng()), BatchNorm(4), Tanh()), Linear(3, 2, rng=rng()), inner)
    found.convert(lambda array: array.astype(np.float64))
    randomise(found, rng(1))
    return found


def test_outputs_lie_side_by_side_in_the_order_of_the_layers(branches: Branches) -> None:
    x = rng().normal(size=(6, 3))
    y, _ = branches.forward(x, train=False)
    parts = [layer.forward(x, train=False)[0] for layer in branches.layers]
    assert y.shape == (6, 4 + 2 + 5)
    np.testing.assert_array_equal(y, np.concatenate(parts, axis=1))


def test_branches_worked_by_hand() -> None:
    layer = Branches(ReLU(), LeakyReLU(0.5))
    x = np.array([[2.0, -4]])
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(y, [[2, 0, 2, -2]])
    np.testing.assert_array_equal(layer.input_grad(np.array([[1.0, 10, 100, 1000]]), cache), [[101, 500]])
    ddy, contribution, grads = layer.double_backward(np.array([[1.0, 10]]), np.ones((1, 4)), cache)
    np.testing.assert_array_equal(ddy, [[1, 0, 1, 5]])
    assert contribution is None
    assert flatten(grads) == {}


def test_curved_branches_contribute_their_sum() -> None:
    # y = [tanh x, tanh x, x], dx = (1 - t²) (dy_0 + dy_1) + dy_2 with t = tanh x; d(ddx · dx)/dx by the product rule.
    layer = Branches(Tanh(), Tanh(), LeakyReLU(1))
    x, ddx, t = 0.7, 1.3, np.tanh(0.7)
    _, cache = layer.forward(np.array([[x]]))
    contribution: Any
    ddy, contribution, _ = layer.double_backward(np.array([[ddx]]), np.array([[0.4, 0.5, 9]]), cache)
    np.testing.assert_allclose(ddy, [[ddx * (1 - t * t), ddx * (1 - t * t), ddx]], rtol=1e-14)
    assert contribution.item() == pytest.approx(-2 * t * (1 - t * t) * ddx * 0.9, rel=1e-14)


def test_names_are_places_and_lead_to_the_arrays_themselves(branches: Branches) -> None:
    names = ["0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias", "1.weight", "1.bias", "2.0.weight"]
    assert [name for name, _ in branches.named_params()] == names
    assert [name for name, _ in branches.named_buffers()] == ["0.1.running_mean", "0.1.running_var"]
    inner: Any = branches.layers[1]
    assert dict(branches.named_params())["1.weight"] is inner.weight


def test_gradients_come_under_the_names_of_the_parameters(branches: Branches) -> None:
    y, cache = branches.forward(rng().normal(size=(6, 3)))
    grads: dict[str, Any] = {}
    assert branches.backward(np.ones_like(y), cache, grads, need_dx=False) is None
    shapes = {name: param.shape for name, param in branches.named_params()}
    assert {name: grad.shape for name, grad in flatten(grads).items()} == shapes
    assert_same(flatten(grads), flatten(branches.param_grads(np.ones_like(y), cache)), 0)


def test_each_branch_gets_its_own_part_of_the_gradient(branches: Branches) -> None:
    x = rng().normal(size=(6, 3))
    y, cache = branches.forward(x, train=False)
    dy = rng(2).normal(size=y.shape)
    dx, trace = branches.traced_backward(dy, cache)
    expected = np.zeros_like(x)
    for layer, part in zip(branches.layers, np.split(dy, [4, 6], axis=1), strict=True):
        expected += layer.input_grad(part, layer.forward(x, train=False)[1])
    np.testing.assert_allclose(dx, expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(trace[1], dy[:, 4:6])
    assert [type(seen) for seen in trace] == [list, np.ndarray, list]


def test_training_mode_reaches_every_branch_and_kept_buffers_come_back() -> None:
    branches = Branches(Network(BatchNorm(4)), Dropout(0.5, rng=rng()))
    x = np.ones((3, 4), np.float32)
    np.testing.assert_allclose(branches.forward(x, train=False)[0], np.ones((3, 8)), rtol=1e-4)
    before = {name: buffer.copy() for name, buffer in branches.named_buffers()}
    with branches.keeping_buffers():
        y, _ = branches.forward(x)
    assert_same(dict(branches.named_buffers()), before, 0)
    assert (y[:, :4] == 0).all()
    assert set(y[:, 4:].ravel()) == {0, 2}


def test_convert_reaches_parameters_and_buffers_of_every_branch(branches: Branches) -> None:
    branches.convert(lambda array: array.astype(np.float32))
    arrays = [array for _, array in (*branches.named_params(), *branches.named_buffers())]
    assert len(arrays) == 9
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_images_are_joined_along_their_channels() -> None:
    block = Branches(Conv2d(3, 5, 1, rng=rng()), Conv2d(3, 2, (1, 7), 1, (0, 3), rng=rng()), MaxPool2d(3, 1, 1))
    x = rng().normal(size=(2, 6, 8, 3)).astype(np.float32)
    y, cache = block.forward(x)
    assert (y.shape, y.dtype) == ((2, 6, 8, 10), np.float32)
    assert block.input_grad(y, cache).shape == x.shape


def test_no_branch_and_what_is_not_a_layer_are_refused() -> None:
    with pytest.raises(ValueError, match="Branches needs at least one layer"):
        Branches()
    with pytest.raises(ValueError, match="Branches is made of layers, got <class"):
        Branches(ReLU(), Tanh)  # type: ignore[arg-type]


def test_outputs_that_do_not_lie_side_by_side_are_refused() -> None:
    x = np.zeros((2, 6, 8, 3), np.float32)
    words = "Branches(ReLU(), MaxPool2d(kernel_size=2)): the branches give (2, 6, 8, 3), (2, 3, 4, 3); all axes but the"
    with pytest.raises(ValueError, match=re.escape(words)):
        Branches(ReLU(), MaxPool2d(2)).forward(x)
    with pytest.raises(ValueError, match=r"give \(2, 144\), \(2, 6, 8, 3\)"):
        Branches(Flatten(), ReLU()).forward(x)


def test_branches_show_their_layers() -> None:
    assert repr(Branches(ReLU(), Network(Tanh()))) == "Branches(ReLU(), Network(Tanh()))"
