"""Losses and gradients of every objective: invariants, extreme outputs, types and shapes; closed forms of the classics.

Closed forms of the other objectives are in the files of their families.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import objectives
from minigan.checks import objective_cases, outputs
from minigan.objectives import Objective

OBJECTIVES = objective_cases()
COMPARING = [case for case in OBJECTIVES if case[1].compares]

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


each_objective = pytest.mark.parametrize(
    "objective", [case[1] for case in OBJECTIVES], ids=[case[0] for case in OBJECTIVES]
)


def everything(objective: Objective, a: Any, b: Any) -> dict[str, Any]:
    """All losses and gradients that there are, by name."""
    found = {}
    if objective.trains_d:
        found["D"], found["da"], found["db"] = objective.d_loss(a, b)
    found["G"], found["G db"] = objective.joint_g_loss(a, b)
    return found


def drawn(objective: Objective, dtype: Any = np.float64, m: int = 5, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Random outputs of D on real and fake samples."""
    a, b = outputs(objective, np.random.default_rng(0), m, n)
    return a.astype(dtype), b.astype(dtype)


@pytest.mark.parametrize("case", CLOSED, ids=lambda case: f"{case[0]} {case[1]}")
def test_losses_and_gradients_at_hand_picked_points(case: tuple[Any, ...]) -> None:
    name, options, a, b, d_loss, da, db, g_loss, g_db = case
    found = everything(objectives.get(name, **options), a, b)
    expected = {"D": d_loss, "da": column(*da) / 2, "db": column(*db) / 4, "G": g_loss, "G db": column(*g_db) / 4}
    for key, number in expected.items():
        np.testing.assert_allclose(found[key], number, rtol=1e-14, atol=1e-15, err_msg=key)


def test_every_objective_has_its_closed_form_here_or_in_the_file_of_its_family() -> None:
    families = "".join(path.read_text() for path in Path(__file__).parent.glob("test_objectives_*.py"))
    here = {case[0] for case in CLOSED}
    elsewhere = {name for name in objectives.names() if f"{objectives.find(name).__name__}(" in families}
    elsewhere |= {name for name in objectives.names() if f"({objectives.find(name).__name__}," in families}
    assert here | elsewhere == set(objectives.names())


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
        ("ragan", 0.3, 2 * LOG2, 2 * LOG2),
        ("rpgan", 0.3, LOG2, LOG2),
        ("r1", 0, 2 * LOG2, LOG2),
        ("rwgan", 0, 0, 0),
        ("mcgan-mean", 0, 0, 0),
        ("mcgan-cov", 0, 0, 0),
        ("fisher", 0, 5e-7, 0),
    ],
)
def test_a_critic_that_has_learned_nothing_has_the_loss_that_the_page_names(
    name: str, output: float, d_loss: float, g_loss: float
) -> None:
    found = everything(objectives.get(name), np.full((5, 1), output), np.full((5 if name == "rpgan" else 3, 1), output))
    np.testing.assert_allclose([found["D"], found["G"]], [d_loss, g_loss], rtol=1e-15)


def test_the_generators_of_both_classical_objectives_differ_by_the_known_amount() -> None:
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
    for name in ("minimax", "nonsaturating", "dragan", "r1"):
        _, da, db = objectives.get(name, real_label=t).d_loss(np.full((m, 1), output), np.full((n, 1), output))
        assert m * da.sum() + n * db.sum() == pytest.approx(0, abs=1e-14)


def test_the_optimum_of_lsgan_weighs_its_targets() -> None:
    objective = objectives.get("lsgan", fake=-1.0, real=2.0)
    best = np.full((6, 1), (2.0 * 6 - 1.0 * 3) / 9)
    _, da, db = objective.d_loss(best, best[:3])
    assert 6 * da.sum() + 3 * db.sum() == pytest.approx(0, abs=1e-14)


