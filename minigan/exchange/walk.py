"""The walk through a network that finds every array's tensor: its name in PyTorch, and how its numbers lie there.

An image flattened here is (H, W, C) written in a row, in PyTorch (C, H, W). So that both networks compute the same
function, what reads or makes such a row has its numbers in the other order: the rows of a Linear after Flatten, the
columns of one before Reshape, the channels of a batch norm between them. A Linear may take any order and give any
other; the layers in `KEEP_PLACES` hand on the order that they get. What goes in and what comes out keeps its order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from minigan.device import Array, to_host
from minigan.exchange.rules import KEEP_PLACES, NAMES, REFUSED, SAME, Order, arrangements, channels_first, has_rule
from minigan.layers import (
    Autoencoder,
    BatchNorm,
    Branches,
    Conditional,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Network,
    Patches,
    Reshape,
    Residual,
    Sum,
)

MADE_OF_PARTS = (Branches, Autoencoder, Residual, Sum)
Leaf = tuple[str, Layer]  # its name with a dot after it, "" for a layer on its own


@dataclass(frozen=True)
class Tensor:
    """A tensor of a PyTorch state dict, and the array of a minigan network that it is.

    name        PyTorch's
    array       the live one
    places      of the tensor's numbers in the array, counted row by row; in the tensor's shape
    counted     is it PyTorch's num_batches_tracked, which nothing depends on? A file may lack it, and no layer has it
    """

    name: str
    array: Array
    places: np.ndarray
    counted: bool = False

    def outwards(self) -> np.ndarray:
        """The array as PyTorch has it."""
        return np.array(to_host(self.array).ravel()[self.places], order="C")

    def inwards(self, tensor: np.ndarray) -> np.ndarray:
        """`tensor` as the array has it, in the array's data type."""
        numbers = np.empty(self.places.size, self.array.dtype)
        numbers[self.places.ravel()] = tensor.ravel()
        return numbers.reshape(self.array.shape)


def tensors(network: Layer, input_shape: tuple[int, ...]) -> list[Tensor]:
    """All tensors of the network's state dict, in its order; `input_shape` is one sample's: (features,) or (H, W, C).

    ValueError names the layer that PyTorch has not, or that keeps the network from being the same function there.
    """
    some = next((array for _, array in network.named_params()), None)
    if some is None:
        raise ValueError(f"{network} has no weights to exchange")
    for layer in network.walk():
        if isinstance(layer, Conditional):
            raise ValueError(f"{layer} cannot be exchanged: it takes a condition beside its input")
        if isinstance(layer, Embedding):
            raise ValueError(f"{layer} cannot be exchanged: {REFUSED[Embedding]}")
    with np.errstate(all="ignore"):  # the shapes are asked for, and the weights may be about to be replaced
        return list(_tensors(network, np.zeros_like(some, shape=(1, *input_shape)), ""))


def _tensors(network: Layer, x: Array, name: str) -> Iterator[Tensor]:
    """Those of a network that is shown x; their names begin with `name`."""
    leaves = list(_leaves(network, name))
    inputs = [x]
    for _, layer in leaves:
        inputs.append(layer.forward(inputs[-1], train=False)[0])
    shapes = [tuple(x.shape[1:]) for x in inputs]
    for (leaf, layer), pair in zip(leaves, pairwise(shapes), strict=True):
        _check(leaf, layer, *pair)
    orders = _orders(leaves, shapes)
    for (leaf, layer), x, (before, after) in zip(leaves, inputs[:-1], pairwise(orders), strict=True):
        if isinstance(layer, MADE_OF_PARTS):
            for part, inner, shown in _parts(layer, x):
                yield from _tensors(inner, shown, f"{leaf}{part}")
        else:
            yield from _own(leaf, layer, before, after)


def _leaves(layer: Layer, name: str) -> Iterator[Leaf]:
    """The layers in a row, with those of networks within networks in their place."""
    if isinstance(layer, Network) and type(layer).forward is Network.forward:  # a subclass may name its layers
        for i, part in enumerate(layer.layers):
            yield from _leaves(part, f"{name}{i}.")
    else:
        yield name, layer


