"""Precision, recall, density and coverage, against cases worked by hand and against plain distances."""

from __future__ import annotations

import numpy as np
import pytest

from minigan.metrics import neighbours
from minigan.metrics.neighbours import expected_coverage, nearest, prdc, squared_radii
from minigan.metrics.score import NonFiniteSamples, Protocol

LINE = np.array([[0.0], [1.0], [3.0]])  # nearest neighbours at 1, 1, 2; second nearest at 3, 2, 3


def values(reference: np.ndarray, generated: np.ndarray, k: int = 1, density_k: int = 1) -> tuple[float, ...]:
    found = prdc(reference, generated, k=k, density_k=density_k)
    return tuple(float(s) for s in (found.precision, found.recall, found.f_score, found.density, found.coverage))


def plain(x: np.ndarray, y: np.ndarray, k: int) -> tuple[float, ...]:
    """The four formulas, with every distance in memory at once."""
    own_x, own_y, cross = (
        np.linalg.norm(a[:, np.newaxis] - b, axis=2) for a, b in ((x, x), (y, y), (y, x))
    )  # cross: (M, N)
    r_x, r_y = (np.sort(own, axis=1)[:, k] for own in (own_x, own_y))
    precision = (cross <= r_x).any(axis=1).mean()
    recall = (cross <= r_y[:, np.newaxis]).any(axis=0).mean()
    density = (cross <= r_x).sum() / (k * len(y))
    coverage = (cross.min(axis=0) <= r_x).mean()
    return precision, recall, 2 * precision * recall / (precision + recall), density, coverage


def test_a_case_worked_by_hand_with_ties() -> None:
    assert values(LINE, np.array([[0.0], [2.0], [10.0]])) == pytest.approx((2 / 3, 1, 0.8, 4 / 3, 1), abs=1e-15)


def test_precision_and_density_have_a_k_each() -> None:
    found = values(LINE, np.array([[0.0], [2.0], [10.0]]), density_k=2)
    assert found == pytest.approx((2 / 3, 1, 0.8, 1, 1), abs=1e-15)


def test_a_reference_sample_with_nothing_generated_near_it_is_not_covered() -> None:
    assert values(LINE, np.array([[0.0], [0.1]]))[4] == pytest.approx(2 / 3)


def test_clouds_apart_score_nothing() -> None:
    assert values(LINE, np.array([[20.0], [21.0]])) == (0, 0, 0, 0, 0)


def test_radii_do_not_count_the_sample_itself() -> None:
    np.testing.assert_array_equal(squared_radii(LINE, (2, 1)), [[9, 4, 9], [1, 1, 4]])


@pytest.mark.parametrize("cells", [1, 100, neighbours.CELLS])
def test_blocks_of_any_size_agree_with_plain_distances(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "CELLS", cells)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(45, 3)), rng.normal(0.3, 0.8, size=(37, 3))
    assert values(x, y, k=3, density_k=3) == pytest.approx(plain(x, y, 3), rel=1e-14)
    index, squares = nearest(x, y)
    distances = np.linalg.norm(x[:, np.newaxis] - y, axis=2)
    np.testing.assert_array_equal(index, distances.argmin(axis=1))
    np.testing.assert_allclose(squares, distances.min(axis=1) ** 2, rtol=1e-10)


def test_swapping_the_sets_swaps_precision_and_recall() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 2)), rng.normal(0.5, 1.0, size=(40, 2))
    there, back = prdc(x, y), prdc(y, x)
    assert there.precision.value == back.recall.value != there.recall.value == back.precision.value


def test_a_common_offset_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 50, 4)).astype(np.float16).astype(np.float64)  # few digits, so that none gets lost
    assert values(x, y, 3, 5) == values(x + 2.0**27, y + 2.0**27, 3, 5)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_copies_of_the_reference_are_exactly_its_neighbours(scale: float) -> None:
    rng = np.random.default_rng(3)
    x = scale * rng.normal(size=(203, 67))
    found = prdc(x, rng.permutation(x), k=3, density_k=5)
    assert (found.precision.value, found.recall.value, found.coverage.value) == (1, 1, 1)
    assert found.density.value == pytest.approx(6 / 5, abs=1e-15)  # k neighbours and the sample itself, each time