@each_objective
@pytest.mark.parametrize("signs", [(1, -1), (-1, 1), (1, 1), (-1, -1)], ids=str)
def test_extreme_outputs_of_float32_bring_neither_warnings_nor_infinities(
    objective: Objective, signs: tuple[int, int]
) -> None:
    a, b = (np.full_like(x, sign * 1000) for x, sign in zip(drawn(objective, np.float32, 2, 3), signs, strict=True))
    if objective.output == "autoencoder":
        a[:, 0], b[:, 0] = 1000, 1000  # an energy has no sign
    for key, value in everything(objective, a, b).items():
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


@each_objective
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "n"), [(5, 5), (1, 7), (6, 2)])
def test_gradients_have_the_shapes_and_types_of_their_outputs(objective: Objective, m: int, n: int, dtype: Any) -> None:
    an_unbiased_statistic_needs_pairs = objective.name == "mmd-gan-gp"
    a, b = drawn(objective, dtype, max(m, 2) if an_unbiased_statistic_needs_pairs else m, n)
    found = everything(objective, a, b)
    shapes = {"D": (), "da": a.shape, "db": b.shape, "G": (), "G db": b.shape}
    assert {key: value.shape for key, value in found.items()} == {key: shapes[key] for key in found}
    assert {value.dtype for value in found.values()} == {np.dtype(dtype)}
    assert ("D" in found) == objective.trains_d


@each_objective
def test_losses_write_neither_into_their_arguments_nor_into_the_objectives_own_numbers(objective: Objective) -> None:
    a, b = drawn(objective)
    kept = {name: number.copy() for name, number in objective.named_buffers()}
    for array in (a, b, *dict(objective.named_buffers()).values()):
        array.setflags(write=False)
    try:
        first, second = everything(objective, a, b), everything(objective, a, b)
    finally:
        for _, number in objective.named_buffers():
            number.setflags(write=True)
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key], err_msg=key)
    assert dict(objective.named_buffers()) == kept
    assert kept.keys() == set(objective.buffers)


@each_objective
def test_a_gpu_would_compute_the_same_without_waiting(objective: Objective) -> None:
    a, b = drawn(objective, np.float32)
    there = copy.deepcopy(objective)
    there.convert(strict.to_device)
    with strict.no_sync():
        away = everything(there, strict.to_device(a), strict.to_device(b))
        shown = there.shown(strict.to_device(a))
    for key, value in everything(objective, a, b).items():
        home = strict.to_host(away[key])
        assert home.dtype == np.float32, key
        np.testing.assert_allclose(home, value, rtol=1e-6, err_msg=key)
    np.testing.assert_allclose(strict.to_host(shown), objective.shown(a), rtol=1e-6)


@each_objective
def test_a_log_is_shown_one_finite_number_for_every_sample(objective: Objective) -> None:
    a, _ = drawn(objective, np.float32)
    shown = objective.shown(a)
    assert (shown.shape, shown.dtype) == ((5, 1), np.float32)
    if objective.logit:
        expected = 1 / (1 + np.exp(-a))
    elif objective.output == "autoencoder" or a.shape[1] == 1:
        expected = a[:, :1]
    else:
        expected = np.linalg.norm(a, axis=1, keepdims=True)
    np.testing.assert_allclose(shown, expected, rtol=1e-6)


def twice(objective: Objective, b: np.ndarray) -> np.ndarray:
    """The fakes of a batch that comes twice: where every real sample has two, the first ones stay in front."""
    return np.concatenate([np.tile(half, (2, 1)) for half in np.split(b, objective.fakes)])


def counts_pairs(objective: Objective) -> set[str]:
    """Losses that are not a mean over samples, and why."""
    an_unbiased_statistic_leaves_pairs_of_a_sample_with_itself_out = {"D", "da", "db", "G", "G db"}
    the_pulling_away_term_is_a_mean_over_pairs_of_different_samples = {"G", "G db"}
    return {
        "mmd-gan-gp": an_unbiased_statistic_leaves_pairs_of_a_sample_with_itself_out,
        "ebgan": the_pulling_away_term_is_a_mean_over_pairs_of_different_samples,
    }.get(objective.name, set())


