"""Mixing, ways, projection, path lengths, separability: exact where they can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minigan.metrics.features import Extractor
from minigan.models.stylegan import StyleGenerator
from minigan.styles import (
    great_circle,
    layers_of,
    mixed,
    mixing_grid,
    noise_variations,
    path_lengths,
    project,
    psi_grid,
    separability,
    tour,
)
from minigan.styles.mixing import images_of
from minigan.styles.projection import rate
from minigan.styles.variations import moved


def styles(G: StyleGenerator, n: int, seed: int = 0) -> np.ndarray:
    return G.map(np.random.default_rng(seed).standard_normal((n, G.z_dim), dtype=np.float32))


def test_mixing_all_layers_gives_a_and_none_gives_b(G: StyleGenerator) -> None:
    a, b = styles(G, 3), styles(G, 3, 1)
    np.testing.assert_array_equal(images_of(G, mixed(G, a, b, range(G.L))), images_of(G, a))
    np.testing.assert_array_equal(images_of(G, mixed(G, a, b, [])), images_of(G, b))
    some = mixed(G, a, b, [0, 2])
    np.testing.assert_array_equal(some[:, [0, 2]], np.stack([a, a], axis=1))
    np.testing.assert_array_equal(some[:, [1, *range(3, G.L)]], np.stack([b] * (G.L - 2), axis=1))


def test_a_mixing_grid_has_its_sources_at_its_edges(G: StyleGenerator) -> None:
    a, b = styles(G, 2), styles(G, 3, 1)
    cells = mixing_grid(G, a, b, [0, 1]).reshape(3, 4, 16, 16, 1)
    assert not cells[0, 0].any()
    np.testing.assert_array_equal(cells[0, 1:], images_of(G, b))
    np.testing.assert_array_equal(cells[1:, 0], images_of(G, a))
    np.testing.assert_array_equal(cells[2, 3], images_of(G, mixed(G, a[1:], b[2:], [0, 1]))[0])


@pytest.mark.parametrize(
    ("text", "L", "expected"),
    [
        ("coarse", 6, [0, 1, 2]),
        ("fine", 6, [3, 4, 5]),
        ("middle", 8, [3, 4]),
        ("middle", 10, [3, 4, 5]),
        ("all", 4, [0, 1, 2, 3]),
        ("none", 4, []),
        ("0-2", 6, [0, 1, 2]),
        ("3,0", 6, [0, 3]),
        ("0-1,1,5", 6, [0, 1, 5]),
    ],
)
def test_layers_have_names_and_numbers(text: str, L: int, expected: list[int]) -> None:
    assert layers_of(text, L) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3-9", r"layers 0 to 5 \(coarse 0-2, fine 3-5\)"),
        ("course", "expected coarse, middle, fine, all, none, or numbers such as 0-2 or 0,3"),
        ("4-2", "the range 4-2 is empty"),
        ("middle", "of 6 layers has no middle ones"),
        ("-1", "expected coarse"),
    ],
)
def test_layers_that_are_not_there_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        layers_of(text, 6)


def test_all_rows_of_a_psi_grid_meet_in_the_mean_and_end_in_the_sample(G: StyleGenerator) -> None:
    w = styles(G, 3)
    cells = psi_grid(G, w, [-1.0, 0.0, 1.0]).reshape(3, 3, 16, 16, 1)
    np.testing.assert_array_equal(cells[:, 1], np.repeat(cells[:1, 1], 3, axis=0))
    np.testing.assert_array_equal(cells[:, 2], images_of(G, w))


def test_a_great_circle_keeps_the_length_and_meets_both_directions() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 5, 7))
    for t in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(
            np.linalg.norm(great_circle(a, b, np.full((5, 1), t)), axis=1), np.sqrt(7), rtol=1e-12
        )
    for t, end in ((0.0, a), (1.0, b)):
        unit = end / np.linalg.norm(end, axis=1, keepdims=True)
        np.testing.assert_allclose(great_circle(a, b, np.full((5, 1), t)), np.sqrt(7) * unit, atol=1e-12)
    quarter, half = (great_circle(a, b, np.full((5, 1), t)) for t in (0.25, 0.5))
    angles = [
        np.arccos((u * v).sum(axis=1) / 7)
        for u, v in ((great_circle(a, b, np.zeros((5, 1))), quarter), (quarter, half))
    ]
    np.testing.assert_allclose(*angles, rtol=1e-9)


@pytest.mark.parametrize("space", ["w", "z"])
def test_a_tour_passes_through_its_samples(G: StyleGenerator, space: str) -> None:
    z = np.random.default_rng(0).standard_normal((3, G.z_dim), dtype=np.float32)
    images = tour(G, z, 4, space)
    assert len(images) == 12
    distance = np.abs(images[::4].astype(int) - images_of(G, G.map(z))).max()
    assert distance <= 1
    with pytest.raises(ValueError, match="space must be one of w, z, got 'x'"):
        tour(G, z, 4, "x")


@pytest.mark.parametrize("space", ["w", "w+"])
def test_an_image_of_the_generator_itself_is_found_again(G: StyleGenerator, space: str) -> None:
    targets = G.image(styles(G, 2, 5))
    found = project(G, targets, np.random.default_rng(0), space=space, steps=150)
    spread = (((targets - targets.mean()) / 2) ** 2).mean()
    assert found.ws.shape == (2, G.L, 5)
    assert found.error.max() < 0.05 * spread
    assert found.psnr.min() > 20
    if space == "w":
        np.testing.assert_array_equal(found.ws, np.repeat(found.ws[:, :1], G.L, axis=1))


def test_each_target_of_a_projection_has_its_own_search(G: StyleGenerator) -> None:
    targets = G.image(styles(G, 3, 5))
    alone = project(G, targets[:1], np.random.default_rng(0), steps=2)
    assert alone.error.shape == (1,)
    for choices, words in (({"space": "z"}, "space must be one of"), ({"steps": 0}, "steps must be at least 1")):
        with pytest.raises(ValueError, match=words):
            project(G, targets, np.random.default_rng(0), **choices)


def test_the_rate_of_a_projection_rises_and_falls_to_zero() -> None:
    assert rate(0) < 1e-6 and rate(0.05) == pytest.approx(0.1) and rate(0.7) == pytest.approx(0.1)
    assert rate(0.9) < 0.05 and rate(1.0) == pytest.approx(0, abs=1e-12)


class Eye(Extractor):
    """A judge whose features are the pixels in [0, 1], and whose class is the brighter half."""

    name, digest, classes = "eye", "0" * 64, ("top", "bottom")

    def networks(self) -> Any:
        return ()

    def bring(self, images: np.ndarray) -> Any:
        return images / 255

    def look(self, x: Any) -> Any:
        rows = x.reshape(len(x), 2, -1).mean(axis=2)
        return x.reshape(len(x), -1), rows


class Line:
    """A generator that is linear in w, and w = z: its path length is known."""

    z_dim = 6

    def __init__(self) -> None:
        self.matrix = np.random.default_rng(0).normal(size=(6, 16)) / 10

    def convert(self, change: Any) -> None:
        pass

    def map(self, z: Any) -> Any:
        return z

    def image(self, w: Any) -> Any:
        return (w @ self.matrix).reshape(len(w), 4, 4, 1)


def test_the_path_length_of_a_linear_generator_is_that_of_the_way() -> None:
    found = path_lengths(Line(), Eye(), np.random.default_rng(1), 400)  # type: ignore[arg-type]
    z = np.random.default_rng(1).standard_normal((2, 400, 6))
    speeds = (((z[1] - z[0]) @ Line().matrix / 2) ** 2).sum(axis=1)
    low, high = np.quantile(speeds, [0.01, 0.99])
    expected = speeds[(speeds >= low) & (speeds <= high)].mean()
    assert found.w_full == pytest.approx(expected, rel=1e-6)
    assert found.w_end == pytest.approx(expected, rel=1e-6)
    assert found.judge == "eye:000000000000" and "z / w" in str(found)
    with pytest.raises(ValueError, match="at least 100 pairs"):
        path_lengths(Line(), Eye(), np.random.default_rng(1), 10)  # type: ignore[arg-type]


def test_a_class_that_is_linear_in_w_is_read_from_it(G: StyleGenerator) -> None:
    class Half(Line):
        def map(self, z: Any) -> Any:
            return np.sign(z) * z**2

    found = separability(Half(), Eye(), np.random.default_rng(2), 2000)  # type: ignore[arg-type]
    assert found.w > 0.94 and found.w_bits < 0.3
    assert 0.5 < found.z < found.w


def test_variations_differ_by_their_noise_alone_and_the_mode_is_as_before(G: StyleGenerator) -> None:
    w = styles(G, 2)
    images = noise_variations(G, w, 4, np.random.default_rng(1))
    assert images.shape == (8, 16, 16, 1) and 0 < moved(images, 4) < images.std() / 255
    fixed = np.repeat(images_of(G, w), 4, axis=0)
    assert moved(fixed, 4) == 0 and moved(np.concatenate([images[:4], fixed[:4]]), 8) > 0
    flat = np.array([0, 255, 0, 255], np.uint8).reshape(4, 1, 1, 1)
    assert moved(flat, 2) == 0.5
