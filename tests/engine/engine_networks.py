"""Networks for the tests of the engine, layers as a user may write them, and a comparison up to rounding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Join,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    ReLU,
    Reshape,
    Tanh,
)
from minigan.layers.composite import Composite
from minigan.layers.layer import Cache, Grads
from minigan.optim import flatten

Z = 5  # numbers of noise


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def images(n: int = 19, dtype: Any = np.float64) -> np.ndarray:
    return rng(5).normal(size=(n, 6, 6, 2)).astype(dtype)


def close(a: Any, b: Any, rtol: float = 1e-11, least: float = 1e-4) -> None:
    """Equal up to rtol times the largest number, or `least`; gradients name by name."""
    if isinstance(a, Mapping):
        a, b = flatten(a), flatten(b)
        assert a.keys() == b.keys()
        for name in a:
            close(a[name], b[name], rtol, least)
    else:
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(least, np.abs(b).max(initial=0)))


def assert_same_arrays(a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    """Equal to the last bit."""
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name, strict=True)


def arrays_of(network: Layer) -> dict[str, Array]:
    """Copies of parameters and buffers."""
    return {name: array.copy() for name, array in (*network.named_params(), *network.named_buffers())}


def jumbled(network: Layer) -> Layer:
    """The network in float64, with parameters of batch norm that are neither 1 nor 0."""
    network.convert(lambda array: array.astype(np.float64))
    for layer in network.walk():
        if isinstance(layer, BatchNorm):
            layer.weight[...], layer.bias[...] = rng(4).normal(1, 0.3, (2, layer.num_features))
    return network


def critic(dtype: Any = np.float64) -> Network:
    """Convolution, batch norm and curvature, with random weights everywhere."""
    network = Network(
        Conv2d(2, 5, 4, 2, 1, rng=rng(1)),
        LeakyReLU(0.2),
        Conv2d(5, 6, 3, 1, 1, bias=False, rng=rng(2)),
        BatchNorm(6),
        Tanh(),
        Flatten(),
        Linear(54, 1, rng=rng(3)),
    )
    jumbled(network).convert(lambda array: array.astype(dtype))
    return network


def generator(condition: int = 0) -> Layer:
    """Noise to images (N, 6, 6, 2), by way of two batch norms with activations; `condition`: a number of classes."""
    join = (Join(condition),) if condition else ()
    stairs = Linear(Z + condition, 36, bias=False, rng=rng(11)), BatchNorm(36), ReLU(), Reshape(3, 3, 4)
    up = ConvTranspose2d(4, 3, 4, 2, 1, bias=False, rng=rng(12)), BatchNorm(3), LeakyReLU(0.1)
    return jumbled(Network(*join, *stairs, *up, Conv2d(3, 2, 3, 1, 1, rng=rng(13)), Tanh()))


class MinibatchStd(Layer):
    """A user's layer without buffers. y = [x, s], s the mean deviation of the features over the batch."""

    couples = True

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        centred = x - x.mean(axis=0)
        std = np.sqrt((centred * centred).mean(axis=0) + 1e-8)
        return np.concatenate([x, np.full_like(x[:, :1], std.mean())], axis=1), (centred, std)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        centred, std = cache
        return dy[:, :-1] + dy[:, -1].sum() * centred / (centred.size * std)


class Shelf(Composite):
    """A user's composite with its layers in a dict, one after the other."""

    def __init__(self, **layers: Layer) -> None:
        self.shelf = layers

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        caches = {}
        for name, layer in self.shelf.items():
            x, caches[name] = layer.forward(x, train)
        return x, caches

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        for name, layer in reversed(self.shelf.items()):
            dy = layer.backward(dy, cache[name], None if grads is None else grads.setdefault(name, {}))  # type: ignore[assignment]
        return dy if need_dx else None

    def named_params(self) -> Iterator[tuple[str, Array]]:
        return ((f"{name}.{inner}", a) for name, layer in self.shelf.items() for inner, a in layer.named_params())

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        return ((f"{name}.{inner}", a) for name, layer in self.shelf.items() for inner, a in layer.named_buffers())

    def convert(self, change: Any) -> None:
        for layer in self.shelf.values():
            layer.convert(change)


def comparing_critic() -> Layer:
    """A discriminator with a user's layer that couples."""
    down = Conv2d(2, 4, 4, 2, 1, rng=rng(1)), LeakyReLU(0.2), Flatten(), Linear(36, 8, rng=rng(2)), Tanh()
    return jumbled(Network(*down, MinibatchStd(), Linear(9, 1, rng=rng(3))))


def shelved_critic() -> Layer:
    """A discriminator with a batch norm in a dict of a user's composite, and a network with one beside it."""
    row = Network(Conv2d(4, 3, 3, 1, 1, rng=rng(2)), BatchNorm(3), LeakyReLU(0.2))
    shelf = Shelf(norm=BatchNorm(4), bend=Tanh(), row=row)
    return jumbled(Network(Conv2d(2, 4, 4, 2, 1, rng=rng(1)), shelf, Flatten(), Linear(27, 1, rng=rng(3))))
