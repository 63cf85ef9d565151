"""The three ways in which images are brought to Inception."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support import strict

from minigan.metrics.features.resize import matrix, prepare, resize

UP = (0, 1, 3, 2)
DOWN = (0, 1, 4, 9, 16, 25, 36)
GOLDEN = [
    ("pt", UP, (0, 0.357143, 0.928571, 2, 2.928571, 2.357143, 2)),
    ("tf1", UP, (0, 0.571429, 1.285714, 2.428571, 2.714286, 2.142857, 2)),
    ("clean", UP, (-0.079327, 0.225691, 0.893292, 2.125, 3.016179, 2.378415, 1.920673)),
    ("pt", DOWN, (0.375, 4.625, 15.125, 31.875)),
    ("tf1", DOWN, (0, 3.25, 12.5, 27.75)),
    ("clean", DOWN, (0.22572, 4.422202, 15.444342, 31.427328)),
]
VARIANTS = ("pt", "tf1", "clean")


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)


@pytest.mark.parametrize(("variant", "signal", "expected"), GOLDEN)
def test_a_row_of_pixels_becomes_the_golden_one(variant: str, signal: tuple, expected: tuple) -> None:
    np.testing.assert_allclose(matrix(variant, len(signal), len(expected)) @ signal, expected, rtol=0, atol=5.1e-7)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n", [1, 2, 28, 64, 299, 300, 512])
def test_every_output_pixel_is_a_mean_of_input_pixels(variant: str, n: int) -> None:
    a = matrix(variant, n, 299)
    assert a.shape == (299, n)
    np.testing.assert_allclose(a.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_right_size_stays_as_it_is(variant: str) -> None:
    np.testing.assert_array_equal(matrix(variant, 299, 299), np.eye(299))


@pytest.mark.parametrize(("H", "W"), [(28, 28), (32, 64), (299, 299), (512, 300)])
def test_clean_is_what_pillow_makes_of_float_pixels(H: int, W: int) -> None:
    x = pixels(1, H, W, 1)
    theirs = np.asarray(Image.fromarray(x[0, :, :, 0]).resize((299, 299), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(resize(x, "clean")[0, :, :, 0], theirs.clip(0, 255), rtol=0, atol=1e-4)


def test_clean_clips_what_the_bicubic_filter_overshoots() -> None:
    x = np.zeros((1, 8, 8, 1), np.float32)
    x[:, :, 4:] = 255
    overshot = matrix("clean", 8, 299) @ x[0, 0]
    assert overshot.min() < -1
    assert overshot.max() > 256
    y = resize(x, "clean")
    assert (y.min(), y.max()) == (0, 255)


@pytest.mark.parametrize("variant", VARIANTS)
def test_rows_and_columns_are_resized_each_by_its_own_matrix(variant: str) -> None:
    x = pixels(2, 3, 5, 3)
    expected = np.einsum("ih,jw,nhwc->nijc", matrix(variant, 3, 7), matrix(variant, 5, 7), x)
    if variant == "clean":
        expected = expected.clip(0, 255)
    np.testing.assert_allclose(resize(x, variant, 7), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("variant", "white"), [("pt", 1), ("tf1", 127 / 128), ("clean", 127 / 128)])
def test_white_and_black_become_the_numbers_of_the_variant(variant: str, white: float) -> None:
    x = np.zeros((2, 28, 28, 3), np.float32)
    x[0] = 255
    y = prepare(x, variant)
    np.testing.assert_allclose(y[0], white, rtol=0, atol=1e-6)
    np.testing.assert_allclose(y[1], -1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_grey_image_is_shown_three_times(variant: str) -> None:
    x = pixels(2, 28, 20, 1)
    y = prepare(x, variant)
    assert y.shape == (2, 299, 299, 3)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, prepare(np.concatenate([x, x, x], axis=3), variant), rtol=0, atol=1e-6)


def test_channels_are_not_mixed() -> None:
    x = pixels(2, 6, 6, 3)
    y = prepare(x, "pt", 9)
    for c in range(3):
        np.testing.assert_allclose(y[..., c], prepare(x[..., c : c + 1], "pt", 9)[..., 0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_device_array_stays_on_its_device(variant: str) -> None:
    x = pixels(2, 8, 6, 1)
    with strict.no_sync():
        y = prepare(strict.to_device(x), variant, 11)
    np.testing.assert_allclose(strict.to_host(y), prepare(x, variant, 11), rtol=0, atol=1e-6)


@pytest.mark.parametrize("function", [prepare, resize])
def test_an_unknown_variant_is_refused(function: object) -> None:
    with pytest.raises(ValueError, match="unknown variant 'tf2': expected pt, tf1, clean"):
        function(pixels(1, 4, 4, 1), "tf2")  # type: ignore[operator]
