"""The samples of a generator lie on a thin set, and a D is never wrong about two such things."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "theory"


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("thin_sheets")


def test_in_the_small_a_generated_surface_has_two_directions_and_in_the_large_it_has_more(thin: ModuleType) -> None:
    points = thin.sheets(np.random.default_rng(0))(20_000)[0]
    near = thin.shares(thin.neighbourhoods(points, 30))
    assert np.median(near[:, :2].sum(axis=1)) > 0.998
    assert np.median(near[:, 1]) > 0.05
    assert thin.shares(points)[2:].sum() > 0.03


def test_the_third_direction_shrinks_with_the_neighbourhood_and_the_second_stays(thin: ModuleType) -> None:
    points = thin.sheets(np.random.default_rng(0))(20_000)[0]
    small, large = (np.median(thin.shares(thin.neighbourhoods(points, count)), axis=0) for count in (30, 300))
    assert small[2] < large[2] / 3
    assert small[1] > large[1] / 2


def test_the_rank_of_the_jacobian_is_the_number_of_inputs(thin: ModuleType) -> None:
    rng = np.random.default_rng(0)
    G = thin.generator(rng)
    for _ in range(10):
        J = thin.jacobian(G, rng.standard_normal((1, 2)))
        assert J.shape == (10, 2)
        assert np.linalg.matrix_rank(J) == 2


def test_the_jacobian_is_the_derivative_of_the_generator(thin: ModuleType) -> None:
    rng = np.random.default_rng(1)
    G, z, dz = thin.generator(rng), rng.standard_normal((1, 2)), 1e-6 * rng.standard_normal((1, 2))
    moved = (G.forward(z + dz)[0] - G.forward(z - dz)[0])[0] / 2
    assert np.allclose(thin.jacobian(G, z) @ dz[0], moved, rtol=1e-6, atol=1e-12)


def test_every_point_of_one_ring_is_1_away_from_the_other(thin: ModuleType) -> None:
    least, most = thin.distance(thin.rings(np.random.default_rng(0)))
    assert least == pytest.approx(1, abs=1e-6)
    assert most == pytest.approx(1, abs=1e-6)


def test_d_distinguishes_two_sheets_without_a_mistake(thin: ModuleType) -> None:
    accuracy, jsd = thin.verdict(thin.sheets(np.random.default_rng(0)), 200)
    assert accuracy == 1
    assert jsd == pytest.approx(math.log(2), abs=1e-3)


def test_d_distinguishes_linked_rings_and_no_plane_does(thin: ModuleType) -> None:
    draw = thin.rings(np.random.default_rng(0))
    accuracy, jsd = thin.verdict(draw, 300)
    assert accuracy == 1
    assert jsd == pytest.approx(math.log(2), abs=5e-3)
    assert thin.verdict(draw, 300, straight=True)[0] < 0.8


def test_the_script_prints_its_table_and_leaves_its_picture(
    thin: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["thin", "--steps", "40", "--samples", "2000", "--out", str(tmp_path)])
    thin.main()
    assert "share of the variance" in capsys.readouterr().out
    assert (tmp_path / "thin_sheets.png").is_file()
