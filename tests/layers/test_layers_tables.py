"""ConditionalBatchNorm and Projection: exact identities with the layers that they are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigan.layers import BatchNorm, ConditionalBatchNorm, Conditioned, Embedding, Layer, Network, Projection, Tanh
from minigan.optim import flatten

RNG = np.random.default_rng(0)
N = 6
LABELS = np.array([2, 0, 2, 1, 2, 0])
X, IMAGE = RNG.normal(size=(N, 4)), RNG.normal(size=(N, 3, 2, 4))
LAYERS: dict[str, Callable[..., Layer]] = {"norm": ConditionalBatchNorm, "projection": Projection}


def made(name: str, **kind: int) -> Any:
    layer: Any = LAYERS[name](4, rng=np.random.default_rng(1), dtype=np.float64, **kind)
    for i, (_, array) in enumerate(layer.named_params()):
        array[...] = np.random.default_rng(i).normal(size=array.shape)
    return layer


def passes(layer: Layer, x: np.ndarray, train: bool) -> dict[str, np.ndarray]:
    """All that the layer computes, by name."""
    y, cache = layer.forward(x, train)
    dy, ddx = (np.random.default_rng(i).normal(size=a.shape) for i, a in enumerate((y, x)))
    ddy, dx, twice = layer.double_backward(ddx, dy, cache)
    found = {"y": y, "dx": layer.input_grad(dy, cache), "ddy": ddy, "dx twice": np.zeros_like(x) if dx is None else dx}
    return found | flatten(layer.param_grads(dy, cache)) | {f"{k} twice": a for k, a in flatten(twice).items()}


@pytest.mark.parametrize("train", [True, False])
def test_with_one_class_it_is_batch_norm(train: bool) -> None:
    plain, layer = BatchNorm(4, dtype=np.float64), made("norm", classes=1)
    plain.weight[...], plain.bias[...] = layer.weight[0], layer.bias[0]
    bound = layer.given(np.zeros(N, np.int64))
    found, expected = passes(bound, IMAGE, train), passes(plain, IMAGE, train)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name].reshape(array.shape), array, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(layer.running_var, plain.running_var, rtol=1e-14)


@pytest.mark.parametrize("name", LAYERS)
def test_labels_are_the_same_as_one_hot_vectors(name: str) -> None:
    labels, vectors = made(name, classes=3), made(name, vectors=3)
    if name == "norm":
        vectors.weight[...] = labels.weight - 1  # of vectors, the scale is 1 + c · weight
    found = passes(labels.given(LABELS), X, True)
    expected = passes(vectors.given(np.eye(3)[LABELS]), X, True)
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_allclose(found[key], array, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", LAYERS)
def test_an_embedding_before_it_is_a_table_of_rows(name: str) -> None:
    layer, embed = made(name, vectors=3), Embedding(5, 3, rng=RNG, dtype=np.float64)
    expected, _ = layer.given(embed.weight[LABELS]).forward(X)
    found, _ = Conditioned(embed, Network(layer)).given(LABELS).forward(X)
    np.testing.assert_array_equal(found, expected)


def test_a_sample_keeps_its_own_scale_and_shift_at_every_pixel() -> None:
    layer = made("norm", classes=3)
    y, (x, mean, rstd, *_) = layer.given(LABELS).forward(IMAGE)
    for n, k in enumerate(LABELS):
        np.testing.assert_allclose(y[n], layer.weight[k] * ((x[n] - mean) * rstd) + layer.bias[k], rtol=1e-13)


def test_the_score_of_another_class_differs_by_the_inner_product_alone() -> None:
    layer = made("projection", classes=3)
    zeros, ones = (layer.given(np.full(N, k)).forward(X)[0] for k in (0, 1))
    np.testing.assert_allclose(ones - zeros, X @ (layer.embed[1] - layer.embed[0])[:, None], atol=1e-13)


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: made("norm", classes=3).forward(X), "ConditionalBatchNorm(4, classes=3) needs a condition: network"),
    (lambda: made("projection", vectors=3).forward(X), "needs a condition: network.given(vectors)"),
    (lambda: made("projection", classes=3).given(X).forward(X), "labels must be an array of N integers, got float64"),
    (lambda: made("projection", vectors=3).given(X).forward(X), "must be vectors (N, 3) of type float64, got float64"),
    (lambda: made("norm", classes=3).given(LABELS[:2]).forward(X), "expected one condition for each of the 6 samples"),
    (lambda: Projection(4, rng=RNG), "Projection takes labels of `classes` classes or vectors of `vectors` numbers"),
    (lambda: Projection(4, classes=2, vectors=2, rng=RNG), "one of the two, got 2 and 2"),
    (lambda: ConditionalBatchNorm(4, classes=0), "one of the two, got 0 and None"),
    (lambda: ConditionalBatchNorm(4, vectors=2), "ConditionalBatchNorm of vectors draws its first weights: pass rng="),
    (lambda: Projection(0, classes=2, rng=RNG), "Projection needs at least one input, got 0"),
    (lambda: Network(Tanh(), made("projection", classes=3)).given(LABELS).forward(IMAGE), "expected (N, 4)"),
]


@pytest.mark.parametrize(("make", "words"), WRONG)
def test_wrong_conditions_and_sizes_are_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make()
