"""PSNR, SSIM, sharpness, errors: worked by hand; the losses between images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigan.gradcheck import TOLERANCE, derivative_error
from minigan.layers import Conv2d, MaxPool2d, Network, Tanh
from minigan.losses import Content, l1, mse, total_variation
from minigan.metrics.msssim import ms_ssim
from minigan.metrics.pairs import error, psnr, sharpness, ssim
from minigan.metrics.translations import nearest


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def images(seed: int, n: int = 3, side: int = 20) -> np.ndarray:
    return rng(seed).integers(0, 256, (n, side, side, 2), dtype=np.uint8)


def test_psnr_of_a_constant_difference() -> None:
    a = np.full((2, 5, 5, 1), 100, np.uint8)
    b = a + np.array([10, 1], np.uint8).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(psnr(a, b), [10 * np.log10(65025 / 100), 10 * np.log10(65025)])
    assert np.isinf(psnr(a, a)).all()
    np.testing.assert_array_equal(error(a, b), [10, 1])


def test_ssim_is_one_for_equals_and_the_formula_for_flat_images() -> None:
    np.testing.assert_allclose(ssim(images(0), images(0)), np.ones(3))
    a, b = np.full((1, 12, 12, 1), 50, np.uint8), np.full((1, 12, 12, 1), 80, np.uint8)
    C1 = (0.01 * 255) ** 2
    np.testing.assert_allclose(ssim(a, b), [(2 * 50 * 80 + C1) / (50**2 + 80**2 + C1)])
    assert (ssim(images(0), images(1)) < 0.1).all()
    assert ssim(images(0), images(0)[::-1]).mean() < ms_ssim(images(0), images(0)).mean()


def test_noise_is_sharper_and_a_mean_is_blurred() -> None:
    x = images(0)
    flat = np.full_like(x, 128)
    half = (x // 2 + 64).astype(np.uint8)
    assert (sharpness(x, x), sharpness(flat, x)) == (1.0, 0.0)
    assert abs(sharpness(half, x) - 0.25) < 0.01


def test_nearest_truth_counts_own_neighbours() -> None:
    truth = images(0, 8)
    moved = np.clip(truth.astype(int) + 3, 0, 255).astype(np.uint8)
    assert nearest(moved, truth) == 1.0
    assert nearest(moved[[1, 0, *range(2, 8)]], truth) == 0.75
    truth, mixed = images(1, 40, 5), images(1, 40, 5)
    mixed[::2] = (truth[::2].astype(int) + 3 * truth[1::2]) // 4  # nearer to another truth than to their own
    distances = np.abs(mixed[:, None].astype(int) - truth).sum(axis=(2, 3, 4))
    share = float((distances.argmin(axis=1) == np.arange(40)).mean())
    assert nearest(mixed, truth) == share < 1


def test_pairs_of_other_shapes_or_types_are_refused() -> None:
    for a, b in ((images(0), images(0, 2)), (images(0) / 255, images(0)), (images(0)[0], images(0)[0])):
        with pytest.raises(ValueError, match="uint8 images"):
            psnr(a, b)


def content(y: np.ndarray, x: np.ndarray) -> tuple[Any, Any]:
    phi = Network(Conv2d(2, 3, 3, 1, 1, rng=rng()), Tanh(), MaxPool2d(2))
    phi.convert(lambda array: array.astype(np.float64))
    loss = Content(phi, 0.5)
    loss.measure(rng(7).normal(size=(20, 6, 5, 2)))
    return loss(y, loss.target(x))


LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]] = {
    "mse": mse,
    "l1": l1,
    "content": content,
    "total variation": lambda y, x: total_variation(y),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_of_a_loss_is_its_derivative(name: str) -> None:
    y, x = rng(1).normal(size=(4, 6, 5, 2)), rng(2).normal(size=(4, 6, 5, 2))
    value, dy = LOSSES[name](y, x)
    assert np.ndim(value) == 0 and dy.shape == y.shape
    assert derivative_error(lambda: LOSSES[name](y, x)[0], y, dy, rng(3)) < TOLERANCE


@pytest.mark.parametrize("name", ["mse", "l1", "total variation"])
def test_float32_stays_float32(name: str) -> None:
    y, x = (rng(seed).normal(size=(4, 6, 5, 2)).astype(np.float32) for seed in (1, 2))
    value, dy = LOSSES[name](y, x)
    assert value.dtype == dy.dtype == np.float32


def test_the_mean_feature_has_a_content_loss_of_one() -> None:
    phi = Network(Conv2d(1, 2, 3, rng=rng()))
    loss, x = Content(phi), rng(1).normal(size=(200, 4, 4, 1)).astype(np.float32)
    loss.measure(x)
    target = loss.target(x)
    d = target - target.mean(axis=0)
    assert abs((d * d).mean() / loss.v - 1) < 1e-5
    assert loss.v.dtype == np.float32