@each_objective
def test_a_loss_is_a_mean_so_that_a_batch_twice_counts_once(objective: Objective) -> None:
    a, b = drawn(objective)
    once = everything(objective, a, b)
    again = everything(objective, np.tile(a, (2, 1)), twice(objective, b))
    expected = {
        "D": lambda value: value,
        "G": lambda value: value,
        "da": lambda da: np.tile(da, (2, 1)) / 2,
        "db": lambda db: twice(objective, db) / 2,
        "G db": lambda db: twice(objective, db) / 2,
    }
    for key in once.keys() - counts_pairs(objective):
        np.testing.assert_allclose(again[key], expected[key](once[key]), rtol=1e-9, atol=1e-13, err_msg=key)


@each_objective
def test_the_order_of_a_batch_does_not_matter(objective: Objective) -> None:
    a, b = drawn(objective)
    turned = everything(objective, a[::-1].copy(), np.concatenate([h[::-1] for h in np.split(b, objective.fakes)]))
    for key, value in everything(objective, a, b).items():
        if key in ("D", "G"):
            np.testing.assert_allclose(turned[key], value, rtol=1e-12, err_msg=key)


@pytest.mark.parametrize("objective", [objective for _, objective in COMPARING], ids=[title for title, _ in COMPARING])
def test_a_loss_that_compares_with_real_samples_names_the_method_that_takes_them(objective: Objective) -> None:
    _, b = drawn(objective)
    with pytest.raises(TypeError, match=rf"{objective.name} compares .*: its loss for G is joint_g_loss\(a, b\)"):
        objective.g_loss(b)


PLAIN = [(title, objective) for title, objective in OBJECTIVES if not objective.compares]


@pytest.mark.parametrize("objective", [objective for _, objective in PLAIN], ids=[title for title, _ in PLAIN])
def test_a_loss_that_does_not_compare_is_the_same_asked_either_way(objective: Objective) -> None:
    a, b = drawn(objective)
    for joint, alone in zip(objective.joint_g_loss(a, b), objective.g_loss(b), strict=True):
        np.testing.assert_array_equal(joint, alone)


@each_objective
def test_a_generators_loss_depends_on_real_samples_only_where_the_objective_compares(objective: Objective) -> None:
    a, b = drawn(objective)
    if objective.compares:
        losses = [float(objective.joint_g_loss(real, b)[0]) for real in (a, 1.1 * a + 0.1)]
        assert abs(losses[0] - losses[1]) > 1e-4
    else:
        for alone, joint in zip(objective.g_loss(b), objective.joint_g_loss(a, b), strict=True):
            np.testing.assert_array_equal(alone, joint)


def test_an_objective_without_a_d_has_no_loss_for_it() -> None:
    for objective in (objective for _, objective in OBJECTIVES if not objective.trains_d):
        with pytest.raises(TypeError, match="gmmn has no D to train"):
            objective.d_loss(*drawn(objective))
        assert {objective.critic_steps(step, 5) for step in range(30)} == {0}
    assert {title for title, objective in OBJECTIVES if not objective.trains_d} == {
        "gmmn",
        "gmmn, root False",
        "gmmn, space codes",
    }


def test_no_two_names_mean_the_same_objective_but_the_original_one_and_its_divergence() -> None:
    kinds: dict[Any, set[str]] = {}
    for name, objective in OBJECTIVES[: len(objectives.names())]:
        found, page = everything(objective, *drawn(objective)), type(objective)
        numbers = tuple(float(found[key]) for key in sorted(found.keys() & {"D", "G"}))
        key = (objective.output, numbers, page.penalty, page.after_d_update)
        kinds.setdefault(key, set()).add(name)
    assert [names for names in kinds.values() if len(names) > 1] == [{"minimax", "fgan-gan"}]
