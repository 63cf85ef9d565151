"""MS-SSIM, against cases worked by hand and a plain loop, and as a measure of diversity."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from minigan.metrics.msssim import WEIGHTS, diversity, ms_ssim
from minigan.metrics.score import NonFiniteSamples, Protocol

C1, C2 = 2.55**2, 7.65**2


def plain(a: np.ndarray, b: np.ndarray) -> float:
    """MS-SSIM of two planes (H, W) from 0 to 255, window by window."""
    product = 1.0
    for scale, weight in enumerate(WEIGHTS):
        H, W = a.shape
        size = min(11, H, W)
        y, x = np.mgrid[:size, :size] - (size - 1) / 2
        window = np.exp(-(x**2 + y**2) / 4.5)
        window /= window.sum()
        cs, ssim = [], []
        for i, j in itertools.product(range(H - size + 1), range(W - size + 1)):
            p, q = a[i : i + size, j : j + size], b[i : i + size, j : j + size]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            cs.append((2 * (window * (p - mp) * (q - mq)).sum() + C2) / (vp + vq + C2))
            ssim.append(cs[-1] * (2 * mp * mq + C1) / (mp**2 + mq**2 + C1))
        product *= max(np.mean(ssim if scale == 4 else cs), 0) ** weight
        a, b = (_halved(p) for p in (a, b))
    return product


def _halved(p: np.ndarray) -> np.ndarray:
    if p.shape[0] % 2:
        p = np.concatenate([p, p[-1:]])
    if p.shape[1] % 2:
        p = np.concatenate([p, p[:, -1:]], axis=1)
    return (p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]) / 4


def smooth(rng: np.random.Generator, n: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Random images uint8 (n, *shape) with a common pattern, so that they are neither equal nor unlike."""
    pattern = np.linspace(40, 200, int(np.prod(shape))).reshape(shape)
    return (pattern + rng.normal(0, 25, size=(n, *shape))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(28, 28, 1), (19, 23, 1), (32, 17, 2)])
def test_it_agrees_with_a_plain_loop_over_windows(shape: tuple[int, int, int]) -> None:
    a, b = smooth(np.random.default_rng(0), 2, shape)
    planes = np.moveaxis(np.stack([a, b]).astype(np.float64), 3, 1)
    expected = np.mean([plain(p, q) for p, q in zip(*planes, strict=True)])
    assert 0.1 < expected < 0.99
    assert ms_ssim(a[np.newaxis], b[np.newaxis])[0] == pytest.approx(expected, rel=1e-10)


def test_flat_images_differ_in_luminance_alone() -> None:
    a, b = np.full((1, 28, 28, 1), 100, np.uint8), np.full((1, 28, 28, 1), 50, np.uint8)
    expected = ((2 * 100 * 50 + C1) / (100**2 + 50**2 + C1)) ** 0.1333
    assert ms_ssim(a, b)[0] == pytest.approx(expected, rel=1e-10)


def test_identical_images_score_one_and_the_order_does_not_matter() -> None:
    x = smooth(np.random.default_rng(1), 6, (28, 28, 3))
    np.testing.assert_allclose(ms_ssim(x, x), 1, rtol=1e-12)
    np.testing.assert_allclose(ms_ssim(x[:3], x[3:]), ms_ssim(x[3:], x[:3]), rtol=1e-12)


def test_independent_noise_scores_next_to_nothing() -> None:
    x = np.random.default_rng(2).random((20, 128, 128, 1))
    assert ms_ssim(x[:10], x[10:]).mean() < 0.1


def test_an_image_and_its_negative_are_not_alike_at_all() -> None:
    x = smooth(np.random.default_rng(3), 2, (28, 28, 1))
    np.testing.assert_array_equal(ms_ssim(x, 255 - x), 0)


def test_bytes_and_floats_of_the_same_pixels_agree() -> None:
    x = smooth(np.random.default_rng(4), 4, (28, 28, 1))
    np.testing.assert_allclose(ms_ssim(x[:2] / 255, x[2:] / 255), ms_ssim(x[:2], x[2:]), rtol=1e-10)


