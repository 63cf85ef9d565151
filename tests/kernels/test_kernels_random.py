"""Numbers drawn by counter: the published vectors, the same bits on every machine, permutations that are ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import fake_cuda as fake
from support import strict
from support.shim import Shim

from minigan import kernels
from minigan.kernels import random
from minigan.random import Counter

KEY = (12345, 2**64 - 17)
SIZES = [(1,), (2,), (3,), (4, 5), (33,), (7, 11, 13), (1025,)]
draws = pytest.mark.parametrize("draw", [kernels.draw_uniform, kernels.draw_normal])


def count(value: int) -> np.ndarray:
    return np.array([value], np.uint64)


def drawn(draw: Callable[..., None], shape: tuple[int, ...], step: int = 0, part: int = 0, key: Any = KEY) -> Any:
    out = np.full(shape, np.nan, np.float32)
    draw(out, key, count(step), part)
    return out


def rows_of(n: int, size: int, seen: int, key: Any = KEY) -> np.ndarray:
    rows = np.full(size, -1, np.int32)
    kernels.draw_rows(rows, n, key, count(seen))
    return rows


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_words(counter: Any, key: Any, words: Any) -> None:
    assert tuple(random.philox(counter, key)) == words
    arrays = [np.array([word], np.uint64) for word in counter]
    assert tuple(int(word[0]) for word in random.philox(arrays, key)) == words


@draws
def test_numbers_follow_from_key_step_part_and_place_alone(draw: Callable[..., None]) -> None:
    found = drawn(draw, (1000,), step=2**40 + 3, part=5)
    np.testing.assert_array_equal(drawn(draw, (10, 50), step=2**40 + 3, part=5).reshape(-1), found[:500])
    others = [{"step": 3, "part": 5}, {"step": 2**40 + 3, "part": 4}, {"step": 2**40 + 4, "part": 5}]
    others += [{"step": 2**40 + 3, "part": 5, "key": key} for key in ((12345, 2**64 - 16), (12345 + 2**32, KEY[1]))]
    for other in others:
        assert (drawn(draw, (1000,), **other) == found).mean() < 0.01


def test_uniform_numbers_fill_the_interval_evenly() -> None:
    u = drawn(kernels.draw_uniform, (100_000,))
    assert u.min() >= 0
    assert u.max() < 1
    np.testing.assert_array_equal(u * 2**24, np.rint(u * 2**24))
    shares = np.histogram(u, bins=20, range=(0, 1))[0]
    assert ((shares - 5000) ** 2 / 5000).sum() < 45  # chi-squared with 19 degrees of freedom: 0.1 % lie beyond 43.8


def test_normal_numbers_have_the_moments_of_normal_numbers() -> None:
    z = drawn(kernels.draw_normal, (200_000,)).astype(float)
    for power, moment in enumerate((0, 1, 0, 3), start=1):
        assert abs((z**power).mean() - moment) < 5 * np.sqrt((z ** (2 * power)).mean() / z.size)
    assert abs((z[0::2] * z[1::2]).mean()) < 5 / np.sqrt(z.size / 2)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 33, 100, 1000])
def test_every_epoch_is_another_permutation_of_all_rows(n: int) -> None:
    epochs = np.stack([rows_of(n, n, seen) for seen in range(6)])
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(n), (6, 1)))
    if n > 5:
        assert len(np.unique(epochs, axis=0)) == 6
        assert not np.array_equal(rows_of(n, n, 0, key=(1, 2)), epochs[0])


def test_batches_cut_the_endless_list_of_epochs() -> None:
    epochs = np.concatenate([rows_of(10, 10, seen) for seen in range(7)])
    batches = np.concatenate([rows_of(10, 7, seen) for seen in range(10)])
    np.testing.assert_array_equal(batches, epochs)


def test_a_row_may_come_at_any_place_and_after_any_other() -> None:
    n, epochs = 12, 4000
    rows = rows_of(n, n * epochs, 0).reshape(epochs, n)
    places = np.zeros((n, n))
    follows = np.zeros((n, n))
    for i in range(n):
        places[i] = np.bincount(rows[:, i], minlength=n)
    np.add.at(follows, (rows[:, :-1].ravel(), rows[:, 1:].ravel()), 1)
    expected = epochs / n
    assert ((places - expected) ** 2 / expected).sum() < 121 + 4 * np.sqrt(2 * 121)
    apart = follows[~np.eye(n, dtype=bool)]
    assert ((apart - expected) ** 2 / expected).sum() < 132 + 4 * np.sqrt(2 * 132)


def test_rows_of_uint8_images_come_in_minus_one_to_one() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(16, 4, 4, 1)
    rows = np.array([3, 0, 15, 3], np.int32)
    x = kernels.take(images, rows)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, images[rows].astype(np.float32) / 127.5 - 1)
    assert (x.min(), x.max()) == (-1, 1)


def test_rows_of_other_samples_come_as_they_are() -> None:
    points = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.testing.assert_array_equal(kernels.take(points, np.array([2, 0], np.int32)), points[[2, 0]])


def test_tick_counts_past_32_bits() -> None:
    step = count(2**32 - 1)
    kernels.tick(step)
    assert step[0] == 2**32


def test_what_cannot_be_filled_is_refused() -> None:
    step = count(0)
    with pytest.raises(TypeError, match="float32, got float64"):
        kernels.draw_uniform(np.empty(3), KEY, step, 0)
    with pytest.raises(TypeError, match="contiguous"):
        kernels.draw_normal(np.empty((3, 4), np.float32).T, KEY, step, 0)
    with pytest.raises(TypeError, match="one uint64, got int64"):
        kernels.draw_uniform(np.empty(3, np.float32), KEY, np.array([0]), 0)
    with pytest.raises(ValueError, match="not from 0"):
        kernels.draw_rows(np.empty(3, np.int32), 0, KEY, step)


@pytest.mark.parametrize("shape", SIZES)
def test_the_gpu_draws_the_same_bits(fake_cuda: Shim, shape: tuple[int, ...]) -> None:
    for step, part in ((0, 0), (2**35 + 7, 2**32 - 1)):
        out, place = fake.to_device(np.full(shape, np.nan, np.float32)), fake.to_device(count(step))
        kernels.draw_uniform(out, KEY, place, part)
        np.testing.assert_array_equal(out.get(), drawn(kernels.draw_uniform, shape, step, part))
        kernels.draw_normal(out, KEY, place, part)
        expected = drawn(kernels.draw_normal, shape, step, part)
        np.testing.assert_allclose(out.get(), expected, rtol=1e-6, atol=1e-7)
    assert fake_cuda.ran == ["draw_uniform", "draw_normal"] * 2


@pytest.mark.parametrize(("n", "size"), [(1, 3), (2, 1), (3, 7), (33, 64), (1000, 300), (60_000, 257)])
def test_the_gpu_draws_the_same_rows(fake_cuda: Shim, n: int, size: int) -> None:
    for seen in (0, 5, 2**40 + 1):
        rows = fake.to_device(np.full(size, -1, np.int32))
        kernels.draw_rows(rows, n, KEY, fake.to_device(count(seen)))
        np.testing.assert_array_equal(rows.get(), rows_of(n, size, seen))
    assert fake_cuda.ran == ["draw_rows"] * 3


@pytest.mark.parametrize("shape", [(5, 3, 3, 1), (300, 7, 11, 3), (4, 1)])
def test_the_gpu_takes_the_same_images(fake_cuda: Shim, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    rows = np.random.default_rng(1).integers(0, len(images), 33).astype(np.int32)
    found = kernels.take(fake.to_device(images), fake.to_device(rows))
    np.testing.assert_array_equal(found.get(), kernels.take(images, rows))
    assert fake_cuda.ran == ["take"]


def test_a_recorded_step_waits_for_nothing_and_moves_on_with_the_count(fake_cuda: Shim) -> None:
    out, rows = (fake.to_device(np.zeros(9, dtype)) for dtype in (np.float32, np.int32))
    step, images = fake.to_device(count(41)), fake.to_device(np.zeros((20, 2), np.uint8))
    with strict.no_sync():
        kernels.tick(step)
        kernels.draw_uniform(out, KEY, step, 0)
        kernels.draw_rows(rows, 20, KEY, step)
        kernels.take(images, rows)
    np.testing.assert_array_equal(out.get(), drawn(kernels.draw_uniform, (9,), 42))
    np.testing.assert_array_equal(rows.get(), rows_of(20, 9, 42))


def test_a_page_draws_from_the_host_or_by_count_with_its_own_type() -> None:
    x = np.zeros((2, 2))
    seeded = kernels.uniform(x, (3, 5), np.random.default_rng(7))
    np.testing.assert_array_equal(seeded, np.random.default_rng(7).random((3, 5)))
    counter = Counter(KEY, count(9))
    first, second = (kernels.uniform(x.astype(np.float32), (3, 5), counter) for _ in range(2))
    np.testing.assert_array_equal(first, drawn(kernels.draw_uniform, (3, 5), step=9, part=0))
    np.testing.assert_array_equal(second, drawn(kernels.draw_uniform, (3, 5), step=9, part=1))
    counter.begin()
    again = kernels.uniform(x, (3, 5), counter)
    assert again.dtype == np.float64
    np.testing.assert_array_equal(again, first)
