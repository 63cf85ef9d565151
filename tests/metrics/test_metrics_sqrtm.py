"""The root of a product of covariances, in the three ways that the package computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from covariances import S1, S2, covariance, distance, non_commuting, rng, rotation, stretched
from support import strict

from minigan.metrics.score import NonFiniteSamples
from minigan.metrics.sqrtm import Root, sqrtm_product
from minigan.metrics.sqrtm import halley as halley_page
from minigan.metrics.sqrtm import product as product_page
from minigan.metrics.sqrtm import schulz as schulz_page
from minigan.metrics.sqrtm.factors import BLOCK, eigen_factor, factor, pivoted_cholesky
from minigan.metrics.sqrtm.polar import ITERATIONS, polar

Way = Callable[..., Root]


def on_cpu(S1: np.ndarray, S2: np.ndarray, root: bool = False) -> Root:
    """By Halley's iteration."""
    return sqrtm_product(S1, S2, root=root, check=False)


def on_gpu(S1: np.ndarray, S2: np.ndarray, root: bool = False) -> Root:
    """By Newton's and Schulz's."""
    found = sqrtm_product(strict.to_device(S1), strict.to_device(S2), root=root, check=False)
    return replace(found, root=strict.to_host(found.root)) if root else found


def of_many(S1: np.ndarray, S2: np.ndarray) -> Root:
    """By LAPACK's singular values, as of more than 512 features on a CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product_page, "CHECKED_UP_TO", 0)
        return sqrtm_product(S1, S2)


ways = pytest.mark.parametrize("way", [on_cpu, on_gpu, of_many])
roots = pytest.mark.parametrize("way", [on_cpu, on_gpu])


# Closed forms


@roots
def test_two_features_have_a_closed_form(way: Way) -> None:
    found = way(S1, S2)
    assert found.trace == pytest.approx(2.518264405196762026, rel=4e-15)
    assert 2 + distance(S1, S2, found.trace) == pytest.approx(2.463471189606475947, rel=1e-14)  # means (0, 0), (1, -1)
    product = S1 @ S2
    closed = (product + np.sqrt(np.linalg.det(product)) * np.eye(2)) / found.trace  # Cayley and Hamilton
    np.testing.assert_allclose(way(S1, S2, root=True).root, closed, rtol=1e-13)


@roots
def test_a_diagonal_against_the_unit_matrix_is_the_sum_of_standard_deviations(way: Way) -> None:
    S = np.diag([4.0, 1.0, 0.25])
    found = way(S, np.eye(3), root=True)
    assert found.trace == pytest.approx(3.5, rel=1e-14)
    assert distance(S, np.eye(3), found.trace) == pytest.approx(1.25, rel=1e-13)
    np.testing.assert_allclose(found.root, np.diag([2, 1, 0.5]), atol=1e-13)


@roots
def test_the_trace_of_a_rank_one_pair_is_the_inner_product(way: Way) -> None:
    u, v = np.array([1.0, 2.0, 2.0]), np.array([2.0, 0.0, 1.0])
    A, B = np.outer(u, u), np.outer(v, v)
    found = way(A, B, root=True)
    assert found.trace == pytest.approx(4, rel=1e-14)
    assert distance(A, B, found.trace) == pytest.approx(6, rel=1e-14)
    assert (found.rank1, found.rank2) == (1, 1)
    np.testing.assert_allclose(found.root, np.outer(u, v), atol=1e-14)


@roots
def test_commuting_covariances_add_up_the_products_of_their_deviations(way: Way) -> None:
    Q, a, b = rotation(24), rng(1).uniform(0.1, 2, 24), rng(2).uniform(0.1, 2, 24)
    A, B = (Q * a**2) @ Q.T, (Q * b**2) @ Q.T
    found = way(A, B, root=True)
    assert distance(A, B, found.trace) == pytest.approx(((a - b) ** 2).sum(), abs=1e-12)
    np.testing.assert_allclose(found.root, (Q * a * b) @ Q.T, atol=1e-12)


@pytest.mark.parametrize("d", [16, 64, 256])
def test_non_commuting_covariances_that_are_exact_by_construction(d: int) -> None:
    P, d1, d2 = stretched(d, 10), rng(2).uniform(0.5, 2, d), rng(3).uniform(0.5, 2, d)
    A, B, trace = non_commuting(P, d1, d2)
    found = sqrtm_product(A, B, root=True)
    assert found.trace == pytest.approx(trace, rel=1e-12)
    assert found.residual is not None
    assert found.residual < 1e-12
    assert found.status in ("converged", "trace")
    np.testing.assert_allclose(found.root, (P * (d1 * d2)) @ np.linalg.inv(P), atol=1e-11)


@pytest.mark.parametrize("seed", range(12))
@ways
def test_random_non_commuting_covariances(way: Way, seed: int) -> None:
    draw = rng(100 + seed)
    d, condition = int(draw.integers(1, 40)), draw.uniform(1, 100)
    d1, d2 = draw.uniform(0.3, 3, (2, d))
    A, B, trace = non_commuting(stretched(d, condition, seed), d1, d2)
    assert way(A, B).trace == pytest.approx(trace, rel=1e-12)


# Identities


@roots
def test_the_root_squared_is_the_product(way: Way) -> None:
    A, B = covariance(32, 96), covariance(32, 96, seed=1)
    found = way(A, B, root=True)
    assert found.root is not None
    assert np.linalg.norm(found.root @ found.root - A @ B) <= 1e-12 * np.linalg.norm(A @ B)
    assert found.residual == pytest.approx(
        np.linalg.norm(found.root @ found.root - A @ B) / np.linalg.norm(A @ B), abs=1e-14
    )
    assert np.trace(found.root) == pytest.approx(found.trace, rel=1e-13)
    eigenvalues = np.linalg.eigvals(found.root)
    assert abs(eigenvalues.imag).max() < 1e-10
    assert eigenvalues.real.min() > 0  # the principal root, not another


@pytest.mark.parametrize("rank", [1, 7, 20, 40])
def test_the_root_of_a_singular_product_squared_is_the_product(rank: int) -> None:
    A, B = covariance(40, rank), covariance(40, 25, seed=1)
    found = sqrtm_product(A, B, root=True)
    assert (found.rank1, found.rank2) == (rank, 25)
    np.testing.assert_allclose(found.root @ found.root, A @ B, atol=1e-12 * np.linalg.norm(A @ B))


def test_the_order_of_the_arguments_transposes_the_root() -> None:
    A, B = covariance(30, 12), covariance(30, 60, seed=1)
    one, other = sqrtm_product(A, B, root=True), sqrtm_product(B, A, root=True)
    assert one.trace == pytest.approx(other.trace, rel=1e-12)
    assert (one.rank1, one.rank2) == (other.rank2, other.rank1) == (12, 30)
    assert one.root is not None
    np.testing.assert_allclose(one.root.T, other.root, atol=1e-12)


@pytest.mark.parametrize("rank", [10, 60])
def test_a_common_rotation_changes_nothing(rank: int) -> None:
    A, B, Q = covariance(30, rank), covariance(30, 60, seed=1), rotation(30)
    turned = sqrtm_product(Q @ A @ Q.T, Q @ B @ Q.T).trace
    assert turned == pytest.approx(sqrtm_product(A, B).trace, rel=1e-12)


@roots
@pytest.mark.parametrize("scale", [1e-200, 1e-12, 9.0, 1e12, 1e200])
def test_a_scale_comes_through_as_its_root(scale: float, way: Way) -> None:
    plain, scaled = (way(c * S1, S1, root=True) for c in (1, scale))
    assert plain.trace == pytest.approx(3, rel=1e-14)  # the root of S1 S1 is S1
    assert scaled.trace == pytest.approx(3 * np.sqrt(scale), rel=1e-13)
    assert plain.residual is not None
    assert scaled.residual is not None
    assert max(plain.residual, scaled.residual) < 1e-13


@pytest.mark.parametrize("rank", [5, 20, 100])
def test_equal_covariances_have_no_distance(rank: int) -> None:
    A = covariance(40, rank)
    found = sqrtm_product(A, A, root=True)
    assert abs(distance(A, A, found.trace)) <= 1e-13 * np.trace(A)
    np.testing.assert_allclose(found.root, A, atol=1e-12)


# Singular input


@ways
def test_half_the_rank_costs_no_digits(way: Way) -> None:
    L1, L2 = rng().normal(size=(2, 64, 32)) / 8
    exact = np.linalg.svd(L1.T @ L2, compute_uv=False).sum()
    found = way(L1 @ L1.T, L2 @ L2.T)
    assert found.trace == pytest.approx(exact, rel=1e-13)
    assert (found.rank1, found.rank2) == (32, 32)


@ways
def test_a_collapsed_generator_costs_no_digits(way: Way) -> None:
    L1, L2 = rng().normal(size=(64, 200)) / 14, rng(1).normal(size=(64, 10)) / 3
    exact = np.linalg.svd(L1.T @ L2, compute_uv=False).sum()
    found = way(L1 @ L1.T, L2 @ L2.T)
    assert found.trace == pytest.approx(exact, rel=1e-13)
    assert (found.rank1, found.rank2) == (64, 10)


@roots
@pytest.mark.parametrize("null", [1, 2])
def test_a_generator_of_one_point_has_the_trace_zero(null: int, way: Way) -> None:
    pair = (np.zeros((5, 5)), covariance(5, 20))[:: 1 if null == 1 else -1]
    found = way(*pair, root=True)
    assert (found.trace, found.residual) == (0, 0)
    assert (found.rank1, found.rank2) == ((0, 5) if null == 1 else (5, 0))
    np.testing.assert_array_equal(found.root, np.zeros((5, 5)))
    assert way(*pair).trace == 0


@ways
def test_ranges_that_are_orthogonal_have_the_trace_zero(way: Way) -> None:
    Q = rotation(40)
    A, B = 9 * Q[:, :20] @ Q[:, :20].T, 4 * Q[:, 20:] @ Q[:, 20:].T
    assert abs(way(A, B).trace) <= 1e-13 * np.trace(A + B)


@ways
def test_constant_features_count_nothing(way: Way) -> None:
    A, B = np.zeros((2, 30, 30))
    A[:20, :20], B[:20, :20] = covariance(20, 80), covariance(20, 80, seed=1)
    found = way(A, B)
    assert found.trace == pytest.approx(sqrtm_product(A[:20, :20], B[:20, :20]).trace, rel=1e-13)
    assert (found.rank1, found.rank2) == (20, 20)


def test_two_samples_are_enough() -> None:
    x, y = rng().normal(size=(2, 2, 12))
    A, B = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    found = sqrtm_product(A, B)
    assert (found.rank1, found.rank2) == (1, 1)
    assert found.trace == pytest.approx(abs((x[0] - x[1]) @ (y[0] - y[1])) / 2, rel=1e-13)


@roots
def test_one_feature_is_the_product_of_two_deviations(way: Way) -> None:
    found = way(np.array([[9.0]]), np.array([[4.0]]), root=True)
    assert found.trace == pytest.approx(6, rel=1e-15)
    np.testing.assert_allclose(found.root, [[6]], rtol=1e-15)


# Ill-conditioned spectra: eigenvalues of the covariances from 1 down to 10^-e, aligned or shuffled


@pytest.mark.parametrize(
    ("digits", "shuffled", "error"),
    [(8, False, 1e-13), (8, True, 4e-12), (12, False, 1e-13), (12, True, 2e-10), (16, False, 1e-11), (16, True, 5e-6)],
)
@ways
def test_extreme_spectra_cost_what_the_page_states(way: Way, digits: int, shuffled: bool, error: float) -> None:
    w = np.logspace(0, -digits / 2, 48)
    A, B, trace = non_commuting(rotation(48), w, rng(1).permutation(w) if shuffled else w)
    found = way(A, B)
    assert abs(found.trace - trace) < error
    assert found.iterations <= 50


@ways
def test_a_spectrum_of_two_levels_crossed(way: Way) -> None:
    w = np.repeat([1, 1e-5], 24)
    A, B, trace = non_commuting(rotation(48), w, w[::-1])
    assert way(A, B).trace == pytest.approx(trace, abs=1e-9)


def test_two_computations_that_disagree_report_it_and_give_both_numbers() -> None:
    w = np.repeat([1, 1e-7], 24)  # at the edge of the ranks, where float64 covariances do not carry the answer
    A, B, _ = non_commuting(rotation(48), w, w[::-1])
    found = sqrtm_product(A, B)
    assert found.status == "disagree"
    assert found.spectral is not None
    assert abs(found.trace - found.spectral) > 1e-8 * np.trace(A + B)
    assert sqrtm_product(A, B, check=False).status == "converged"


def test_the_check_is_made_where_it_is_cheap_or_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sqrtm_product(S1, S2).spectral == pytest.approx(2.518264405196762026, rel=4e-15)
    assert sqrtm_product(S1, S2, check=False).spectral is None
    monkeypatch.setattr(product_page, "CHECKED_UP_TO", 1)
    assert sqrtm_product(S1, S2).spectral is None
    assert sqrtm_product(S1, S2, check=True).spectral is not None


@pytest.mark.parametrize("d", [16, 48])
@ways
def test_forty_digits_agree(way: Way, d: int) -> None:
    mp = pytest.importorskip("mpmath", reason="the reference in forty digits needs mpmath: pip install mpmath").mp
    w = np.logspace(0, -3, d)
    A, B, _ = non_commuting(rotation(d), w, rng(1).permutation(w))
    A, B = (A + A.T) / 2, (B + B.T) / 2
    with mp.workdps(40):
        L = mp.cholesky(mp.matrix(A.tolist()))
        squares = mp.eigsy(L.T * mp.matrix(B.tolist()) * L, eigvals_only=True)
        reference = float(sum(mp.sqrt(square) for square in squares))
    assert way(A, B).trace == pytest.approx(reference, rel=1e-12)


# The polar factor


@pytest.mark.parametrize("iteration", ITERATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (20, 6), (6, 20), (1, 9)])
def test_the_polar_factor_is_orthogonal_and_leaves_a_covariance(shape: tuple[int, int], iteration: str) -> None:
    B = rng().normal(size=shape)
    U, trace, _, status = polar(B, iteration)
    small = U.T @ U if shape[0] >= shape[1] else U @ U.T
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-13)
    H = U.T @ B
    np.testing.assert_allclose(H, H.T, atol=1e-13)
    np.testing.assert_allclose(H @ H, B.T @ B, atol=1e-12)
    assert np.linalg.eigvalsh((H + H.T) / 2).min() > -1e-13
    assert trace == pytest.approx(np.linalg.svd(B, compute_uv=False).sum(), rel=1e-14)
    assert status in ("converged", "trace")


@pytest.mark.parametrize("iteration", ITERATIONS)
@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e200])
def test_the_polar_factor_does_not_depend_on_the_scale(scale: float, iteration: str) -> None:
    B = rng().normal(size=(9, 5))
    np.testing.assert_allclose(polar(scale * B, iteration).U, polar(B, iteration).U, atol=1e-14)
    assert polar(scale * B, iteration).trace == pytest.approx(scale * polar(B, iteration).trace, rel=1e-14)


@pytest.mark.parametrize("rest", [1e-3, 1e-6, 1e-9, 0])
@pytest.mark.parametrize("equal", [1, 3])
@pytest.mark.parametrize("iteration", ITERATIONS)
def test_singular_values_that_dominate_are_not_thrown_among_the_rounding(
    iteration: str, equal: int, rest: float
) -> None:
    s = np.repeat([1, rest], [equal, 64 - equal])
    found = polar((rotation(64) * s) @ rotation(64, 1), iteration)
    assert found.trace == pytest.approx(s.sum(), rel=4e-15)
    assert found.status in ("converged", "trace")


@pytest.mark.parametrize("iteration", ITERATIONS)
def test_directions_without_variance_end_by_the_trace(iteration: str) -> None:
    s = np.repeat([1.0, 0.0], [5, 20]) * np.arange(1, 26)
    U, trace, _, status = polar((rotation(25) * s) @ rotation(25, 1), iteration)
    assert status == "trace"
    assert trace == pytest.approx(15, rel=1e-14)
    assert np.linalg.norm(U, 2) < 1.5


@roots
def test_an_iteration_cut_short_reports_it(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halley_page, "STEPS", 3)
    monkeypatch.setattr(schulz_page, "STEPS", 3)
    found = way(S1, S2)
    assert (found.status, found.iterations) == ("max_iter", 3)
    assert sqrtm_product(S1, S2).status == "disagree"


@pytest.mark.parametrize(("way", "most"), [(on_cpu, 12), (on_gpu, 45)])
def test_the_schedule_is_the_same_whatever_the_condition(way: Way, most: int) -> None:
    pairs = [(covariance(30, 300), covariance(30, n, seed=1)) for n in (30, 31, 60, 3000)]
    steps = [way(a, b).iterations for a, b in pairs]
    assert max(steps) - min(steps) <= 2
    assert max(steps) <= most


# Factors


@pytest.mark.parametrize("rank", [0, 1, 30, BLOCK, BLOCK + 1, 2 * BLOCK + 5, 150])
def test_pivoted_cholesky_finds_the_rank_and_gives_the_covariance_back(rank: int) -> None:
    S = covariance(150, rank) if rank else np.zeros((150, 150))
    home = S.copy()
    L = pivoted_cholesky(S)
    assert L.shape == (150, rank)
    np.testing.assert_allclose(L @ L.T, S, atol=2e-14 * max(1, np.trace(S)))
    np.testing.assert_array_equal(S, home)


def test_pivoted_cholesky_takes_the_largest_variance_first() -> None:
    L = pivoted_cholesky(np.array([[1.0, 0.0, 1.0], [0.0, 9.0, 3.0], [1.0, 3.0, 4.0]]))
    np.testing.assert_allclose(L[:, 0], [0, 3, 1], rtol=1e-15)
    np.testing.assert_allclose(L[:, 1], [1 / np.sqrt(3), 0, np.sqrt(3)], rtol=1e-15)
    np.testing.assert_allclose(L[:, 2], [np.sqrt(2 / 3), 0, 0], rtol=1e-15)


def test_constant_features_are_rows_of_exact_zeros() -> None:
    S = np.zeros((40, 40))
    S[10:30, 10:30] = covariance(20, 12)
    L = factor(S, "S")
    assert L.shape[1] == 12
    assert not L[:10].any()
    assert not L[30:].any()


def test_a_regular_covariance_has_the_plain_cholesky_factor() -> None:
    L = factor(covariance(20, 80), "S")
    np.testing.assert_array_equal(L, np.tril(L))
    assert L.diagonal().min() > 0


def test_a_pivot_that_is_rounding_is_not_a_rank() -> None:
    S = np.array([[1, 1], [1, 1 + 2.0**-52]])
    assert np.linalg.cholesky(S)[1, 1] > 0  # plain Cholesky takes it for a variance
    assert factor(S, "S").shape == (2, 1)
    assert factor(np.diag([1, -1e-17]), "S").shape == (2, 1)


def test_pivoted_cholesky_is_triangular_in_the_order_of_its_pivots() -> None:
    assert np.count_nonzero(pivoted_cholesky(covariance(100, 300))) == 100 * 101 / 2


def test_the_eigenvectors_are_a_factor_too() -> None:
    L = eigen_factor(covariance(30, 12), "S")
    assert L.shape == (30, 12)
    np.testing.assert_allclose(L @ L.T, covariance(30, 12), atol=1e-13)


# What comes in, what goes out


@ways
def test_only_what_was_asked_for_comes_back(way: Way) -> None:
    assert way(S1, S2).root is None
    assert way(S1, S2).residual is None


def test_float32_and_integers_are_computed_in_float64() -> None:
    A, B = covariance(12, 6).astype(np.float32), covariance(12, 40, seed=1).astype(np.float32)
    found, wide = (sqrtm_product(a, b, root=True) for a, b in ((A, B), (A.astype(float), B.astype(float))))
    assert found.root is not None
    assert found.root.dtype == np.float64
    assert found.trace == wide.trace
    whole = sqrtm_product(np.array([[5, 4], [4, 5]]), np.eye(2, dtype=int), root=True)
    np.testing.assert_allclose(whole.root, [[2, 1], [1, 2]], rtol=1e-14)


def test_the_input_is_left_as_it_was() -> None:
    for rank in (10, 60):
        A, B = covariance(30, rank), covariance(30, rank, seed=1)
        homes = A.copy(), B.copy()
        A.flags.writeable = B.flags.writeable = False
        sqrtm_product(A, B, root=True)
        of_many(A, B)
        np.testing.assert_array_equal((A, B), homes)


def test_memory_in_any_order_is_welcome() -> None:
    big = covariance(40, 100)
    found = sqrtm_product(np.asfortranarray(big)[::2, ::2], big[::2, ::2])
    assert found.trace == pytest.approx(np.trace(big[::2, ::2]), rel=1e-13)


@pytest.mark.parametrize("rank", [8, 60])
def test_a_gpu_array_gives_the_same_numbers(rank: int) -> None:
    A, B = covariance(20, rank), covariance(20, 60, seed=1)
    here = sqrtm_product(A, B, root=True)
    there = sqrtm_product(strict.to_device(A), strict.to_device(B), root=True)
    assert isinstance(there.trace, float)
    assert there.trace == pytest.approx(here.trace, rel=1e-12)
    assert there.spectral == pytest.approx(here.spectral, rel=1e-12)
    assert (there.rank1, there.rank2) == (here.rank1, here.rank2)
    np.testing.assert_allclose(strict.to_host(there.root), here.root, atol=1e-12)


def test_the_default_is_the_polar_factor_and_of_many_features_the_svd(monkeypatch: pytest.MonkeyPatch) -> None:
    A, B = covariance(20, 60), covariance(20, 60, seed=1)
    assert sqrtm_product(A, B).status in ("converged", "trace")
    monkeypatch.setattr(product_page, "CHECKED_UP_TO", 19)
    assert sqrtm_product(A, B).status == "direct"
    assert sqrtm_product(A, B, root=True).status in ("converged", "trace")
    assert sqrtm_product(strict.to_device(A), strict.to_device(B)).status in ("converged", "trace")


def test_halleys_iteration_states_that_it_needs_the_cpu() -> None:
    A = strict.to_device(covariance(20, 60))
    with pytest.raises(TypeError, match='take iteration="schulz"'):
        polar(A, "halley")


def test_a_gpu_array_is_refused_where_it_is_not_a_covariance_or_alone() -> None:
    A = strict.to_device(covariance(20, 12))
    with pytest.raises(ValueError, match="S1 is not positive semi-definite: it has the eigenvalue -1"):
        sqrtm_product(strict.to_device(np.array([[1.0, 2.0], [2.0, 1.0]])), strict.to_device(np.eye(2)))
    with pytest.raises(TypeError, match="S1 and S2 must be on the same device"):
        sqrtm_product(A, covariance(20, 12))


I = np.eye(3)


@pytest.mark.parametrize(
    ("S", "error", "words"),
    [
        (np.ones((3, 2)), ValueError, r"must be a square matrix, the covariance of d features, got shape \(3, 2\)"),
        (np.ones((0, 0)), ValueError, r"must be a square matrix.*got shape \(0, 0\)"),
        (np.ones(3), ValueError, r"must be a matrix, got shape \(3,\)"),
        (np.float64(2), ValueError, r"must be a matrix, got shape \(\)"),
        (np.diag([1, np.nan, 1]), NonFiniteSamples, "holds a NaN or an infinity"),
        (np.diag([1, np.inf, 1]), NonFiniteSamples, "holds a NaN or an infinity"),
        (I + np.eye(3, k=1), ValueError, "must be symmetric.* differ by 1 "),
        (np.diag([1.0, -1.0, 1.0]), ValueError, "is not a covariance: its diagonal contains the variance -1"),
        (np.diag([1.0, -1e-12, 1.0]), ValueError, "is not a covariance: its diagonal contains the variance -1e-12"),
        (I + 2 * np.eye(3, k=2) + 2 * np.eye(3, k=-2), ValueError, "is not positive semi-definite"),
        (np.fliplr(I), ValueError, "is not positive semi-definite"),
        (np.fliplr(I) - np.diag([0, 1, 0]), ValueError, "is not positive semi-definite"),
        (I + 0j, TypeError, "must be an array of real numbers, got complex128"),
        (I > 0, TypeError, "must be an array of real numbers, got bool"),
        ([[1.0]], TypeError, "must be an array of real numbers, got <class 'list'>"),
    ],
)
@pytest.mark.parametrize("place", ["S1", "S2"])
def test_what_is_not_a_covariance_is_refused_by_name(S: Any, error: type[Exception], words: str, place: str) -> None:
    with pytest.raises(error, match=f"{place} .*{words}" if not words.startswith("is") else f"{place} {words}"):
        sqrtm_product(*((S, I) if place == "S1" else (I, S)))


def test_rounding_is_not_a_reason_to_refuse() -> None:
    A = covariance(50, 20).astype(np.float32).astype(float)  # eigenvalues of about -1e-8 in place of zeros
    assert np.linalg.eigvalsh(A).min() < -1e-9
    assert sqrtm_product(A, covariance(50, 100)).trace == pytest.approx(
        sqrtm_product(covariance(50, 20), covariance(50, 100)).trace, rel=1e-3
    )
    A = covariance(50, 100)
    A[3, 7] += 1e-12
    assert sqrtm_product(A, np.eye(50)).trace == sqrtm_product(A.T, np.eye(50)).trace
    assert sqrtm_product(A, A).trace == pytest.approx(np.trace(A), rel=1e-11)


def test_covariances_of_different_features_are_refused() -> None:
    with pytest.raises(ValueError, match="S1 and S2 must be of the same features, got d = 2 and d = 3"):
        sqrtm_product(S1, I)
