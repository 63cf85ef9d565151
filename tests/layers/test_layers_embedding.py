"""Embedding: a row for every integer, and gradients that add up where an integer comes twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigan import kernels
from minigan.exchange.walk import tensors
from minigan.layers import Embedding, Linear, Network

RNG = np.random.default_rng(0)


def table(padding: int | None = None) -> Embedding:
    return Embedding(4, 3, padding, rng=np.random.default_rng(1), dtype=np.float64)


@pytest.mark.parametrize("x", [np.array([2, 0, 2]), np.array([[1, 3], [3, 3]], np.uint8)], ids=["labels", "words"])
def test_the_gradient_of_a_row_is_the_sum_over_the_places_that_chose_it(x: np.ndarray) -> None:
    layer = table()
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(y, layer.weight[x])
    dy, expected = RNG.normal(size=y.shape), np.zeros((4, 3))
    np.add.at(expected, x, dy)
    np.testing.assert_allclose(layer.param_grads(dy, cache)["weight"], expected, atol=1e-15)


def test_the_padding_is_zero_whatever_the_table_holds_and_has_no_gradient() -> None:
    layer, x = table(padding=2), np.array([[2, 1, 2]])
    assert not layer.weight[2].any()
    layer.weight[...] = 7.0
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(y, [[[0, 0, 0], [7, 7, 7], [0, 0, 0]]])
    assert not layer.param_grads(np.ones_like(y), cache)["weight"][2].any()


def test_scatter_adds_rows_with_the_same_label_and_leaves_zeros_for_the_others() -> None:
    labels, rows = np.array([5, 1, 5, 5]), RNG.normal(size=(4, 2))
    out = kernels.scatter(labels, rows, 7)
    np.testing.assert_allclose(out[5], rows[0] + rows[2] + rows[3], rtol=1e-15)
    np.testing.assert_array_equal(out[1], rows[1])
    assert out.shape == (7, 2) and not out[[0, 2, 3, 4, 6]].any()


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: table().forward(np.zeros(3)), "Embedding(4, 3): x must be an array of integers, got float64"),
    (lambda: table().forward([0, 1]), "Embedding(4, 3): x must be an array of integers, got list"),
    (lambda: table().forward(np.zeros((1, 1, 1), int)), "x has shape (1, 1, 1), expected (N,) or (N, T)"),
    (lambda: Embedding(0, 3, rng=RNG), "Embedding needs at least one row and one column, got 0 and 3"),
    (lambda: Embedding(4, 3, 4, rng=RNG), "padding_idx must be a row in [0, 4), got 4"),
    (lambda: Embedding(4, 3, -1, rng=RNG), "padding_idx must be a row in [0, 4), got -1"),
    (lambda: tensors(Network(table(), Linear(3, 2, rng=RNG)), (1,)), "Embedding(4, 3) cannot be exchanged: it reads"),
]


@pytest.mark.parametrize(("make", "words"), WRONG)
def test_what_is_not_a_table_or_no_integers_is_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


def test_integers_have_no_gradient() -> None:
    y, cache = table().forward(np.array([1]))
    with pytest.raises(TypeError, match=r"Embedding\(4, 3\): integers have no gradient"):
        table().backward(y, cache)
