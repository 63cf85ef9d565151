"""Two segments that never touch: a perfect D that teaches nothing, and a distance that does."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "theory"


@pytest.fixture
def supports(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("low_dimensional_supports")


@pytest.mark.parametrize("theta", [1.0, 0.1, 0.01])
def test_d_is_always_right_and_sees_a_jsd_of_log_2_however_near_the_segments_are(
    supports: ModuleType, theta: float
) -> None:
    rows = supports.teach(theta, 300)
    assert rows[-1, 1] == 1
    assert rows[-1, 2] == pytest.approx(math.log(2), abs=2e-3)
    assert (rows[:, 2] < math.log(2)).all()  # no D sees more than there is


@pytest.mark.parametrize("theta", [1.0, 0.1, 0.01])
def test_the_saturating_slope_in_theta_goes_away(supports: ModuleType, theta: float) -> None:
    slopes = supports.teach(theta, 300)[:, 3]
    assert slopes[-1] < slopes.max() / 20
    assert slopes[-1] < slopes[len(slopes) // 2]


@pytest.mark.parametrize("theta", [-0.5, 1.0])
def test_the_gap_of_a_critic_with_a_gradient_penalty_is_theta_and_what_its_weight_allows(
    supports: ModuleType, theta: float
) -> None:
    assert supports.gap(theta, 300) == pytest.approx(supports.expected_gap(theta), abs=0.03)


def test_the_highest_value_of_the_penalised_critic_is_where_the_closed_form_states(supports: ModuleType) -> None:
    steepness = np.linspace(0.9, 1.2, 30_001)
    for theta in (0.1, 0.5, 1.0):
        best = steepness[(steepness * theta - supports.WEIGHT * (steepness - 1) ** 2).argmax()]
        assert supports.expected_gap(theta) == pytest.approx(best * theta, abs=1e-5)
        assert supports.expected_gap(-theta) == supports.expected_gap(theta)


@pytest.mark.parametrize("theta", [0.0, -0.5, 0.1, 1.0])
def test_the_earth_movers_distance_is_the_absolute_value_of_theta(supports: ModuleType, theta: float) -> None:
    below, above = supports.earth(theta)
    assert below == pytest.approx(abs(theta), abs=1e-12)
    assert below <= above <= below + 0.01


def test_the_measured_slope_is_that_of_the_loss(supports: ModuleType) -> None:
    D = supports.critic(supports.segments(0.3, np.random.default_rng(0)), seed=0)

    def loss(theta: float) -> float:
        u = np.random.default_rng(1).random((supports.TEST, 1))
        b = D.forward(np.concatenate([np.full_like(u, theta), u], axis=1))[0]
        return float(-np.logaddexp(0, b).mean())

    numeric = (loss(0.3 + 1e-6) - loss(0.3 - 1e-6)) / 2e-6
    assert supports.slope(D, 0.3, np.random.default_rng(1)) == pytest.approx(numeric, rel=1e-2)


def test_the_script_prints_its_table_and_leaves_its_picture(
    supports: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["supports", "--steps", "40", "--out", str(tmp_path)])
    supports.main()
    assert "earth moved" in capsys.readouterr().out
    assert (tmp_path / "low_dimensional_supports.png").is_file()


@pytest.mark.slow
def test_the_whole_demonstration_meets_its_closed_forms(supports: ModuleType) -> None:
    for theta in supports.THETAS:
        rows = supports.teach(theta, 800)
        assert rows[-1, 1] == 1
        assert rows[-1, 2] == pytest.approx(math.log(2), abs=2e-4)
        assert rows[-1, 3] < rows[:, 3].max() / 200
    for theta in supports.GAPS:
        assert supports.gap(theta, 800) == pytest.approx(supports.expected_gap(theta), abs=0.02)