def _parts(layer: Branches | Autoencoder | Residual | Sum, x: Array) -> list[tuple[str, Layer, Array]]:
    """The networks that a layer is made of: name, with a dot where it has one, network and input."""
    if isinstance(layer, Residual):
        return [("", Network(*layer.layers), x)]
    if isinstance(layer, Branches | Sum):
        return [(f"{i}.", branch, x) for i, branch in enumerate(layer.layers)]
    codes, _ = layer.encoder.forward(x, train=False)
    return [("encoder.", layer.encoder, x), ("decoder.", layer.decoder, codes)]


def _own(name: str, layer: Layer, before: Order, after: Order) -> Iterator[Tensor]:
    """The tensors of one layer."""
    arrange, names = arrangements(layer, before, after), NAMES.get(type(layer), {})
    for parameter, array in (*layer.named_params(), *layer.named_buffers()):
        places = arrange[parameter](np.arange(array.size).reshape(array.shape))
        yield Tensor(f"{name}{names.get(parameter, parameter)}", array, places)
    if isinstance(layer, BatchNorm):
        yield Tensor(f"{name}num_batches_tracked", np.zeros((), np.int64), np.zeros((), np.int64), counted=True)


def _check(name: str, layer: Layer, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    """ValueError unless PyTorch has this layer for samples of these shapes."""
    where = _where(name, layer)
    if not has_rule(layer) and not isinstance(layer, MADE_OF_PARTS):
        raise ValueError(f"{where} cannot be exchanged: {REFUSED.get(type(layer), 'there is no rule for it')}")
    if {len(before), len(after)} - {1, 3}:
        raise ValueError(f"{where} maps {before} to {after}; only rows (features,) and images (H, W, C) are exchanged")
    if isinstance(layer, LayerNorm) and layer.normalized_shape != before:
        raise ValueError(f"{where} cannot be exchanged: PyTorch's normalises over the last axes of (C, H, W)")
    if isinstance(layer, Sum) and layer.scale != 1:
        raise ValueError(f"{where} cannot be exchanged: it scales its sum")
    if isinstance(layer, Patches) and after != (1,):
        raise ValueError(f"{where} cannot be exchanged: PyTorch joins scores of patches where a map has one channel")
    if isinstance(layer, Reshape) and len(before) == len(after) == 3 and before != after:
        raise ValueError(f"{where} cannot be exchanged: it mixes pixels and channels, in PyTorch otherwise")


def _orders(leaves: list[Leaf], shapes: list[tuple[int, ...]]) -> list[Order]:
    """The order of the features at every place between two layers, as the images beside rows demand it."""
    stretch = [0]  # of places along which the order stays
    for (_, layer), (before, after) in zip(leaves, pairwise(shapes), strict=True):
        still_rows = isinstance(layer, Flatten | Reshape) and len(before) == len(after) == 1
        stretch.append(stretch[-1] + (not isinstance(layer, KEEP_PLACES) and not still_rows))
    orders: dict[int, np.ndarray] = {}
    for place, order, why in _demands(leaves, shapes):
        if not np.array_equal(orders.setdefault(stretch[place], order), order):
            raise ValueError(
                f"{why} cannot be exchanged: a row is read as an image, or an image as a row, without a Linear between"
            )
    return [orders.get(number, SAME) for number in stretch]


def _demands(leaves: list[Leaf], shapes: list[tuple[int, ...]]) -> Iterator[tuple[int, np.ndarray, str]]:
    """Places where rows must have a certain order: the place, the order, and the layer that needs it."""
    for i, ((name, layer), (before, after)) in enumerate(zip(leaves, pairwise(shapes), strict=True)):
        if len(before) == 3 and len(after) == 1 and isinstance(layer, Flatten | Reshape):
            yield i + 1, channels_first(before), _where(name, layer)
        if len(before) == 1 and len(after) == 3 and isinstance(layer, Flatten | Reshape):
            yield i, channels_first(after), _where(name, layer)
        for place, shape, at_end in ((i, before, i == 0), (i + 1, after, i + 1 == len(leaves))):
            if len(shape) == 1 and (at_end or isinstance(layer, MADE_OF_PARTS)):
                yield place, np.arange(shape[0]), _where(name, layer)


def _where(name: str, layer: Layer) -> str:
    """The layer as the subject of a complaint."""
    return f"layer {name.removesuffix('.')}, {layer}," if name else str(layer)
