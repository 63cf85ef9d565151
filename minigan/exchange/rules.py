"""How the arrays of every layer lie in PyTorch.

                       here                      in PyTorch
    Linear             weight (in, out)          weight (out, in)
    Conv2d             weight (KH, KW, in, out)  weight (out, in, KH, KW)
    ConvTranspose2d    weight (KH, KW, out, in)  weight (in, out, KH, KW)
    LayerNorm          weight, bias (H, W, C)    weight, bias (C, H, W)
    SpectralNorm       weight as of the layer    parametrizations.weight.original, likewise
                       u (out,)                  parametrizations.weight.0._u
                       v (KH · KW · in,)         parametrizations.weight.0._v (in · KH · KW,)

Everything else keeps its name and its shape. Rows of numbers may lie in another order: where an image is flattened,
PyTorch counts (C, H, W) and minigan (H, W, C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from minigan.layers import (
    ELU,
    AdaIN,
    Augment,
    AvgPool2d,
    BatchNorm,
    Bias,
    Blur2d,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Covariance,
    Downsample2d,
    Dropout,
    Embedding,
    Equalized,
    Flatten,
    InstanceNorm,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    MinibatchStd,
    ModulatedConv2d,
    Noise,
    Partners,
    Patches,
    PixelNorm,
    PixelShuffle,
    PReLU,
    ReflectionPad2d,
    ReLU,
    Reshape,
    Sigmoid,
    Softplus,
    SpectralNorm,
    StyledConv,
    Styles,
    Synthesis,
    Tanh,
    ToImage,
    Upsample2d,
    UpsampleNearest2d,
)

Order: TypeAlias = Any  # of a row's features: their places here, as PyTorch counts them; an index, or SAME
Arrange: TypeAlias = Callable[[np.ndarray], np.ndarray]  # one of minigan's arrays -> PyTorch's tensor
SAME = slice(None)

KEEP_PLACES = (
    LeakyReLU,
    ReLU,
    Tanh,
    Sigmoid,
    Softplus,
    ELU,
    Dropout,
    BatchNorm,
    LayerNorm,
    PReLU,
)  # y_i stands where x_i stood
_BARE: tuple[type[Layer], ...] = (
    LeakyReLU,
    ReLU,
    Tanh,
    Sigmoid,
    Softplus,
    ELU,
    Dropout,
    MaxPool2d,
    AvgPool2d,
    Flatten,
    Reshape,
)
_BARE += (PixelShuffle, ReflectionPad2d, UpsampleNearest2d, Patches)

_STYLED: tuple[type[Layer], ...] = (AdaIN, Bias, Blur2d, Constant, Downsample2d, Equalized, MinibatchStd)
_STYLED += (ModulatedConv2d, Noise, Partners, PixelNorm, Styles, Synthesis, Upsample2d)
_STYLED += (StyledConv, ToImage)

# What their arrays are called in PyTorch, where that is not what they are called here.
NAMES: Mapping[type[Layer], Mapping[str, str]] = {
    SpectralNorm: {
        "weight": "parametrizations.weight.original",
        "u": "parametrizations.weight.0._u",
        "v": "parametrizations.weight.0._v",
    }
}
REFUSED: Mapping[type[Layer], str] = {
    Augment: "PyTorch has no such layer",
    Covariance: "PyTorch has no such layer",
    Embedding: "it reads integers, and what is exchanged reads numbers",
    **dict.fromkeys(_STYLED, "PyTorch has no such layer"),
}


def channels_first(shape: tuple[int, ...]) -> np.ndarray:
    """The places (H, W, C) of an image's numbers, in the order (C, H, W)."""
    return np.arange(np.prod(shape)).reshape(shape).transpose(2, 0, 1).ravel()


def arrangements(layer: Layer, before: Order, after: Order) -> dict[str, Arrange]:
    """How the layer's arrays become PyTorch's, by their names here. `before` and `after`: the orders of x and of y."""
    return _RULES[type(layer)](layer, before, after)


def has_rule(layer: Layer) -> bool:
    """Does PyTorch have this layer? A subclass of one may do something else."""
    return type(layer) in _RULES


def _linear(layer: Layer, before: Order, after: Order) -> dict[str, Arrange]:
    return {"weight": lambda weight: weight[before][:, after].T, "bias": lambda bias: bias[after]}


def _convolution(layer: Layer, before: Order, after: Order) -> dict[str, Arrange]:
    return {"weight": lambda weight: weight.transpose(3, 2, 0, 1), "bias": lambda bias: bias}


def _batchnorm(layer: Layer, before: Order, after: Order) -> dict[str, Arrange]:
    return dict.fromkeys((*BatchNorm.params, *BatchNorm.buffers), lambda array: array[after])


def _layernorm(layer: Layer, before: Order, after: Order) -> dict[str, Arrange]:
    def arrange(array: np.ndarray) -> np.ndarray:
        return array.transpose(2, 0, 1) if array.ndim == 3 else array[after]

    return {"weight": arrange, "bias": arrange}


def _instancenorm(layer: Layer, before: Order, after: Order) -> dict[str, Arrange]:
    return dict.fromkeys(layer.params, lambda array: array[after])


def _prelu(layer: Layer, before: Order, after: Order) -> dict[str, Arrange]:
    return {"weight": lambda weight: weight if len(weight) == 1 else weight[after]}


def _spectralnorm(layer: Layer, before: Order, after: Order) -> dict[str, Arrange]:
    inner: Any = layer.layer  # type: ignore[attr-defined]

    def rest(v: np.ndarray) -> np.ndarray:
        if isinstance(inner, Linear):
            return v[before]
        return v.reshape(*inner.kernel_size, -1).transpose(2, 0, 1).ravel()

    return arrangements(inner, before, after) | {"u": lambda u: u[after], "v": rest}


def _bare(layer: Layer, before: Order, after: Order) -> dict[str, Arrange]:
    return {}


_RULES: Mapping[type[Layer], Callable[[Layer, Order, Order], dict[str, Arrange]]] = {
    Linear: _linear,
    Conv2d: _convolution,
    ConvTranspose2d: _convolution,
    BatchNorm: _batchnorm,
    LayerNorm: _layernorm,
    InstanceNorm: _instancenorm,
    PReLU: _prelu,
    SpectralNorm: _spectralnorm,
    **dict.fromkeys(_BARE, _bare),
}
