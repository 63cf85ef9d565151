"""A batch norm and the activation after it, computed together: the same numbers to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_networks import Shelf, assert_same_arrays, rng
from support import strict

from minigan import gradcheck, kernels
from minigan.checks import randomise
from minigan.engine.fuse import BatchNormReLU, Identity, fused
from minigan.layers import (
    Autoencoder,
    BatchNorm,
    Branches,
    Conv2d,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    ReLU,
    Reshape,
    Tanh,
)
from minigan.optim import flatten


def paired(after: Layer, dtype: type = np.float64) -> Network:
    """Two batch norms with `after` after them, one in 2-D and one in 4-D, between layers with parameters."""
    stairs = (Linear(5, 12, bias=False, rng=rng()), BatchNorm(12), after, Reshape(2, 3, 2))
    network = Network(*stairs, Conv2d(2, 3, 2, rng=rng()), BatchNorm(3), after)
    network.convert(lambda array: array.astype(dtype))
    randomise(network, rng(1))
    return network


def answers(network: Layer, page: Layer, x: Any, dy: Any, ddx: Any, train: bool, need_dx: bool) -> dict[str, Any]:
    """All that a network computes, and the buffers of its page afterwards."""
    grads: dict[str, Any] = {}
    y, cache = network.forward(x, train)
    results = {"y": y, "grads": grads, "dx": network.backward(dy, cache, grads, need_dx)}
    results["traced"], trace = network.traced_backward(dy, cache)
    for name, seen in (("from dy", dy), ("from the trace", trace)):
        ddy, dx, more = network.double_backward(ddx, seen, cache)
        results[name] = {"ddy": ddy, "grads": more} | ({} if dx is None else {"dx": dx})
    if not need_dx:
        assert results.pop("dx") is None
    return flatten(results) | dict(page.named_buffers())


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
def test_a_pair_computes_what_its_layers_compute_one_by_one_to_the_last_bit(
    after: Layer, train: bool, need_dx: bool, dtype: type, move: Any, home: Any
) -> None:
    pages = paired(after, dtype), paired(after, dtype)
    for page in pages:
        page.convert(move)
    networks = fused(pages[0]), pages[1]
    x, ddx = (move(rng(seed).normal(size=(6, 5)).astype(dtype)) for seed in (2, 4))
    dy = move(rng(3).normal(size=(6, 1, 2, 3)).astype(dtype))
    with strict.no_sync():
        found, expected = (
            answers(network, page, x, dy, ddx, train, need_dx) for network, page in zip(networks, pages, strict=True)
        )
    assert {array.dtype for array in found.values()} == {np.dtype(dtype)}
    assert_same_arrays({k: home(v) for k, v in found.items()}, {k: home(v) for k, v in expected.items()})


@ACTIVATIONS
@pytest.mark.parametrize("train", [True, False])
def test_every_derivative_of_a_fused_network_is_right(after: Layer, train: bool) -> None:
    first = Network(BatchNorm(5, dtype=np.float64), after, Linear(5, 2, rng=rng(), dtype=np.float64))
    for network in (paired(after), first):
        errors = gradcheck.layer_errors(fused(network), rng(2).normal(size=(6, 5)), rng(3), train)
        assert max(errors.values()) < gradcheck.TOLERANCE, errors


@ACTIVATIONS
def test_caches_of_a_pair_serve_two_passes_and_every_derivative_twice(after: Layer) -> None:
    network, dy = fused(paired(after)), rng(3).normal(size=(6, 1, 2, 3))
    xs = rng(2).normal(size=(2, 6, 5))
    separate = [network.input_grad(dy, network.forward(x)[1]) for x in xs]
    caches = [network.forward(x)[1] for x in xs]
    dy.setflags(write=False)
    for cache, dx in zip(caches * 2, separate * 2, strict=True):
        np.testing.assert_array_equal(network.input_grad(dy, cache), dx)
        np.testing.assert_array_equal(network.traced_backward(dy, cache)[0], dx)


def test_a_fused_layer_answers_each_question_alone() -> None:
    layer = BatchNormReLU(BatchNorm(3, dtype=np.float64), LeakyReLU(0.2))
    x, dy = rng(2).normal(size=(2, 6, 3))
    _, cache = layer.forward(x)
    grads: dict[str, Any] = {}
    np.testing.assert_array_equal(layer.input_grad(dy, cache), layer.backward(dy, cache, grads))
    assert_same_arrays(layer.param_grads(dy, cache), grads)


def test_an_activation_after_a_batch_norm_has_no_pass_of_its_own_and_others_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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
        _, caches = fused(Network(*layers)).forward(x)
        assert (calls, len(caches)) == (expected, len(layers))


def row() -> Network:
    return Network(BatchNorm(4), ReLU(), Linear(4, 4, rng=rng()))


@pytest.mark.parametrize(
    "page",
    [
        Network(row(), row()),
        Branches(row(), Linear(4, 2, rng=rng())),
        Autoencoder(row(), row()),
        Shelf(first=row(), second=Network(row(), Tanh())),
    ],
    ids=lambda page: type(page).__name__,
)
def test_pairs_are_fused_at_every_depth_and_nothing_else_is_copied(page: Layer) -> None:
    network = fused(page)
    kinds = [type(layer) for layer in network.walk()]
    rows = sum(type(layer) is BatchNorm for layer in page.walk())
    assert rows > 0
    assert (kinds.count(BatchNormReLU), kinds.count(Identity), kinds.count(BatchNorm)) == (rows, rows, 0)
    assert type(network) is type(page)
    for named in ("named_params", "named_buffers"):
        ours, theirs = dict(getattr(network, named)()), dict(getattr(page, named)())
        assert list(ours) == list(theirs)
        assert all(ours[name] is theirs[name] for name in theirs)
    linear = [[layer for layer in walked if type(layer) is Linear] for walked in (network.walk(), page.walk())]
    assert all(a is b for a, b in zip(*linear, strict=True))


def test_what_has_no_pair_stays_the_same_object() -> None:
    plain = Network(Linear(4, 4, rng=rng()), ReLU(), Network(BatchNorm(4), Tanh()))
    assert fused(plain) is plain
    page = Network(row(), plain)
    assert fused(page).layers[1] is plain


def test_subclasses_that_compute_something_else_are_left_alone() -> None:
    class Lower(BatchNorm):
        """By one."""

        def forward(self, x: Any, train: bool = True) -> Any:
            y, cache = super().forward(x, train)
            return y - 1, cache

    class Negative(ReLU):
        """The other half."""

        def forward(self, x: Any, train: bool = True) -> Any:
            y, cache = super().forward(-x, train)
            return -y, cache

    class Backwards(Network):
        """From the last layer to the first."""

        def forward(self, x: Any, train: bool = True) -> Any:
            for layer in reversed(self.layers):
                x, _ = layer.forward(x, train)
            return x, None

    x = rng().normal(size=(4, 3)).astype(np.float32)
    plain, _ = BatchNorm(3).forward(x)
    np.testing.assert_array_equal(fused(Network(Lower(3), ReLU())).forward(x)[0], np.maximum(plain - 1, 0))
    np.testing.assert_array_equal(fused(Network(BatchNorm(3), Negative())).forward(x)[0], np.minimum(plain, 0))
    positive, _ = BatchNorm(3).forward(np.maximum(x, 0))
    np.testing.assert_array_equal(fused(Backwards(BatchNorm(3), ReLU())).forward(x)[0], positive)
