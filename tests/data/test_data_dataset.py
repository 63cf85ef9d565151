"""Data sets in memory and their scale."""

from __future__ import annotations

import numpy as np
import pytest

from minigan.data import Dataset, to_pixels

PIXELS = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
POINTS = np.array([[1.5, -2.0], [0.0, 3.0]], np.float32)


def test_images_know_their_size_and_shape() -> None:
    dataset = Dataset("shades", PIXELS, np.arange(4), "made here")
    assert len(dataset) == 4
    assert dataset.shape == (8, 8, 1)
    assert dataset.is_image


def test_points_know_their_size_and_shape() -> None:
    dataset = Dataset("points", POINTS, None, "made here")
    assert len(dataset) == 2
    assert dataset.shape == (2,)
    assert not dataset.is_image


def test_a_batch_of_images_is_float32_from_minus_one_to_one() -> None:
    batch = Dataset("shades", PIXELS, None, "made here").batch(np.array([3, 0]))
    assert batch.dtype == np.float32
    assert batch.shape == (2, 8, 8, 1)
    assert batch[1, 0, 0, 0] == -1
    assert batch[0, 7, 7, 0] == 1
    np.testing.assert_allclose(batch, PIXELS[[3, 0]] / 127.5 - 1, atol=1e-7)


def test_a_batch_of_points_is_the_points() -> None:
    batch = Dataset("points", POINTS, None, "made here").batch(np.array([1]))
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch, POINTS[[1]])


def test_a_batch_is_a_copy() -> None:
    dataset = Dataset("points", POINTS.copy(), None, "made here")
    dataset.batch(np.array([0, 1]))[:] = 0
    np.testing.assert_array_equal(dataset.images, POINTS)


def test_to_pixels_undoes_batch_for_every_shade() -> None:
    batch = Dataset("shades", PIXELS, None, "made here").batch(np.arange(4))
    np.testing.assert_array_equal(to_pixels(batch), PIXELS)
    np.testing.assert_array_equal(to_pixels(batch.astype(np.float64)), PIXELS)


def test_to_pixels_rounds_and_clips() -> None:
    x = np.array([-1.5, -1 + 0.49 / 127.5, -1 + 0.51 / 127.5, 0.999, 7.0])
    pixels = to_pixels(x)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, [0, 0, 1, 255, 255])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_to_pixels_refuses_what_is_not_a_number(bad: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinite"):
        to_pixels(np.array([0.0, bad], np.float32))


@pytest.mark.parametrize(
    "images", [PIXELS[..., 0], PIXELS.astype(np.float32), POINTS.astype(np.float64), np.zeros((2, 3), np.float32)]
)
def test_images_of_another_type_or_shape_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected images uint8 \(N, H, W, C\) or points float32 \(N, 2\)"):
        Dataset("odd", images, None, "made here")


@pytest.mark.parametrize("labels", [np.arange(3), np.zeros(4, np.float32), np.zeros((4, 1), np.uint8)])
def test_labels_that_do_not_match_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8 or int64 labels"):
        Dataset("odd", PIXELS, labels, "made here")
    with pytest.raises(ValueError, match="odd: labels must be at least 0, got -1"):
        Dataset("odd", PIXELS, np.array([0, -1, 1, 0]), "made here")