def test_duplicates_have_a_neighbourhood_of_radius_zero_that_only_they_are_in() -> None:
    rng = np.random.default_rng(4)
    points = rng.normal(size=(2, 50))
    x = np.repeat(points, 4, axis=0)
    y = np.concatenate([points[1:], points[1:] + 1e-4, rng.normal(size=(2, 50))])
    assert (squared_radii(x, (3,)) == 0).all()
    found = prdc(x, y, k=3)
    assert found.precision.value == 1 / 4


@pytest.mark.parametrize(("n", "m", "k"), [(300, 300, 5), (300, 300, 3), (400, 200, 5)])
def test_a_perfect_generator_has_density_one_and_the_expected_coverage(n: int, m: int, k: int) -> None:
    rng = np.random.default_rng(5)
    draws = [prdc(rng.normal(size=(n, 4)), rng.normal(size=(m, 4)), density_k=k) for _ in range(40)]
    for found, truth in (
        ([s.density.value for s in draws], 1.0),
        ([s.coverage.value for s in draws], expected_coverage(n, m, k)),
    ):
        assert abs(np.mean(found) - truth) < 4 * np.std(found, ddof=1) / np.sqrt(len(found))


def test_the_expected_coverage_has_its_closed_form() -> None:
    expected = [expected_coverage(*sizes) for sizes in ((300, 300, 5), (300, 300, 3), (400, 200, 5), (10**7, 10**7, 5))]
    np.testing.assert_allclose(expected, [0.9695286, 0.8762510, 0.8699611, 1 - 2**-5], atol=1e-6)


@pytest.mark.slow
def test_the_published_example_of_density_and_coverage_is_reached() -> None:
    rng = np.random.default_rng(0)
    found = prdc(rng.standard_normal((10_000, 1000)), rng.standard_normal((10_000, 1000)), k=5)
    # Draws differ by these standard deviations, seen over 8 seeds; the published draw differs from its mean as well.
    for score, published, deviation in (
        (found.precision, 0.4772, 0.011),
        (found.recall, 0.4705, 0.012),
        (found.density, 1.0555, 0.06),
        (found.coverage, 0.9735, 0.006),
    ):
        assert score.value == pytest.approx(published, abs=4 * deviation)


def test_each_score_states_how_it_was_measured() -> None:
    base = Protocol("x", {"space": "pixels"}, extractor="pixels", reference="line", seed=7)
    found = prdc(LINE, LINE[:2], k=1, density_k=2, protocol=base)
    assert found.precision.protocol == Protocol(
        "precision", {"space": "pixels", "k": 1}, "pixels", reference="line", n_reference=3, n_generated=2
    )
    names = [s.protocol.metric for s in (found.recall, found.f_score, found.density, found.coverage)]
    assert names == ["recall", "f_score", "density", "coverage"]
    assert [found.recall.protocol.parameters["k"], found.density.protocol.parameters["k"]] == [1, 2]


def test_features_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="generated features: expected shape"):
        prdc(LINE, np.zeros((5, 2)))
    with pytest.raises(ValueError, match="reference features: expected shape"):
        prdc(np.zeros(5), LINE)
    with pytest.raises(NonFiniteSamples, match="generated features: 1 of 3 rows"):
        prdc(LINE, np.array([[0.0], [np.nan], [1.0]]))


@pytest.mark.parametrize(("k", "density_k"), [(0, 1), (2, 1), (1, 3), (1, 0)])
def test_a_k_without_so_many_neighbours_is_refused(k: int, density_k: int) -> None:
    with pytest.raises(ValueError, match="a sample has from 1 to n - 1 neighbours"):
        prdc(LINE, LINE[:2], k=k, density_k=density_k)
