"""D* = p / (p + q) and C(G) = -log 4 + 2 JSD: closed forms, and what trained discriminators make of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import optimal_discriminator as theory
import pytest
from PIL import Image

JSD = {
    (0.5, 1.0): 0.0303113005,
    (1.0, 1.0): 0.1114214822,
    (2.0, 1.0): 0.3368308203,
    (4.0, 1.0): 0.6327201937,
    (8.0, 1.0): 0.6930536455,
    (0.0, 2.0): 0.0927333817,
    (1.0, 0.5): 0.2239837765,
}


def value_of(m: float, s: float) -> float:
    return theory.closed_form(theory.UNIT, theory.Bells((m,), s))[0]


def test_a_table_of_logits_finds_the_optimum_and_its_value() -> None:
    way, value = theory.train_table()
    np.testing.assert_allclose(way[-1, :3], [5 / 6, 0.6, 0.4], atol=1e-9)
    assert way[-1, 3] < 1e-3  # the last logit is on its way to -infinity
    assert value == pytest.approx(-0.94334839, abs=1e-4)
    assert value == pytest.approx(-math.log(4) + 2 * 0.22147298, abs=1e-4)


@pytest.mark.parametrize(("m", "s", "expected"), [(*family, jsd) for family, jsd in JSD.items()])
def test_the_closed_form_along_the_family_has_its_known_values(m: float, s: float, expected: float) -> None:
    assert (value_of(m, s) + math.log(4)) / 2 == pytest.approx(expected, abs=2e-10)


def test_the_value_runs_from_minus_log_four_to_zero() -> None:
    assert value_of(0.0, 1.0) == pytest.approx(-math.log(4), abs=1e-12)
    assert value_of(25.0, 1.0) == pytest.approx(0, abs=1e-12)


def test_the_bells_have_their_known_optimum_value_and_accuracy() -> None:
    value, accuracy = theory.closed_form(theory.P, theory.Q)
    assert value == pytest.approx(-0.9841384445, abs=1e-9)
    assert accuracy == pytest.approx(0.75767495, abs=1e-8)
    best = theory.optimum(np.array([0.0, 1.0, 2.0, 3.0]), theory.P, theory.Q)
    np.testing.assert_allclose(best, [0.00134005, 0.23471924, 0.76730346, 0.45466167], atol=5e-9)


def test_samples_of_the_bells_and_of_g_have_the_moments_of_their_densities() -> None:
    rng = np.random.default_rng(0)
    x = theory.P.sample(100_000, rng)
    y, _ = theory.generator(theory.Bells((3.0,), 2.0)).forward(rng.standard_normal((100_000, 1), np.float32))
    assert (x.mean(), x.var()) == pytest.approx((0, 4.25), abs=0.04)
    assert (y.mean(), y.var()) == pytest.approx((3, 4), abs=0.04)


def test_a_network_trained_for_a_moment_is_near_the_optimum() -> None:
    D = theory.train(theory.P, theory.Q, 800)
    value, accuracy, distance = theory.measure(D, theory.P, theory.Q, 100_000)
    assert distance < 0.03
    assert value == pytest.approx(-0.9841384445, abs=0.02)
    assert accuracy == pytest.approx(0.75767495, abs=0.01)


@pytest.mark.parametrize(("m", "s"), [(0.0, 1.0), (2.0, 1.0), (1.0, 0.5)])
def test_a_small_network_measures_the_distance_of_its_generator(m: float, s: float) -> None:
    G = theory.Bells((m,), s)
    D = theory.train(theory.UNIT, G, 700, hidden=32)
    assert theory.measure(D, theory.UNIT, G, 100_000)[0] == pytest.approx(value_of(m, s), abs=0.02)


def test_a_discriminator_that_has_learned_nothing_is_measured_as_such() -> None:
    D = theory.train(theory.P, theory.Q, 0)
    for _, param in D.named_params():
        param[...] = 0
    value, accuracy, distance = theory.measure(D, theory.P, theory.Q, 20_000)
    assert value == pytest.approx(-math.log(4), abs=1e-6)
    assert accuracy == 0
    assert distance > 0.2


@pytest.mark.slow
def test_a_network_trained_to_the_end_is_the_optimum() -> None:
    D = theory.train(theory.P, theory.Q, 20_000)
    value, accuracy, distance = theory.measure(D, theory.P, theory.Q)
    assert distance <= 0.01
    assert value == pytest.approx(-0.9841384445, abs=0.005)
    assert accuracy == pytest.approx(0.75767495, abs=0.003)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    way, _ = theory.train_table(20)
    family = [(m, s, value_of(m, s)) for m, s in theory.FAMILY[::4]]
    theory.save(theory.draw(way, theory.train(theory.P, theory.Q, 0), family), tmp_path, "optimal.png")
    with Image.open(tmp_path / "optimal.png") as picture:
        assert picture.size == (1680, 576)
