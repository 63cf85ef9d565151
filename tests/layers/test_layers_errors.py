"""Wrong input: every layer names itself, what came, and what was expected."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigan import layers
from minigan.layers import (
    ELU,
    AvgPool2d,
    BatchNorm,
    Bias,
    Blur2d,
    ConditionalBatchNorm,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Covariance,
    Downsample2d,
    Dropout,
    Flatten,
    InstanceNorm,
    Join,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    MinibatchStd,
    Network,
    Noise,
    Patches,
    PixelNorm,
    PixelShuffle,
    PReLU,
    Projection,
    ReflectionPad2d,
    ReLU,
    Reshape,
    Sigmoid,
    Softplus,
    Tanh,
    Upsample2d,
    UpsampleNearest2d,
)

RNG = np.random.default_rng(0)
NAN = float("nan")
# The layer inside reports it.
COMPOSED = (
    *("Autoencoder", "Branches", "Conditioned", "Equalized", "Network", "Partners", "Residual", "SpectralNorm", "Sum"),
    *("AdaIN", "ModulatedConv2d", "StyledConv", "Styles", "Synthesis", "ToImage"),  # of pairs: test_layers_styled.py
    *("Augment", "MaskedMax"),  # test_layers_text.py
)
OF_INTEGERS = ("Embedding",)  # test_layers_embedding.py
NO_LAYERS = ("Conditional", "Layer", "accumulate", "taken")
TAKES: list[tuple[Layer, tuple[int, ...]]] = [  # a layer and a shape that it takes
    (Linear(6, 5, rng=RNG), (4, 6)),
    (Conv2d(2, 3, 3, rng=RNG), (4, 5, 6, 2)),
    (ConvTranspose2d(2, 3, 3, 2, 1, 1, rng=RNG), (4, 5, 6, 2)),
    (MaxPool2d(2), (4, 5, 6, 2)),
    (AvgPool2d(3, 1, 1), (4, 5, 6, 2)),
    (BatchNorm(6), (4, 6)),
    (LayerNorm((3, 2)), (4, 5, 3, 2)),
    (Reshape(3, 2), (4, 6)),
    (Flatten(), (4, 3, 2)),
    (Dropout(0.5, rng=RNG), (4, 6)),
    (Covariance(6, 2, rng=RNG), (4, 6)),
    (Join(3).given(np.arange(4) % 3), (4, 6)),
    (ConditionalBatchNorm(6, classes=3).given(np.arange(4) % 3), (4, 6)),
    (Projection(6, classes=3, rng=RNG).given(np.arange(4) % 3), (4, 6)),
    (InstanceNorm(2), (4, 5, 6, 2)),
    (PReLU(), (4, 6)),
    (PixelShuffle(2), (4, 5, 6, 8)),
    (ReflectionPad2d(2), (4, 5, 6, 2)),
    (UpsampleNearest2d(2), (4, 5, 6, 2)),
    (Patches(), (4, 1, 1, 2)),
    (Bias(2), (4, 5, 6, 2)),
    (Blur2d((1, 1)), (4, 5, 6, 2)),
    (Constant(3, 2, 4, rng=RNG), (4, 6)),
    (Downsample2d(), (4, 6, 4, 2)),
    (MinibatchStd(2), (4, 5, 6, 2)),
    (Noise(5, 6, 2, rng=RNG), (4, 5, 6, 2)),
    (PixelNorm(), (4, 6)),
    (Upsample2d(), (4, 5, 6, 2)),
    *((page(), (4, 6)) for page in (ELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh)),
]


def zeros(shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


def named(layer: Layer) -> str:
    return re.escape(repr(layer))


def test_every_leaf_layer_is_here() -> None:
    leaves = {getattr(layers, name) for name in layers.__all__ if name not in (*COMPOSED, *NO_LAYERS, *OF_INTEGERS)}
    assert {type(layer) for layer, _ in TAKES} == leaves


@pytest.mark.parametrize(("layer", "shape"), TAKES, ids=str)
def test_the_right_input_is_taken(layer: Layer, shape: tuple[int, ...]) -> None:
    assert len(layer.forward(zeros(shape))[0]) == 4


@pytest.mark.parametrize(("layer", "shape"), TAKES, ids=str)
def test_whole_numbers_are_refused(layer: Layer, shape: tuple[int, ...]) -> None:
    for dtype in (np.int64, np.uint8, bool):
        with pytest.raises(ValueError, match=rf"{named(layer)}: x is {np.dtype(dtype)}, expected float"):
            layer.forward(zeros(shape, dtype))


@pytest.mark.parametrize(("layer", "shape"), TAKES, ids=str)
def test_a_list_or_nothing_instead_of_an_array_is_refused(layer: Layer, shape: tuple[int, ...]) -> None:
    for value, name in ((zeros(shape).tolist(), "list"), (None, "NoneType")):
        with pytest.raises(ValueError, match=rf"{named(layer)}: x is {name}, expected float"):
            layer.forward(value)


@pytest.mark.parametrize(("layer", "shape"), [case for case in TAKES if case[0].params], ids=str)
@pytest.mark.parametrize(("own", "other"), [("float32", "float64"), ("float64", "float32"), ("float32", "float16")])
def test_another_floating_point_type_than_the_layers_own_is_refused(
    layer: Layer, shape: tuple[int, ...], own: str, other: str
) -> None:
    layer = copy.deepcopy(layer)
    layer.convert(lambda array: array.astype(own))
    with pytest.raises(ValueError, match=rf"{named(layer)}: x is {other}, expected {own}"):
        layer.forward(zeros(shape, other))


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (Linear(6, 5, rng=RNG), (4, 5), r"has shape (4, 5), expected (N, 6)"),
        (Linear(6, 5, rng=RNG), (6,), r"has shape (6,), expected (N, 6)"),
        (Linear(6, 5, rng=RNG), (4, 3, 6), r"has shape (4, 3, 6), expected (N, 6)"),
        (Conv2d(2, 3, 3, rng=RNG), (4, 2, 5, 6), r"has shape (4, 2, 5, 6), expected (N, H, W, 2)"),
        (Conv2d(2, 3, 3, rng=RNG), (5, 6, 2), r"has shape (5, 6, 2), expected (N, H, W, 2)"),
        (Conv2d(2, 3, 3, rng=RNG), (4, 2, 6, 2), "is too small, the output would be empty"),
        (Conv2d(2, 3, 5, 2, 1, rng=RNG), (4, 6, 2, 2), "is too small, the output would be empty"),
        (ConvTranspose2d(2, 3, 3, rng=RNG), (4, 5, 6, 3), r"has shape (4, 5, 6, 3), expected (N, H, W, 2)"),
        (ConvTranspose2d(2, 3, 2, 1, 2, rng=RNG), (4, 3, 2, 2), "is too small, the output would be empty"),
        (ConvTranspose2d(2, 3, 2, rng=RNG), (4, 0, 2, 2), "is too small"),
        (BatchNorm(6), (4, 5), r"has shape (4, 5), expected (N, 6) or (N, H, W, 6)"),
        (BatchNorm(6), (6,), r"has shape (6,), expected (N, 6) or (N, H, W, 6)"),
        (LayerNorm((3, 2)), (4, 2, 3), r"has shape (4, 2, 3), expected (N, ..., 3, 2)"),
        (LayerNorm((3, 2)), (3, 2), r"has shape (3, 2), expected (N, ..., 3, 2)"),
        (Reshape(3, 2), (4, 5), r"has shape (4, 5), expected (N, ...) with 6 values per sample"),
        (Reshape(3, 2), (6,), r"has shape (6,), expected (N, ...) with 6 values per sample"),
        (Reshape(1), (6,), r"has shape (6,), expected (N, ...) with 1 values per sample"),
        (Flatten(), (6,), r"has shape (6,), expected (N, ...)"),
    ],
    ids=str,
)
def test_a_wrong_shape_is_refused(layer: Layer, shape: tuple[int, ...], expected: str) -> None:
    with pytest.raises(ValueError, match=f"{named(layer)}: x .*{re.escape(expected)}"):
        layer.forward(zeros(shape))


def test_an_error_inside_a_network_names_the_layer_that_met_it() -> None:
    network = Network(Linear(3, 4, rng=RNG), ReLU(), Linear(5, 1, rng=RNG))
    with pytest.raises(ValueError, match=r"^Linear\(5, 1\): x has shape \(2, 4\), expected \(N, 5\)"):
        network.forward(zeros((2, 3)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Linear(0, 5, rng=RNG), "Linear needs at least one input and one output, got 0 and 5"),
        (lambda: Linear(2.5, 1, rng=RNG), "Linear needs at least one input"),  # type: ignore[arg-type]
        (lambda: Conv2d(1, 1, True, rng=RNG), "kernel_size of Conv2d must be an integer"),
        (lambda: Network(Tanh), "Network is made of layers, got <class"),  # type: ignore[arg-type]
        (lambda: Linear(5, -1, rng=RNG), "Linear needs at least one input and one output, got 5 and -1"),
        (lambda: Conv2d(0, 1, 3, rng=RNG), "Conv2d needs at least one channel on each side, got 0 and 1"),
        (lambda: Conv2d(1, 1, 0, rng=RNG), "kernel_size of Conv2d must be an integer of at least 1"),
        (lambda: Conv2d(1, 1, 2.5, rng=RNG), "kernel_size of Conv2d must be an integer"),  # type: ignore[arg-type]
        (lambda: Conv2d(1, 1, 3, 0, rng=RNG), "stride of Conv2d must be an integer of at least 1"),
        (lambda: Conv2d(1, 1, 3, 1, -1, rng=RNG), "padding of Conv2d must be an integer of at least 0"),
        (lambda: Conv2d(1, 1, (3, 3, 3), rng=RNG), "kernel_size of Conv2d must be"),  # type: ignore[arg-type]
        (lambda: ConvTranspose2d(1, 0, 3, rng=RNG), "ConvTranspose2d needs at least one channel on each side"),
        (lambda: ConvTranspose2d(1, 1, 3, 2, 1, 2, rng=RNG), "output_padding must be smaller than stride"),
        (lambda: ConvTranspose2d(1, 1, 3, 2, 1, -1, rng=RNG), "output_padding of ConvTranspose2d must be an integer"),
        (lambda: BatchNorm(0), "BatchNorm needs num_features >= 1"),
        (lambda: BatchNorm(3, eps=0), "BatchNorm needs .* eps > 0"),
        (lambda: BatchNorm(3, eps=NAN), "BatchNorm needs .* eps > 0"),
        (lambda: BatchNorm(3, momentum=1.5), r"momentum \(the weight of the new batch\) in \[0, 1\], got .* 1.5"),
        (lambda: LayerNorm(()), "LayerNorm needs a shape of positive sizes"),
        (lambda: LayerNorm((3, 0)), r"LayerNorm needs a shape of positive sizes .* got \(3, 0\)"),
        (lambda: LayerNorm(3, eps=-1), "LayerNorm needs .* eps > 0"),
        (lambda: LayerNorm(3, eps=NAN), "LayerNorm needs .* eps > 0"),
        (lambda: LeakyReLU(-0.1), r"negative_slope of LeakyReLU must lie in \[0, 1\], got -0.1"),
        (lambda: LeakyReLU(1.5), r"negative_slope of LeakyReLU must lie in \[0, 1\], got 1.5"),
        (lambda: LeakyReLU(NAN), "negative_slope of LeakyReLU"),
        (lambda: Dropout(1, rng=RNG), "p of Dropout, the dropped share, .*, got 1"),
        (lambda: Dropout(-0.1, rng=RNG), "p of Dropout, the dropped share"),
        (lambda: Reshape(), "Reshape needs positive sizes"),
        (lambda: Reshape(3, -1), r"Reshape needs positive sizes, without the batch's, got \(3, -1\)"),
    ],
)
def test_wrong_arguments_of_a_constructor_are_refused(make: Callable[[], Layer], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (Linear(6, 5, rng=RNG), "Linear(6, 5)"),
        (Conv2d(2, 3, (4, 3), 2, 1, rng=RNG), "Conv2d(2, 3, kernel_size=(4, 3), stride=2, padding=1)"),
        (BatchNorm(6), "BatchNorm(6)"),
        (LayerNorm(6), "LayerNorm((6,))"),
        (LeakyReLU(), "LeakyReLU(0.2)"),
        (Network(Flatten(), Reshape(3, 2)), "Network(Flatten(), Reshape(3, 2))"),
    ],
)
def test_a_layer_shows_the_numbers_that_distinguish_it_from_others(layer: Layer, shown: str) -> None:
    assert repr(layer) == shown
