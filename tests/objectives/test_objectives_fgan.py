"""f-GAN: conjugates, tight bounds, and the two classical objectives as its last row."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan.gradcheck import derivative_error, objective_errors
from minigan.objectives.fgan import FGAN, FGANKL, FGANReverseKL
from minigan.objectives.fgan_classic import FGANGAN, FGANJS
from minigan.objectives.fgan_squares import FGANHellinger, FGANNeyman, FGANPearson
from minigan.objectives.minimax import Minimax
from minigan.objectives.nonsaturating import NonSaturating

Curve = Callable[[Any], Any]
LOG2, INF = math.log(2), float("inf")

# page, f(u), f*(t), best output v(u), sup of f's domain of conjugates
ROWS: list[tuple[type[FGAN], Curve, Curve, Curve, float]] = [
    (FGANKL, lambda u: u * np.log(u), lambda t: np.exp(t - 1), lambda u: 1 + np.log(u), INF),
    (FGANReverseKL, lambda u: -np.log(u), lambda t: -1 - np.log(-t), np.log, 0),
    (FGANPearson, lambda u: (u - 1) ** 2, lambda t: t * t / 4 + t, lambda u: 2 * (u - 1), INF),
    (FGANNeyman, lambda u: (1 - u) ** 2 / u, lambda t: 2 - 2 * np.sqrt(1 - t), lambda u: 2 * np.log(u), 1),
    (FGANHellinger, lambda u: (np.sqrt(u) - 1) ** 2, lambda t: t / (1 - t), lambda u: np.log(u) / 2, 1),
    (
        FGANJS,
        lambda u: u * np.log(u) - (u + 1) * np.log((u + 1) / 2),
        lambda t: -np.log(2 - np.exp(t)),
        np.log,
        LOG2,
    ),
    (FGANGAN, lambda u: u * np.log(u) - (u + 1) * np.log(u + 1), lambda t: -np.log(1 - np.exp(t)), np.log, 0),
]
PAGES = [row[0] for row in ROWS]
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].name)
each_objective = pytest.mark.parametrize(
    "objective",
    [page(alternative=a) for page in PAGES for a in (False, True)],
    ids=lambda g: f"{g.name} {g.alternative}",
)
P, Q = np.array([1, 2, 3, 4, 2]), np.array([3, 1, 4, 2, 2])  # samples per place, of twelve


def everything(objective: FGAN, a: Any, b: Any) -> tuple[Any, ...]:
    return (*objective.d_loss(a, b), *objective.g_loss(b))


def best_outputs(v: Curve) -> tuple[np.ndarray, np.ndarray]:
    """The outputs of the best D for twelve real and twelve fake samples on five places."""
    at = v(P / Q)
    return np.repeat(at, P)[:, None], np.repeat(at, Q)[:, None]


def test_the_names_are_those_of_the_divergences() -> None:
    assert [page.name for page in PAGES] == [
        "fgan-kl",
        "fgan-reverse-kl",
        "fgan-pearson",
        "fgan-neyman",
        "fgan-hellinger",
        "fgan-js",
        "fgan-gan",
    ]
    assert [page.name for page in PAGES if page.logit] == ["fgan-js", "fgan-gan"]
    assert all(not page().alternative for page in PAGES)


@rows
def test_at_the_best_outputs_the_bound_is_tight(row: Any) -> None:
    page, f, _, v, _ = row
    a, b = best_outputs(v)
    loss, da, db = page().d_loss(a, b)
    assert -loss == pytest.approx((Q / 12 * f(P / Q)).sum(), rel=1e-12)
    # and D wants to go nowhere: the pulls of real and fake samples at one place cancel
    for place in np.unique(a):
        assert da[a == place].sum() + db[b == place].sum() == pytest.approx(0, abs=1e-14)


@rows
def test_elsewhere_the_bound_is_lower(row: Any) -> None:
    page, f, _, v, _ = row
    rng = np.random.default_rng(0)
    for _ in range(20):
        shift = rng.normal(size=5)
        a, b = (best + np.repeat(shift, counts)[:, None] for best, counts in zip(best_outputs(v), (P, Q), strict=True))
        assert -page().d_loss(a, b)[0] < (Q / 12 * f(P / Q)).sum()


@rows
def test_h_is_the_conjugate_after_the_activation_and_the_best_output_is_the_slope_of_f(row: Any) -> None:
    page, f, conjugate, v, _ = row
    at = np.linspace(-3, 3, 13)
    np.testing.assert_allclose(page().h(at)[0], conjugate(page().g(at)[0]), rtol=1e-11, atol=1e-13)
    u = np.linspace(0.2, 4, 13)
    slope = (f(u + 1e-6) - f(u - 1e-6)) / 2e-6
    np.testing.assert_allclose(page().g(v(u))[0], slope, rtol=1e-7, atol=1e-8)


@rows
def test_the_activation_increases_onto_the_domain_of_the_conjugate(row: Any) -> None:
    page, _, _, _, top = row
    v = np.linspace(-15, 15, 301)
    value, slope = page().g(v)
    assert (np.diff(value) > 0).all()
    assert (slope > 0).all()
    assert (value < top).all()
    assert value[-1] > (10 if top == INF else top - 1e-6)


@rows
def test_slopes_are_the_derivatives_of_the_values(row: Any) -> None:
    page = row[0]
    v = np.linspace(-4, 4, 9)
    for curve in (page().g, page().h):
        assert derivative_error(lambda curve=curve: curve(v)[0].sum(), v, curve(v)[1], np.random.default_rng(0)) < 1e-6


@each_objective
def test_gradients_are_the_derivatives_of_the_losses(objective: FGAN) -> None:
    rng = np.random.default_rng(0)
    errors = objective_errors(objective, rng.normal(size=(5, 1)), rng.normal(size=(7, 1)), rng)
    assert max(errors.values()) < 1e-6


def test_js_is_twice_the_jensen_shannon_divergence() -> None:
    p, q = P / 12, Q / 12
    m = (p + q) / 2
    jsd = (p * np.log(p / m)).sum() / 2 + (q * np.log(q / m)).sum() / 2
    assert -FGANJS().d_loss(*best_outputs(np.log))[0] == pytest.approx(2 * jsd, rel=1e-12)


@rows
def test_a_d_that_has_learned_nothing_finds_no_distance(row: Any) -> None:
    page, f, _, v, _ = row
    output = np.full((5, 1), v(1.0))
    expected = -math.log(4) if page is FGANGAN else 0
    assert -page().d_loss(output, output[:3])[0] == pytest.approx(expected, abs=1e-14)
    assert f(1.0) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gan_row_is_the_original_objective_bit_for_bit(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = (5 * rng.normal(size=(size, 1)).astype(dtype) for size in (101, 77))
    for objective, original in ((FGANGAN(), Minimax()), (FGANGAN(alternative=True), NonSaturating())):
        for found, expected in zip(everything(objective, a, b), everything(original, a, b), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_js_and_gan_differ_by_a_constant() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 1)), rng.normal(size=(4, 1))
    js, gan = FGANJS().d_loss(a, b), FGANGAN().d_loss(a, b)
    assert gan[0] - js[0] == pytest.approx(math.log(4), rel=1e-12)
    np.testing.assert_array_equal(js[1], gan[1])
    np.testing.assert_array_equal(js[2], gan[2])


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("size", [1000.0, -1000.0])
def test_extreme_outputs_of_float32_bring_neither_warnings_nor_infinities(page: type[FGAN], size: float) -> None:
    a, b = np.full((2, 1), size, np.float32), np.full((3, 1), -size, np.float32)
    for objective in (page(), page(alternative=True)):
        for real, fake in ((a, b), (b, a), (a, a)):
            for value in everything(objective, real, fake):
                assert np.isfinite(value).all()
                assert value.dtype == np.float32


@pytest.mark.parametrize(
    ("page", "curve", "v"),
    [
        (FGANKL, "h", 1000.0),
        (FGANReverseKL, "g", -1000.0),
        (FGANNeyman, "g", -1000.0),
        (FGANNeyman, "h", -1000.0),
        (FGANHellinger, "g", -1000.0),
        (FGANHellinger, "h", 1000.0),
    ],
)
def test_a_capped_exponential_still_pulls_an_outlier_back(page: type[FGAN], curve: str, v: float) -> None:
    _, slope = getattr(page(), curve)(np.full((1, 1), v, np.float32))
    assert slope[0, 0] == np.exp(np.float32(20))


@each_objective
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_have_the_shapes_and_types_of_their_outputs(objective: FGAN, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 1)).astype(dtype), rng.normal(size=(4, 1)).astype(dtype)
    found = everything(objective, a, b)
    assert [value.shape for value in found] == [(), (5, 1), (4, 1), (), (4, 1)]
    assert {value.dtype for value in found} == {np.dtype(dtype)}


@each_objective
def test_a_gpu_would_compute_the_same_without_waiting(objective: FGAN) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 1)).astype(np.float32), rng.normal(size=(4, 1)).astype(np.float32)
    with strict.no_sync():
        away = everything(objective, strict.to_device(a), strict.to_device(b))
    for here, there in zip(everything(objective, a, b), away, strict=True):
        assert strict.to_host(there).dtype == np.float32
        np.testing.assert_allclose(strict.to_host(there), here, rtol=1e-6)


@each_objective
def test_a_batch_twice_counts_once(objective: FGAN) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 1)), rng.normal(size=(4, 1))
    once, twice = everything(objective, a, b), everything(objective, np.tile(a, (2, 1)), np.tile(b, (2, 1)))
    np.testing.assert_allclose([twice[0], twice[3]], [once[0], once[3]], rtol=1e-13)
    np.testing.assert_allclose(twice[2], np.tile(once[2], (2, 1)) / 2, rtol=1e-13)


@rows
def test_both_losses_of_g_pull_fakes_up(row: Any) -> None:
    page = row[0]
    b = np.linspace(-1.5, 3, 10)[:, None]
    for objective in (page(), page(alternative=True)):
        assert (objective.g_loss(b)[1] < 0).all()