def test_all_pairs_are_drawn_once_each() -> None:
    x = smooth(np.random.default_rng(5), 6, (16, 16, 1))
    i, j = np.array(list(itertools.combinations(range(6), 2))).T
    expected = ms_ssim(x[i], x[j])
    found = diversity(x, rng=np.random.default_rng(0), pairs=15)
    assert found.value == pytest.approx(expected.mean(), rel=1e-12)
    assert found.details["standard_deviation"] == pytest.approx(expected.std(), rel=1e-10)


def test_labels_keep_pairs_within_their_class() -> None:
    x = smooth(np.random.default_rng(6), 7, (16, 16, 1))
    labels = np.array([5, 1, 5, 1, 5, 3, 1])
    i, j = np.array([p for p in itertools.combinations(range(7), 2) if labels[p[0]] == labels[p[1]]]).T
    found = diversity(x, rng=np.random.default_rng(0), labels=labels, pairs=6)
    assert len(i) == 6
    assert found.value == pytest.approx(ms_ssim(x[i], x[j]).mean(), rel=1e-12)


def test_fewer_pairs_are_a_fair_sample_of_all() -> None:
    x = smooth(np.random.default_rng(7), 40, (16, 16, 1))
    x[:20] = x[0]  # 190 of the 780 pairs are of equal images
    everything = diversity(x, rng=np.random.default_rng(0), pairs=780)
    some = diversity(x, rng=np.random.default_rng(0), pairs=300)
    error = everything.details["standard_deviation"] / np.sqrt(300)
    assert 0 < abs(some.value - everything.value) < 4 * error


def test_a_generator_that_repeats_itself_scores_higher() -> None:
    rng = np.random.default_rng(8)
    varied = smooth(rng, 30, (28, 28, 1))
    repeated = varied[rng.integers(3, size=30)]
    scores = [diversity(x, rng=np.random.default_rng(0), pairs=200).value for x in (varied, repeated)]
    assert scores[1] > scores[0] + 0.05


def test_the_score_states_how_it_was_measured() -> None:
    x = smooth(np.random.default_rng(9), 4, (16, 16, 1))
    base = Protocol("x", reference="mnist/test", seed=3)
    found = diversity(x, rng=np.random.default_rng(3), labels=np.zeros(4), pairs=5, protocol=base)
    parameters = {"pairs": 5, "within": "class"}
    reported = Protocol("ms_ssim", parameters, "pixels", reference="", n_generated=4, quantised=True, seed=3)
    assert found.protocol == reported
    assert diversity(x / 255, rng=np.random.default_rng(3), pairs=5).protocol.quantised is False


def test_more_pairs_than_there_are_are_refused() -> None:
    x = smooth(np.random.default_rng(10), 4, (16, 16, 1))
    with pytest.raises(ValueError, match=r"pairs = 7: 4 images in 1 group\(s\) have 1 to 6 pairs"):
        diversity(x, rng=np.random.default_rng(0), pairs=7)
    with pytest.raises(ValueError, match="pairs = 1"):
        diversity(x, rng=np.random.default_rng(0), labels=np.arange(4), pairs=1)


def test_images_that_do_not_fit_are_refused() -> None:
    good, rng = np.zeros((2, 16, 16, 1)), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"images: expected uint8 or floats of shape \(n, H, W, C\)"):
        diversity(np.zeros((2, 16, 16)), rng=rng)
    with pytest.raises(ValueError, match=r"expected floats in \[0, 1\], got -1 to -1; map tanh"):
        diversity(good - 1, rng=rng)
    with pytest.raises(ValueError, match="got int64"):
        diversity(good.astype(np.int64), rng=rng)
    with pytest.raises(NonFiniteSamples, match="images: 512 of 512 pixels"):
        diversity(good * np.nan, rng=rng)
    with pytest.raises(ValueError, match="pairs of images of one shape"):
        ms_ssim(good, good[:1])
    with pytest.raises(ValueError, match=r"labels of shape \(2,\), one for each image, got \(3,\)"):
        diversity(good, rng=rng, labels=np.zeros(3))
