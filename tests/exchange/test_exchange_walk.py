"""Which layers PyTorch has, under what names, and where rows of numbers change their order."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import numpy as np
import pytest

import minigan.layers
from minigan.exchange import as_pytorch
from minigan.exchange.rules import REFUSED, has_rule
from minigan.exchange.walk import MADE_OF_PARTS, tensors
from minigan.layers import (
    Autoencoder,
    BatchNorm,
    Branches,
    Conditional,
    Conv2d,
    Covariance,
    Flatten,
    Join,
    Layer,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    Reshape,
    SpectralNorm,
    Sum,
    Tanh,
)

RNG = np.random.default_rng(0)


def linear(inputs: int, outputs: int) -> Linear:
    return Linear(inputs, outputs, bias=False, rng=RNG)


def pages(page: type[Layer]) -> Iterator[type[Layer]]:
    """The layers that can be built and take no condition."""
    for found in page.__subclasses__():
        if issubclass(found, Conditional):
            continue
        if found.__module__.startswith("minigan.layers.") and found.__name__ in minigan.layers.__all__:
            yield found
        yield from pages(found)


def test_every_layer_has_a_rule_or_is_refused_with_words() -> None:
    for module in pkgutil.iter_modules(minigan.layers.__path__, "minigan.layers."):
        importlib.import_module(module.name)
    known = {page for page in pages(Layer) if has_rule(page.__new__(page))}
    parts = {Network, *MADE_OF_PARTS}
    assert known | parts | set(REFUSED) == set(pages(Layer))
    assert not known & set(REFUSED) and not parts & set(REFUSED) and len(known) >= 15


def test_a_name_is_the_place_of_the_layer_and_its_own() -> None:
    network = Network(linear(4, 3), BatchNorm(3), Network(ReLU(), SpectralNorm(Linear(3, 2, rng=RNG), rng=RNG)))
    spectral = (
        "parametrizations.weight.original",
        "bias",
        "parametrizations.weight.0._u",
        "parametrizations.weight.0._v",
    )
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = ["0.weight", *(f"1.{name}" for name in norm), *(f"2.1.{name}" for name in spectral)]
    assert [tensor.name for tensor in tensors(network, (4,))] == names


def test_autoencoders_and_branches_name_their_parts() -> None:
    def part(inputs: int, outputs: int) -> Network:
        return Network(linear(inputs, outputs), Tanh())

    branches = Branches(part(2, 1), linear(2, 3))
    assert [tensor.name for tensor in tensors(Network(branches, linear(4, 1)), (2,))] == [
        *("0.0.0.weight", "0.1.weight", "1.weight")
    ]
    both = Autoencoder(part(4, 2), part(2, 4))
    assert [tensor.name for tensor in tensors(both, (4,))] == ["encoder.0.weight", "decoder.0.weight"]


def test_a_sum_names_its_parts_and_is_refused_where_it_scales() -> None:
    both = linear(2, 3), Network(linear(2, 3), Tanh())
    assert [tensor.name for tensor in tensors(Sum(*both), (2,))] == ["0.weight", "1.0.weight"]
    first, second = "nn.Linear(2, 3, bias=False)", "nn.Sequential(\n        nn.Linear(2, 3, bias=False),"
    written = as_pytorch(Sum(*both), (2,))
    assert written == f"Sum([\n    {first},\n    {second}\n        nn.Tanh(),\n    ),\n])"
    with pytest.raises(ValueError, match="cannot be exchanged: it scales its sum"):
        tensors(Sum(*both, scale=0.5), (2,))


def test_a_layer_alone_names_its_arrays_only() -> None:
    (weight,) = tensors(linear(3, 2), (3,))
    assert weight.name == "weight"
    np.testing.assert_array_equal(weight.places, [[0, 2, 4], [1, 3, 5]])


def test_rows_of_a_linear_after_flatten_and_columns_before_reshape_change_places() -> None:
    H, W, C = 2, 3, 2
    first = [(h * W + w) * C + c for c in range(C) for h in range(H) for w in range(W)]
    after = Network(Flatten(), Tanh(), linear(12, 2))
    before = Network(linear(2, 12), Tanh(), Reshape(12), BatchNorm(12), Reshape(H, W, C))
    (weight,) = tensors(after, (H, W, C))
    np.testing.assert_array_equal(weight.outwards(), after.layers[2].weight[first].T)
    weight, *norm, count = tensors(before, (2,))
    np.testing.assert_array_equal(weight.outwards(), before.layers[0].weight[:, first].T)
    assert all(np.array_equal(tensor.places, first) for tensor in norm) and count.counted


def test_between_rows_that_no_image_touches_nothing_changes_places() -> None:
    network = Network(Flatten(), linear(12, 12), BatchNorm(12), linear(12, 4), LayerNorm(4), Reshape(4), linear(4, 12))
    found = {tensor.name: tensor.places for tensor in tensors(network, (2, 3, 2))}
    np.testing.assert_array_equal(found["2.weight"], np.arange(12))
    np.testing.assert_array_equal(found["3.weight"], np.arange(48).reshape(12, 4).T)
    np.testing.assert_array_equal(found["6.weight"], np.arange(48).reshape(4, 12).T)


def test_an_image_becomes_a_row_and_an_image_again_only_as_it_was() -> None:
    there_and_back = Network(Flatten(), BatchNorm(12), Reshape(2, 3, 2), Conv2d(2, 1, 1, rng=RNG))
    assert tensors(there_and_back, (2, 3, 2))[0].places.tolist() == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]
    turned = Network(Flatten(), BatchNorm(12), Reshape(2, 2, 3), Conv2d(3, 1, 1, rng=RNG))
    with pytest.raises(ValueError, match=r"layer 2, Reshape\(2, 2, 3\), cannot be exchanged: .* without a Linear"):
        tensors(turned, (2, 3, 2))


class OwnTanh(Tanh):
    """A layer that somebody made of another one."""


@pytest.mark.parametrize(
    ("network", "shape", "reason"),
    [
        (Network(linear(4, 4), Covariance(4, 2, rng=RNG)), (4,), "layer 1, Covariance.* PyTorch has no such layer"),
        (Network(Network(Join(2)), linear(5, 2)), (3,), r"Join\(2\) cannot be exchanged: it takes a condition"),
        (Network(linear(3, 2), OwnTanh()), (3,), r"layer 1, OwnTanh\(\), .* there is no rule for it"),
        (Network(Network(linear(3, 2), OwnTanh())), (3,), r"layer 0\.1, OwnTanh"),
        (Network(LayerNorm(2)), (3, 3, 2), r"layer 0, LayerNorm.* the last axes of \(C, H, W\)"),
        (
            Network(Conv2d(4, 4, 1, rng=RNG), Reshape(4, 4, 1)),
            (2, 2, 4),
            "layer 1, Reshape.* mixes pixels and channels",
        ),
        (Network(linear(4, 6), Reshape(2, 3)), (4,), r"layer 1, Reshape.* only rows .* and images"),
        (Network(Reshape(2, 3, 2), Conv2d(2, 1, 1, rng=RNG)), (12,), "layer 0, Reshape.* without a Linear"),
        (Network(Conv2d(2, 2, 1, rng=RNG), Flatten(), ReLU()), (2, 3, 2), "layer 2, ReLU.* without a Linear"),
        (Network(Branches(linear(12, 2), linear(12, 3)), Flatten()), (2, 3, 2), "expected"),
        (Network(Flatten(), Branches(linear(12, 2))), (2, 3, 2), "layer 1, Branches.* without a Linear"),
        (Network(Flatten(), ReLU()), (2, 3, 2), "has no weights"),
        (Network(linear(4, 2)), (3,), r"x has shape \(1, 3\), expected \(N, 4\)"),
    ],
)
def test_what_would_not_be_the_same_function_is_refused_by_name(
    network: Network, shape: tuple[int, ...], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        tensors(network, shape)
    with pytest.raises(ValueError, match=reason):
        as_pytorch(network, shape)


def test_a_row_that_is_the_same_in_both_orders_may_become_an_image_without_a_linear() -> None:
    network = Network(Reshape(1, 1, 5), Conv2d(5, 1, 1, rng=RNG), Flatten())
    assert [tensor.name for tensor in tensors(network, (5,))] == ["1.weight", "1.bias"]


def test_the_module_is_written_as_pytorch_wants_it() -> None:
    network = Network(
        *(Conv2d(2, 3, (3, 2), 1, 1, bias=False, rng=RNG), BatchNorm(3), Flatten()),
        *(
            SpectralNorm(Linear(36, 12, rng=RNG), rng=RNG),
            BatchNorm(12, eps=1e-3),
            Reshape(2, 2, 3),
            LayerNorm((2, 2, 3)),
        ),
    )
    assert (
        as_pytorch(network, (3, 3, 2))
        == """nn.Sequential(
    nn.Conv2d(2, 3, kernel_size=(3, 2), stride=(1, 1), padding=(1, 1), bias=False),
    nn.BatchNorm2d(3, eps=1e-05, momentum=0.1),
    nn.Flatten(),
    nn.utils.parametrizations.spectral_norm(nn.Linear(36, 12), eps=1e-12),
    nn.BatchNorm1d(12, eps=0.001, momentum=0.1),
    nn.Unflatten(1, (3, 2, 2)),
    nn.LayerNorm((3, 2, 2), eps=1e-05),
)"""
    )
