"""Dropout: what it drops, what it keeps, and when it does nothing."""

from __future__ import annotations

import numpy as np
import pytest

from minigan.layers import Dropout
from minigan.random import Streams


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_share_p_is_dropped_and_the_mean_stays(p: float) -> None:
    n = 200_000
    x = np.full((n,), 3, np.float32)
    y, _ = Dropout(p, rng=rng()).forward(x)
    assert abs((y == 0).mean() - p) < 4 * np.sqrt(p * (1 - p) / n)
    np.testing.assert_allclose(y[y != 0], 3 / (1 - p), rtol=1e-3)
    assert abs(y.mean(dtype=np.float64) - 3) < 4 * 3 * np.sqrt(p / (1 - p) / n)


@pytest.mark.parametrize("p", [1e-6, 0.999995, -1e-9, 1.0, float("nan")])
def test_a_share_that_no_mask_of_16_bits_has_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="p of Dropout, the dropped share, must be 0 or in"):
        Dropout(p, rng=rng())


@pytest.mark.parametrize("p", [2.0**-16, 1 - 2.0**-16])
def test_the_extreme_shares_are_dropped_as_they_are_and_the_scale_is_exact(p: float) -> None:
    x = np.ones(2**20)
    mask = Dropout(p, rng=rng()).forward(x)[1]
    kept = np.count_nonzero(mask)
    assert abs(kept - (1 - p) * 2**20) < 4 * np.sqrt(16)  # 16 numbers are the rare ones
    assert set(np.unique(mask)) == {0.0, 1 / (1 - p)}


def test_in_eval_mode_it_passes_everything_and_draws_nothing() -> None:
    generator = rng()
    before = generator.bit_generator.state
    layer, x = Dropout(0.5, rng=generator), np.arange(10, dtype=np.float32)
    y, cache = layer.forward(x, train=False)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(layer.input_grad(x, cache), x)
    assert generator.bit_generator.state == before


def test_dropping_nothing_is_the_identity() -> None:
    x = np.arange(10, dtype=np.float32)
    np.testing.assert_array_equal(Dropout(0, rng=rng()).forward(x)[0], x)


def test_the_same_state_of_the_generator_gives_the_same_mask_and_the_next_another() -> None:
    streams, x = Streams(0), np.ones((20, 30), np.float32)
    layer = Dropout(0.5, rng=streams("dropout"))
    first, second = layer.forward(x)[0], layer.forward(x)[0]
    streams.seek(0)
    np.testing.assert_array_equal(layer.forward(x)[0], first)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(Dropout(0.5, rng=Streams(0)("dropout")).forward(x)[0], first)


def test_the_gradient_goes_where_the_numbers_went() -> None:
    layer, x = Dropout(0.5, rng=rng()), np.ones((50,))
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(layer.input_grad(x, cache), y)
    np.testing.assert_array_equal(layer.double_backward(x, x, cache)[0], y)
    assert set(np.unique(y)) == {0, y.max()}
