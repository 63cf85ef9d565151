"""The sliced Wasserstein distance of patches: the pyramid, the patches, the distance, and what it is worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from minigan.metrics import swd as page
from minigan.metrics.score import NonFiniteSamples
from minigan.metrics.swd import down, laplacian, normalised, patches, sides, sliced, swd, unit_vectors, up


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def smooth(n: int, seed: int, width: float = 2) -> np.ndarray:
    """Images with a texture that its `width` decides, uint8 (n, 32, 32, 3)."""
    noise = np.random.default_rng(seed).standard_normal((n, 32, 32, 3))
    x = ndimage.gaussian_filter(noise, (0, width, width, 0), mode="wrap") * width * 100 + 128
    return np.clip(x, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("side", "levels"), [(7, [7]), (28, [28]), (31, [31, 16]), (64, [64, 32, 16]), (48, [48, 24])])
def test_the_levels_are_halves_down_to_sixteen(side: int, levels: list[int]) -> None:
    assert sides((side, side + 3)) == levels


@pytest.mark.parametrize("shape", [(16, 22), (15, 21), (17, 8)])
def test_down_and_up_are_the_papers_convolutions_with_mirrored_edges(shape: tuple[int, int]) -> None:
    x = rng().standard_normal((2, *shape, 3)).astype(np.float32)
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])[np.newaxis, :, :, np.newaxis] / 256
    expected = ndimage.convolve(x, kernel, mode="mirror")[:, ::2, ::2]
    np.testing.assert_allclose(down(x), expected, atol=1e-5)
    large = np.zeros_like(x)
    large[:, ::2, ::2] = expected
    np.testing.assert_allclose(up(down(x), shape), ndimage.convolve(large, 4 * kernel, mode="mirror"), atol=1e-5)


def test_all_levels_put_together_are_the_images() -> None:
    x = rng().standard_normal((2, 37, 64, 3)).astype(np.float32)
    whole, *_ = pyramid = laplacian(x, 3)
    assert [level.shape[1:3] for level in pyramid] == [(37, 64), (19, 32), (10, 16)]
    for level in reversed(range(2)):
        pyramid[level] = pyramid[level] + up(pyramid[level + 1], pyramid[level].shape[1:3])
    np.testing.assert_allclose(pyramid[0], x, atol=1e-5)
    assert np.abs(laplacian(0 * x + 7, 2)[0]).max() < 1e-5  # of a constant nothing is left but the coarsest level


def test_patches_are_squares_of_their_images_at_every_place() -> None:
    x = np.arange(2 * 9 * 8 * 3, dtype=np.float32).reshape(2, 9, 8, 3)
    rows = patches(x, rng()).reshape(2, 128, 3, 7, 7)
    expected = {(i, x[i, t, l, 0]): x[i, t : t + 7, l : l + 7] for i in range(2) for t in range(3) for l in range(2)}
    seen = {(i, row[0, 0, 0]) for i in range(2) for row in rows[i]}
    assert seen == set(expected)
    for i in range(2):
        for row in rows[i]:
            np.testing.assert_array_equal(row.transpose(1, 2, 0), expected[i, row[0, 0, 0]])


def test_normalised_patches_have_mean_zero_and_deviation_one_in_each_channel() -> None:
    rows = (rng().standard_normal((50, 3 * 49)) * np.repeat([3, 0, 50], 49) + 100).astype(np.float32)
    channels = normalised(rows, 3).reshape(50, 3, 49)
    np.testing.assert_allclose(channels.mean(axis=(0, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(channels.std(axis=(0, 2)), [1, 0, 1], atol=1e-4)


def test_a_shift_by_c_is_the_mean_length_of_c_along_the_directions() -> None:
    a, c, u = (
        rng().standard_normal((40, 5)).astype(np.float32),
        np.arange(5, dtype=np.float32),
        unit_vectors(5, 70, rng()),
    )
    np.testing.assert_allclose(np.linalg.norm(u, axis=1), 1, rtol=1e-6)
    shuffled = a[rng().permutation(40)]
    found = sliced(u, a, shuffled, a + c)
    np.testing.assert_allclose(found, [0, np.abs(u @ c).mean()], atol=1e-6)


def test_real_images_score_as_real_images_and_others_worse_where_they_differ() -> None:
    real, x = smooth(240, 1), smooth(120, 2)
    scores = {s.protocol.metric: s for s in swd(real, x, rng=rng(), directions=64)}
    assert list(scores) == ["swd", "swd_32", "swd_16"]
    assert scores["swd"].value == pytest.approx((scores["swd_32"].value + scores["swd_16"].value) / 2)
    for score in scores.values():
        assert score.value == pytest.approx(score.details["real"], rel=0.5)
        assert (score.protocol.n_reference, score.protocol.n_generated, score.protocol.extractor) == (
            120,
            120,
            "pixels",
        )
    noisy = np.clip(x + rng().integers(-40, 40, x.shape), 0, 255).astype(np.uint8)
    worse = {s.protocol.metric: s for s in swd(real, noisy, rng=rng(), directions=64)}
    assert worse["swd_32"].value > 3 * worse["swd_32"].details["real"]  # noise is fine texture
    assert worse["swd_16"].value < worse["swd_32"].value / 2


def test_the_same_seed_gives_the_same_scores_and_floats_those_of_their_bytes() -> None:
    real, x = smooth(20, 1), smooth(8, 2)
    first, again, floats = ([s.value for s in swd(real, y, rng=rng(), directions=20)] for y in (x, x, x / 255))
    assert first == again
    np.testing.assert_allclose(floats, first, rtol=1e-4)


def test_a_generator_that_makes_one_colour_has_a_score() -> None:
    assert np.isfinite(
        [s.value for s in swd(smooth(6, 1), np.full((3, 32, 32, 3), 9, np.uint8), rng=rng(), directions=8)]
    ).all()


def test_no_more_than_most_images_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = swd(smooth(12, 1), smooth(9, 2), rng=rng(), most=4, directions=8)
    assert {(s.protocol.n_reference, s.protocol.n_generated) for s in scores} == {(4, 4)}
    monkeypatch.setattr(page, "IMAGES", 3)  # blocks change the places of patches, and little else
    blocks = swd(smooth(12, 1), smooth(9, 2), rng=rng(), most=4, directions=8)
    assert blocks[0].value == pytest.approx(scores[0].value, rel=0.5)


@pytest.mark.parametrize(
    ("real", "x", "error"),
    [
        (smooth(4, 1), smooth(4, 1)[:, :16], ValueError),
        (smooth(1, 1), smooth(4, 1), ValueError),
        (smooth(4, 1)[:, :6], smooth(4, 1)[:, :6], ValueError),
        (smooth(4, 1), np.full((2, 32, 32, 3), np.nan), NonFiniteSamples),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(real: np.ndarray, x: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        swd(real, x, rng=rng())
