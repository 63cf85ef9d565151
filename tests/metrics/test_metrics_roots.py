"""The other routes to the root, of `examples/roots`: as good as the package's own where they can be, and where not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from covariances import S1, covariance, non_commuting, rng, rotation, stretched
from support import strict

from minigan.metrics.sqrtm import sqrtm_product

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import benchmark_sqrtm
from roots.features import trace_from_factors
from roots.iterations import coupled
from roots.routes import EXACT, ROUTES, root_by

routes = pytest.mark.parametrize("method", ROUTES)
exact = pytest.mark.parametrize("method", EXACT)


@routes
@pytest.mark.parametrize("seed", range(6))
def test_every_route_finds_the_known_trace_of_covariances_that_do_not_commute(method: str, seed: int) -> None:
    draw = rng(100 + seed)
    d, condition = int(draw.integers(1, 40)), draw.uniform(1, 100)
    A, B, trace = non_commuting(stretched(d, condition, seed), *draw.uniform(0.3, 3, (2, d)))
    assert root_by(method, A, B).trace == pytest.approx(trace, rel=1e-12 if method in EXACT else 1e-10)


@routes
def test_every_route_has_the_packages_root_where_it_is_easy(method: str) -> None:
    A, B = covariance(32, 96), covariance(32, 96, seed=1)
    found, expected = root_by(method, A, B, root=True), sqrtm_product(A, B, root=True)
    np.testing.assert_allclose(found.root, expected.root, rtol=0, atol=1e-10)
    assert found.residual is not None and found.residual < 1e-12
    assert root_by(method, A, B).root is None


@routes
@pytest.mark.parametrize("scale", [1e-200, 9.0, 1e200])
def test_every_route_scales_the_root_with_the_input(method: str, scale: float) -> None:
    found = root_by(method, scale * S1, S1, root=True)
    assert found.trace == pytest.approx(3 * np.sqrt(scale), rel=1e-13)  # the root of S1 S1 is S1
    assert found.residual is not None and found.residual < 1e-13


@routes
@pytest.mark.parametrize("null", [1, 2])
def test_by_every_route_a_covariance_of_zeros_has_the_trace_zero(method: str, null: int) -> None:
    pair = (np.zeros((5, 5)), covariance(5, 20))[:: 1 if null == 1 else -1]
    found = root_by(method, *pair, root=True)
    assert (found.trace, found.residual) == (0, 0)
    assert (found.rank1, found.rank2) == ((0, 5) if null == 1 else (5, 0))
    np.testing.assert_array_equal(found.root, np.zeros((5, 5)))


@exact
def test_singular_covariances_cost_an_exact_route_no_digits(method: str) -> None:
    L1, L2 = rng().normal(size=(2, 64, 32)) / 8
    found = root_by(method, L1 @ L1.T, L2 @ L2.T)
    assert found.trace == pytest.approx(np.linalg.svd(L1.T @ L2, compute_uv=False).sum(), rel=1e-13)
    assert (found.rank1, found.rank2) == (32, 32)


@pytest.mark.parametrize("method", ["spectral", "newton-schulz"])
def test_constant_features_change_nothing(method: str) -> None:
    A, B = np.zeros((2, 30, 30))
    A[:20, :20], B[:20, :20] = covariance(20, 80), covariance(20, 80, seed=1)
    found = root_by(method, A, B)
    assert found.trace == pytest.approx(sqrtm_product(A[:20, :20], B[:20, :20]).trace, rel=1e-13)
    assert (found.rank1, found.rank2) == (20, 20)


@pytest.mark.parametrize(
    ("digits", "shuffled", "spectral_error", "coupled_error"),
    [
        (8, False, 1e-13, 5e-5),
        (8, True, 4e-12, 5e-6),
        (12, False, 1e-13, 5e-5),
        (12, True, 2e-10, 2e-5),
        (16, False, 1e-11, 5e-5),
        (16, True, 5e-6, 2e-5),
    ],
)
def test_extreme_spectra_cost_what_the_pages_say(
    digits: int, shuffled: bool, spectral_error: float, coupled_error: float
) -> None:
    w = np.logspace(0, -digits / 2, 48)
    A, B, trace = non_commuting(rotation(48), w, rng(1).permutation(w) if shuffled else w)
    assert abs(root_by("spectral", A, B).trace - trace) < spectral_error
    assert abs(root_by("newton-schulz", A, B).trace - trace) < coupled_error


@pytest.mark.parametrize(
    ("method", "rank"), [*((name, 60) for name in ROUTES if name != "polar-halley"), ("spectral", 8)]
)
def test_a_gpu_array_gives_the_same_numbers(method: str, rank: int) -> None:
    A, B = covariance(20, rank), covariance(20, 60, seed=1)
    here = root_by(method, A, B, root=True)
    there = root_by(method, strict.to_device(A), strict.to_device(B), root=True)
    assert there.trace == pytest.approx(here.trace, rel=1e-12)
    assert (there.rank1, there.rank2) == (here.rank1, here.rank2)


@routes
def test_what_is_not_positive_semi_definite_is_refused_by_every_route(method: str) -> None:
    with pytest.raises(ValueError, match="S2 is not positive semi-definite"):
        root_by(method, S1, np.array([[1.0, 2.0], [2.0, 1.0]]))


# Features in place of covariances


@pytest.mark.parametrize(("n1", "n2"), [(2, 2), (9, 14), (9, 200), (200, 300), (1000, 2)])
def test_features_give_the_trace_of_their_covariances(n1: int, n2: int) -> None:
    x, y = rng().normal(size=(n1, 20)) + 5, rng(1).normal(size=(n2, 20)) @ rng(2).normal(size=(20, 20))
    L1, L2 = ((s - s.mean(axis=0)).T / np.sqrt(len(s) - 1) for s in (x, y))
    found = trace_from_factors(L1, L2)
    expected = sqrtm_product(np.cov(x, rowvar=False), np.cov(y, rowvar=False))
    assert found.trace == pytest.approx(expected.trace, rel=1e-12)
    assert (found.rank1, found.rank2) == (min(n1, 20), min(n2, 20))
    assert found.status in ("converged", "trace")


def test_factors_of_different_features_are_refused() -> None:
    with pytest.raises(ValueError, match="L1 and L2 must be of the same features, got d = 2 and d = 3"):
        trace_from_factors(np.ones((2, 7)), np.ones((3, 7)))


# The iterations on the root itself, and where they fail


def test_coupled_newton_schulz_gives_the_root_and_its_inverse() -> None:
    A = covariance(20, 100)
    Y, Z, steps, status = coupled(A)
    np.testing.assert_allclose(Y @ Y, A, atol=1e-14 * np.trace(A))
    np.testing.assert_allclose(Y @ Z, np.eye(20), atol=1e-12)
    np.testing.assert_array_equal(Y, Y.T)
    np.testing.assert_array_equal(Z, Z.T)
    assert status == "converged"
    assert steps < 20


def test_coupled_newton_schulz_is_not_stopped_by_a_pause_of_the_trace() -> None:
    w = np.repeat([1.0, 1e-9], [4, 40])  # the trace of the first four stands still long before the others arrive
    Y, _, steps, _ = coupled(np.diag(w))
    assert np.trace(Y) == pytest.approx(np.sqrt(w).sum(), rel=1e-9)
    assert steps > 20


def test_coupled_newton_schulz_calls_orthogonal_ranges_zero() -> None:
    Q = rotation(40)
    found = root_by("newton-schulz", Q[:, :20] @ Q[:, :20].T, Q[:, 20:] @ Q[:, 20:].T)
    assert (found.trace, found.status) == (0, "zero")


def test_coupled_newton_schulz_ends_at_its_horizon_on_singular_input() -> None:
    L1, L2 = rng().normal(size=(2, 64, 32)) / 8
    exact = np.linalg.svd(L1.T @ L2, compute_uv=False).sum()
    found = root_by("newton-schulz", L1 @ L1.T, L2 @ L2.T)
    assert found.status == "horizon"
    assert found.iterations == 2 * 39  # floor(ln(1 / (64 eps)) / ln 2.25)
    assert 1e-13 < abs(found.trace - exact) < 1e-7


def test_coupled_newton_schulz_reports_that_its_first_run_did_not_converge() -> None:
    w = np.repeat([1, 1e-5], 24)  # the product is a multiple of the unit matrix: the second run is easy
    A, B, _ = non_commuting(rotation(48), w, w[::-1])
    found = root_by("newton-schulz", A, B)
    assert found.status == "horizon"
    assert found.iterations < 60


def test_denman_beavers_needs_few_steps_on_easy_input() -> None:
    found = root_by("denman-beavers", covariance(32, 320), covariance(32, 320, seed=1))
    assert found.status == "converged"
    assert found.iterations <= 11
    assert found.residual is not None
    assert found.residual < 1e-13
    w = np.logspace(0, -3, 48)
    A, B, _ = non_commuting(rotation(48), w, rng(1).permutation(w))
    assert root_by("denman-beavers", A, B).iterations <= 11  # thanks to the scaling by the determinant


def test_denman_beavers_refuses_constant_features() -> None:
    A = np.diag([1.0, 2.0, 0.0])
    with pytest.raises(np.linalg.LinAlgError, match="needs a regular S1 S2, and this one is singular: take"):
        root_by("denman-beavers", A, A)


def test_denman_beavers_shows_its_failure_on_singular_input() -> None:
    A, B = covariance(48, 24), covariance(48, 24, seed=1)
    found = root_by("denman-beavers", A, B)
    assert found.status == "max_iter"
    assert found.residual is not None
    assert found.residual > 1e-8
    assert abs(found.trace - sqrtm_product(A, B).trace) > 1e-8


def test_the_benchmark_prints_each_route_with_its_distance_from_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark_sqrtm.main(["--dim", "16", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "16 features, 80 samples, 1 thread(s), 1 round(s)"
    names = [line[:26].strip() for line in lines[3:]]
    assert names == ["minigan, default", *benchmark_sqrtm.OTHERS, "scipy.linalg.sqrtm"]
    assert all(float(line.split()[-1]) < 1e-12 for line in lines[3:])
