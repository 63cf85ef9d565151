"""Losses and gradients of every objective: closed forms, invariants, extreme scores, types and shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import objectives
from minigan.battery import objective_cases
from minigan.objectives import Objective

LOG2, LOG3 = math.log(2), math.log(3)
A, B = np.array([[LOG3], [-LOG3]]), np.array([[0], [LOG3], [LOG3], [-LOG3]])  # sigmoids 3/4, 1/4; 1/2, 3/4, 3/4, 1/4
C, D = np.array([[0.5], [2.0]]), np.array([[0.5], [-2.0], [1.0], [-0.5]])


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers)[:, None]


# name, options, a, b: D's loss, m · da, n · db, G's loss, n · db of G
CLOSED: list[tuple[str, dict[str, float], np.ndarray, np.ndarray, float, list, list, float, list]] = [
    (
        "minimax",
        {},
        A,
        B,
        (math.log(4 / 3) + math.log(4)) / 2 + (LOG2 + 2 * math.log(4) + math.log(4 / 3)) / 4,
        [-1 / 4, -3 / 4],
        [1 / 2, 3 / 4, 3 / 4, 1 / 4],
        -(LOG2 + 2 * math.log(4) + math.log(4 / 3)) / 4,
        [-1 / 2, -3 / 4, -3 / 4, -1 / 4],
    ),
    (
        "nonsaturating",
        {"real_label": 0.9},
        A,
        B,
        (math.log(4 / 3) + math.log(4)) / 2 + (LOG2 + 2 * math.log(4) + math.log(4 / 3)) / 4,  # 0.1 · mean a = 0
        [-0.15, -0.65],
        [1 / 2, 3 / 4, 3 / 4, 1 / 4],
        (LOG2 + 2 * math.log(4 / 3) + math.log(4)) / 4,
        [-1 / 2, -1 / 4, -1 / 4, -3 / 4],
    ),
    ("lsgan", {}, C, D, 0.3125 + 5.5 / 8, [-0.5, 1], [0.5, -2, 1, -0.5], 11.5 / 8, [-0.5, -3, 0, -1.5]),
    (
        "lsgan",
        {"fake": -1, "real": 1, "gen": 0},
        C,
        D,
        0.3125 + (2.25 + 1 + 4 + 0.25) / 8,
        [-0.5, 1],
        [1.5, -1, 2, 0.5],
        5.5 / 8,
        [0.5, -2, 1, -0.5],
    ),
    ("wgan", {}, C, D, -0.25 - 1.25, [-1, -1], [1, 1, 1, 1], 0.25, [-1, -1, -1, -1]),
    ("wgan-gp", {}, C, D, -0.25 - 1.25, [-1, -1], [1, 1, 1, 1], 0.25, [-1, -1, -1, -1]),
    ("hinge", {}, C, D, 0.25 + (1.5 + 0 + 2 + 0.5) / 4, [-1, 0], [1, 0, 1, 1], 0.25, [-1, -1, -1, -1]),
    (
        "dragan",
        {},
        A,
        B,
        (math.log(4 / 3) + math.log(4)) / 2 + (LOG2 + 2 * math.log(4) + math.log(4 / 3)) / 4,
        [-1 / 4, -3 / 4],
        [1 / 2, 3 / 4, 3 / 4, 1 / 4],
        (LOG2 + 2 * math.log(4 / 3) + math.log(4)) / 4,
        [-1 / 2, -1 / 4, -1 / 4, -3 / 4],
    ),
]


@pytest.fixture(params=objective_cases(), ids=lambda objective: f"{objective.name} {vars(objective)}")
def objective(request: pytest.FixtureRequest) -> Objective:
    return request.param


def everything(objective: Objective, a: Any, b: Any) -> dict[str, Any]:
    """Both losses and all gradients, by name."""
    loss, da, db = objective.d_loss(a, b)
    g_loss, g_db = objective.g_loss(b)
    return {"D": loss, "da": da, "db": db, "G": g_loss, "G db": g_db}


@pytest.mark.parametrize("case", CLOSED, ids=lambda case: f"{case[0]} {case[1]}")
def test_losses_and_gradients_at_hand_picked_points(case: tuple[Any, ...]) -> None:
    name, options, a, b, d_loss, da, db, g_loss, g_db = case
    found = everything(objectives.get(name, **options), a, b)
    expected = {"D": d_loss, "da": column(*da) / 2, "db": column(*db) / 4, "G": g_loss, "G db": column(*g_db) / 4}
    for key, number in expected.items():
        np.testing.assert_allclose(found[key], number, rtol=1e-14, atol=1e-15, err_msg=key)


def test_every_objective_has_its_closed_form_here() -> None:
    assert {case[0] for case in CLOSED} == set(objectives.names())


@pytest.mark.parametrize(
    ("name", "output", "d_loss", "g_loss"),
    [
        ("minimax", 0, 2 * LOG2, -LOG2),
        ("nonsaturating", 0, 2 * LOG2, LOG2),
        ("dragan", 0, 2 * LOG2, LOG2),
        ("lsgan", 0.5, 0.25, 0.125),
        ("wgan", 0, 0, 0),
        ("wgan-gp", 0, 0, 0),
        ("hinge", 0, 2, 0),
    ],
)
def test_a_critic_that_knows_nothing_has_the_loss_that_the_page_names(
    name: str, output: float, d_loss: float, g_loss: float
) -> None:
    found = everything(objectives.get(name), np.full((5, 1), output), np.full((3, 1), output))
    np.testing.assert_allclose([found["D"], found["G"]], [d_loss, g_loss], rtol=1e-15)


def test_the_generators_of_both_classical_games_differ_by_the_known_amount() -> None:
    b = np.linspace(-4, 4, 9)[:, None]
    minimax, nonsaturating = (objectives.get(name).g_loss(b)[1] for name in ("minimax", "nonsaturating"))
    np.testing.assert_allclose(minimax - nonsaturating, (1 - 2 / (1 + np.exp(-b))) / 9, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose([minimax[4], nonsaturating[4]], [[-1 / 18], [-1 / 18]], rtol=1e-15)


def test_inside_its_margins_hinge_has_the_gradients_of_wgan() -> None:
    a, b = np.array([[-3], [0.9]]), np.array([[-0.9], [3], [0.0]])
    hinge, wgan = (everything(objectives.get(name), a, b) for name in ("hinge", "wgan"))
    for key in ("da", "db", "G db"):
        np.testing.assert_array_equal(hinge[key], wgan[key])


def test_the_hinge_is_flat_at_and_beyond_its_margins() -> None:
    _, da, db = objectives.get("hinge").d_loss(np.array([[1.0], [5]]), np.array([[-1.0], [-5]]))
    np.testing.assert_array_equal(da, [[0], [0]])
    np.testing.assert_array_equal(db, [[0], [0]])


@pytest.mark.parametrize("t", [0.7, 0.9, 1.0])
def test_the_optimum_under_label_smoothing_is_t_p_over_p_plus_q(t: float) -> None:
    # m real and n fake samples where data and generator have densities p = m / (m + n) and q: D's gradient is zero
    # there if sigmoid(output) is t p / (p + q).
    m, n = 6, 3
    best = t * 6 / 9
    output = math.log(best / (1 - best))
    for name in ("minimax", "nonsaturating", "dragan"):
        _, da, db = objectives.get(name, real_label=t).d_loss(np.full((m, 1), output), np.full((n, 1), output))
        assert m * da.sum() + n * db.sum() == pytest.approx(0, abs=1e-14)


def test_the_optimum_of_lsgan_weighs_its_targets() -> None:
    objective = objectives.get("lsgan", fake=-1.0, real=2.0)
    best = np.full((6, 1), (2.0 * 6 - 1.0 * 3) / 9)
    _, da, db = objective.d_loss(best, best[:3])
    assert 6 * da.sum() + 3 * db.sum() == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("size", [1000.0, -1000.0])
def test_extreme_scores_of_float32_bring_neither_warnings_nor_infinities(objective: Objective, size: float) -> None:
    a, b = np.full((2, 1), size, np.float32), np.full((3, 1), -size, np.float32)
    for real, fake in ((a, b), (b, a), (a, a)):
        for key, value in everything(objective, real, fake).items():
            assert np.isfinite(value).all(), key
            assert value.dtype == np.float32, key


def test_extreme_logits_reach_their_limits() -> None:
    high, low = np.full((2, 1), 1000, np.float32), np.full((2, 1), -1000, np.float32)
    right = everything(objectives.get("nonsaturating"), high, low)
    assert (float(right["D"]), float(right["G"])) == (0, 1000)
    np.testing.assert_array_equal(right["da"], [[0], [0]])
    np.testing.assert_array_equal(right["db"], [[0], [0]])
    np.testing.assert_array_equal(right["G db"], [[-0.5], [-0.5]])
    wrong = everything(objectives.get("minimax"), low, high)
    assert (float(wrong["D"]), float(wrong["G"])) == (2000, -1000)
    np.testing.assert_array_equal(wrong["da"], [[-0.5], [-0.5]])
    np.testing.assert_array_equal(wrong["db"], [[0.5], [0.5]])
    assert float(objectives.get("nonsaturating").d_loss(np.full((1, 1), 20, np.float32), low)[0]) == pytest.approx(
        math.exp(-20), rel=1e-6
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "n"), [(5, 5), (1, 7), (6, 2)])
def test_gradients_have_the_shapes_and_types_of_their_scores(objective: Objective, m: int, n: int, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(size, 1)).astype(dtype) for size in (m, n))
    kept = a.copy(), b.copy()
    found = everything(objective, a, b)
    shapes = {"D": (), "da": (m, 1), "db": (n, 1), "G": (), "G db": (n, 1)}
    assert {key: value.shape for key, value in found.items()} == shapes
    assert {value.dtype for value in found.values()} == {np.dtype(dtype)}
    np.testing.assert_array_equal([*a, *b], [*kept[0], *kept[1]])


def test_a_gpu_would_compute_the_same_without_waiting(objective: Objective) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 1)).astype(np.float32), rng.normal(size=(4, 1)).astype(np.float32)
    with strict.no_sync():
        away = everything(objective, strict.to_device(a), strict.to_device(b))
    for key, value in everything(objective, a, b).items():
        home = strict.to_host(away[key])
        assert home.dtype == np.float32, key
        np.testing.assert_allclose(home, value, rtol=1e-6, err_msg=key)


def test_a_loss_is_a_mean_so_that_a_batch_twice_counts_once(objective: Objective) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 1)), rng.normal(size=(4, 1))
    once, twice = everything(objective, a, b), everything(objective, np.tile(a, (2, 1)), np.tile(b, (2, 1)))
    np.testing.assert_allclose([twice["D"], twice["G"]], [once["D"], once["G"]], rtol=1e-14)
    np.testing.assert_allclose(twice["da"], np.tile(once["da"], (2, 1)) / 2, rtol=1e-14)


def test_no_two_names_mean_the_same_game() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 1)), rng.normal(size=(4, 1))
    games = {}
    for name in objectives.names():
        page = objectives.find(name)
        found = everything(objectives.get(name), a, b)
        games[name] = (float(found["D"]), float(found["G"]), page.penalty, page.after_d_update)
    assert len(set(games.values())) == len(objectives.names())
