"""A network as the PyTorch module that its weights fit into, written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.exchange.walk import tensors
from minigan.layers import (
    ELU,
    Autoencoder,
    AvgPool2d,
    BatchNorm,
    Branches,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    InstanceNorm,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Network,
    Patches,
    PixelShuffle,
    PReLU,
    ReflectionPad2d,
    ReLU,
    Reshape,
    Residual,
    Sigmoid,
    Softplus,
    SpectralNorm,
    Sum,
    Tanh,
    UpsampleNearest2d,
)

INDENT = "    "


def as_pytorch(network: Layer, input_shape: tuple[int, ...]) -> str:
    """The Python expression that makes this network in PyTorch, `nn` being torch.nn.

    Its images are (N, C, H, W). Layers side by side and autoencoders have no PyTorch class of their own: they come as
    a ModuleList of the branches and a ModuleDict of encoder and decoder, whose names are the same. Residual has none
    either; it comes as itself, and is in PyTorch

        class Residual(nn.Sequential):
            def forward(self, x):
                return x + super().forward(x)

    and so does Sum:

        class Sum(nn.ModuleList):
            def forward(self, x):
                return sum(layer(x) for layer in self)

    Arguments and errors are those of `write_safetensors`.
    """
    tensors(network, input_shape)  # refuses what PyTorch has not
    some = next(array for _, array in network.named_params())
    return _text(network, np.zeros_like(some, shape=(1, *input_shape)))


def _text(layer: Layer, x: Array) -> str:
    if isinstance(layer, Network):
        lines = []
        for part in layer.layers:
            lines.append(_text(part, x))
            x, _ = part.forward(x, train=False)
        return _block("Residual(" if isinstance(layer, Residual) else "nn.Sequential(", lines, ")")
    if isinstance(layer, Sum):
        return _block("Sum([", [_text(part, x) for part in layer.layers], "])")
    if isinstance(layer, Branches):
        return _block("nn.ModuleList([", [_text(branch, x) for branch in layer.layers], "])")
    if isinstance(layer, Autoencoder):
        codes, _ = layer.encoder.forward(x, train=False)
        parts = {"encoder": _text(layer.encoder, x), "decoder": _text(layer.decoder, codes)}
        return _block("nn.ModuleDict({", [f'"{name}": {text}' for name, text in parts.items()], "})")
    return _WRITTEN[type(layer)](layer, x.shape[1:])


def _block(opening: str, lines: list[str], closing: str) -> str:
    inner = "".join(f"{line},\n" for line in lines)
    return f"{opening}\n{_indented(inner)}{closing}"


def _indented(text: str) -> str:
    return "".join(f"{INDENT}{line}" for line in text.splitlines(keepends=True))


def _convolution(layer: Any, shape: tuple[int, ...]) -> str:
    windows = [f"{name}={getattr(layer, name)}" for name in layer.windows]
    bias = [] if "bias" in layer.params else ["bias=False"]
    return _call(type(layer).__name__, layer.in_channels, layer.out_channels, *windows, *bias)


def _linear(layer: Any, shape: tuple[int, ...]) -> str:
    bias = [] if "bias" in layer.params else ["bias=False"]
    return _call("Linear", layer.in_features, layer.out_features, *bias)


def _batchnorm(layer: Any, shape: tuple[int, ...]) -> str:
    kind = "BatchNorm1d" if len(shape) == 1 else "BatchNorm2d"
    return _call(kind, layer.num_features, f"eps={layer.eps}", f"momentum={layer.momentum}")


def _pool(layer: Any, shape: tuple[int, ...]) -> str:
    windows = [f"{name}={getattr(layer, name)}" for name in ("kernel_size", "stride", "padding")]
    counted = [f"count_include_pad={layer.count_include_pad}"] if isinstance(layer, AvgPool2d) else []
    return _call(type(layer).__name__, *windows, *counted)


def _spectralnorm(layer: Any, shape: tuple[int, ...]) -> str:
    inner = _WRITTEN[type(layer.layer)](layer.layer, shape)
    return _call("utils.parametrizations.spectral_norm", inner, f"eps={layer.eps}")


def _reshape(layer: Any, shape: tuple[int, ...]) -> str:
    if len(layer.shape) == 1:
        return "nn.Flatten()"
    return f"nn.Unflatten(1, {_channels_first(layer.shape)})" if len(shape) == 1 else "nn.Identity()"


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[-1], *shape[:-1]


def _sides(padding: tuple[int, int]) -> tuple[int, ...]:
    """Left, right, top, bottom: the last axis first."""
    (p, q) = padding
    return q, q, p, p


def _call(name: str, *arguments: Any) -> str:
    return f"nn.{name}({', '.join(map(str, arguments))})"


def _plain(layer: Layer, shape: tuple[int, ...]) -> str:
    return f"nn.{type(layer).__name__}()"


_WRITTEN: Mapping[type[Layer], Callable[[Any, tuple[int, ...]], str]] = {
    **dict.fromkeys((ReLU, Tanh, Sigmoid, Softplus, ELU, Flatten), _plain),
    **dict.fromkeys((Conv2d, ConvTranspose2d), _convolution),
    **dict.fromkeys((MaxPool2d, AvgPool2d), _pool),
    Linear: _linear,
    BatchNorm: _batchnorm,
    LayerNorm: lambda layer, shape: _call("LayerNorm", _channels_first(layer.normalized_shape), f"eps={layer.eps}"),
    InstanceNorm: lambda layer, shape: _call(
        "InstanceNorm2d", layer.num_features, f"eps={layer.eps}", f"affine={layer.affine}"
    ),
    PReLU: lambda layer, shape: _call("PReLU", layer.num_parameters),
    PixelShuffle: lambda layer, shape: _call("PixelShuffle", layer.upscale_factor),
    ReflectionPad2d: lambda layer, shape: _call("ReflectionPad2d", _sides(layer.padding)),
    UpsampleNearest2d: lambda layer, shape: _call("UpsamplingNearest2d", f"scale_factor={layer.scale_factor}"),
    Patches: lambda layer, shape: _call("Sequential", _call("Flatten", 0), _call("Unflatten", 0, (-1, 1))),
    LeakyReLU: lambda layer, shape: _call("LeakyReLU", layer.negative_slope),
    Dropout: lambda layer, shape: _call("Dropout", layer.p),
    Reshape: _reshape,
    SpectralNorm: _spectralnorm,
}
