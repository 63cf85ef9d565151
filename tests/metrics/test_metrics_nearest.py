"""Nearest neighbours in pixels."""

from __future__ import annotations

import numpy as np
import pytest

from minigan.metrics import nearest as page
from minigan.metrics.nearest import nearest_images


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def images(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 1), np.uint8)


def test_distances_are_those_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "BLOCK", 7)
    real, x = images(30, 1), images(20, 2)
    flat = [a.reshape(len(a), -1).astype(float) / 255 for a in (real, x)]
    q = np.linalg.norm(flat[1][:, np.newaxis] - flat[0], axis=2).min(axis=1)
    pairs = np.linalg.norm(flat[0][:, np.newaxis] - flat[0], axis=2) + np.diag(np.full(30, np.inf))
    r = pairs.min(axis=1)
    nearest, nearer = nearest_images(real, x, rng=rng())
    assert nearest.value == pytest.approx(np.median(q))
    assert nearest.details["real"] == pytest.approx(np.median(r))
    near = np.quantile(r, 0.01)
    assert nearer.value == pytest.approx((q < near).mean())
    assert nearer.details == {"real": pytest.approx((r < near).mean()), "equal": 0}


def test_copies_are_counted_and_found_near() -> None:
    real = images(50, 1)
    x = np.concatenate([real[:10], images(10, 2)])
    nearest, nearer = nearest_images(real, x, rng=rng())
    assert nearer.value == pytest.approx(0.5, abs=0.1) and nearer.details["equal"] == 10
    assert nearest_images(real, real, rng=rng())[0].value == 0
    floats = nearest_images(real, x / 255, rng=rng())
    assert floats[0].value == pytest.approx(nearest.value)


def test_large_sets_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SAMPLES", 5)
    monkeypatch.setattr(page, "NUMBERS", 16 * 12)
    found = nearest_images(images(50, 1), images(50, 2), rng=rng())
    assert {(s.protocol.n_reference, s.protocol.n_generated) for s in found} == {(12, 5)}


def test_sets_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="expected both sets of one shape and 2 real images"):
        nearest_images(images(5, 1), images(5, 1)[:, :2], rng=rng())
