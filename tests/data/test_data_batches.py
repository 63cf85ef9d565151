"""Minibatches as a function of a counter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.data import Batches, Dataset
from minigan.random import Streams


def numbered(N: int) -> Dataset:
    """N points, point k at (k, 0)."""
    points = np.zeros((N, 2), np.float32)
    points[:, 0] = np.arange(N)
    return Dataset("numbered", points, None, "made here")


@settings(derandomize=True, max_examples=100, deadline=None)
@given(N=st.integers(1, 12), data=st.data(), seed=st.integers(0, 2**64 - 1))
def test_batches_are_cut_from_the_endless_row_of_permutations(N: int, data: st.DataObject, seed: int) -> None:
    size, i = data.draw(st.integers(1, N)), data.draw(st.integers(0, 20))
    epochs = ((i + 1) * size - 1) // N + 1
    row = np.concatenate([Streams(seed).at("order", epoch).permutation(N) for epoch in range(epochs)])
    indices = Batches(numbered(N), size, seed).indices(i)
    np.testing.assert_array_equal(indices, row[i * size : (i + 1) * size])


def test_every_sample_comes_once_in_every_epoch() -> None:
    batches = Batches(numbered(12), 4, seed=3)
    for epoch in range(3):
        seen = np.concatenate([batches.indices(i) for i in range(3 * epoch, 3 * epoch + 3)])
        assert sorted(seen) == list(range(12))


def test_every_epoch_and_every_seed_has_its_own_order() -> None:
    batches = Batches(numbered(50), 50, seed=3)
    assert not np.array_equal(batches.indices(0), batches.indices(1))
    assert not np.array_equal(batches.indices(0), Batches(numbered(50), 50, seed=4).indices(0))


def test_a_batch_depends_on_its_number_and_not_on_what_was_asked_before() -> None:
    forwards, jumping = Batches(numbered(10), 4, seed=7), Batches(numbered(10), 4, seed=7)
    expected = [forwards(i) for i in range(12)]
    for i in (11, 0, 2, 7, 2, 3, 10, 1):
        np.testing.assert_array_equal(jumping(i), expected[i])


def test_a_batch_is_what_the_network_sees() -> None:
    images = np.full((3, 2, 2, 1), 255, np.uint8)
    batch = Batches(Dataset("white", images, None, "made here"), 2, seed=0)(1)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch, np.ones((2, 2, 2, 1)))


def test_batches_per_epoch_need_not_be_whole() -> None:
    assert Batches(numbered(10), 4, seed=0).per_epoch == 2.5


def test_a_data_set_smaller_than_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="numbered has 3 samples, too few for one batch of 4"):
        Batches(numbered(3), 4, seed=0)


def test_a_batch_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="batch size must be at least 1, got 0"):
        Batches(numbered(3), 0, seed=0)


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="counted from 0, got -1"):
        Batches(numbered(3), 2, seed=0)(-1)
