from __future__ import annotations

import os

import numpy as np
import pytest

from minigan import data
from minigan.metrics import features
from minigan.metrics.features import sanity


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("mnist-10k")


def test_no_damage_leaves_the_images_as_they_are(digits: data.Dataset) -> None:
    x = digits.images[:20]
    for undamaged in (sanity.noisy(x, 0, rng()), sanity.blurred(x, 0), sanity.salted(x, 0, rng())):
        np.testing.assert_array_equal(undamaged, x)
        assert undamaged.dtype == np.uint8


def test_damage_is_as_large_as_it_states(digits: data.Dataset) -> None:
    x = np.full((50, 28, 28, 1), 128, np.uint8)
    assert np.std(sanity.noisy(x, 0.1, rng()) / 255) == pytest.approx(0.1, rel=0.02)
    salted = sanity.salted(x, 0.2, rng())
    assert [(salted == value).mean() for value in (0, 255)] == pytest.approx([0.1, 0.1], abs=0.01)
    spot = np.zeros((1, 28, 28, 1), np.uint8)
    spot[0, 14, 14] = 255
    smooth = sanity.blurred(spot, 1.0)[0, ..., 0] / 255
    assert smooth[14, 14] == pytest.approx(1 / (2 * np.pi), abs=0.01)  # the height of a Gaussian of width 1
    assert smooth[14, 14] > smooth[14, 15] > smooth[14, 17]


def test_the_embedded_digits_pass_the_battery_in_small(digits: data.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanity, "NOISE", (0.0, 0.2, 0.4))
    monkeypatch.setattr(sanity, "BLUR", (0.0, 1.0, 2.0))
    monkeypatch.setattr(sanity, "SALT", (0.0, 0.05, 0.2))
    monkeypatch.setattr(sanity, "DROPPED", (0, 3, 7))
    x, labels = digits.images, digits.labels
    foreign = sanity.noisy(np.repeat(x[:1], 600, axis=0), 1.0, rng())
    battery = sanity.Battery(features.get("lenet-mnist-v1"), x[:1000], x[1000:2000], labels[1000:2000], foreign)
    rows = {row.damage: row for row in battery.rows(rng())}
    assert list(rows) == ["noise", "blur", "salt and pepper", "classes dropped", "mirrored", "foreign images"]
    assert [row.damage for row in rows.values() if not row.good] == []
    assert rows["noise"].recognised[0] > 0.98 > rows["noise"].recognised[-1]
    assert rows["classes dropped"].recognised == pytest.approx((1, 1, 1), abs=0.03)


def test_distances_that_do_not_grow_are_not_good(digits: data.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanity, "NOISE", (0.2, 0.0))
    monkeypatch.setattr(sanity, "DROPPED", (0, 3))
    x, labels = digits.images[:400], digits.labels[:400]
    battery = sanity.Battery(features.get("lenet-mnist-v1"), x, x, labels, x)
    rows = {row.damage: row.good for row in battery.rows(rng())}
    assert not rows["noise"]
    assert not rows["foreign images"]  # they are the very same


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "own", "other"),
    [("lenet-mnist-v1", "mnist", "fashion-mnist"), ("lenet-fashion-v1", "fashion-mnist", "mnist")],
)
def test_a_shipped_network_passes_the_battery(name: str, own: str, other: str) -> None:
    if not os.environ.get("MINIGAN_DATA"):
        pytest.skip("the whole data sets are needed: MINIGAN_DATA is not set")
    test, foreign = data.load(own, split="test"), data.load(other, split="test").images
    reference = data.load(own).images[: len(test)]
    battery = sanity.Battery(features.get(name), reference, test.images, test.labels, foreign)
    assert [row for row in battery.rows(rng()) if not row.good] == []
