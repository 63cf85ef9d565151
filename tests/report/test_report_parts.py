"""The parts of the page: their numbers."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigan import data
from minigan.html import Html
from minigan.report import copying, repeat, summary
from minigan.report.chart import Line, histogram, line_chart, ticks
from minigan.report.curves import column
from minigan.report.loaded import Evidence
from minigan.report.samples import slerp
from minigan.training.config import RECIPE, Config


def test_slerp_turns_by_equal_angles_and_grows_by_equal_lengths() -> None:
    a, b = np.array([2.0, 0, 0]), np.array([0, 4.0, 0])
    way = slerp(a, b, 5)
    np.testing.assert_allclose(way[[0, -1]], [a, b], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), [2, 2.5, 3, 3.5, 4])
    np.testing.assert_allclose(np.arctan2(way[:, 1], way[:, 0]), np.linspace(0, math.pi / 2, 5), atol=1e-12)
    assert slerp(a.astype(np.float32), b.astype(np.float32), 3).dtype == np.float32


@pytest.mark.parametrize("b", [[3.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [-1.0, 1e-3]])
def test_slerp_of_noises_without_one_circle_stays_between_them(b: list[float]) -> None:
    way = slerp(np.array([1.0, 0.0]), np.array(b), 7)
    np.testing.assert_allclose(way[[0, -1]], [[1, 0], b], atol=1e-9)
    assert np.linalg.norm(way, axis=1).max() <= max(1, np.linalg.norm(b)) + 1e-9


def places(chart: Html, kind: str) -> list[np.ndarray]:
    """The points of each path of this class."""
    drawn = re.findall(rf'<path d="([^"]*)" class="{kind}">', chart)
    return [np.array(re.findall(r"([\d.]+) ([\d.]+)", d), dtype=float) for d in drawn]


def test_a_chart_shows_the_values_where_they_belong() -> None:
    values = np.array([0.0, 1.0, 0.25])
    (line,) = places(line_chart("t", np.array([10, 20, 40]), [Line("l", "d", values)], y=(0, 1)), "line d")[:1]
    low, high = line[0], line[1]
    assert high[1] < low[1] and high[0] > low[0]  # up, and to the right
    np.testing.assert_allclose((line[:, 1] - low[1]) / (high[1] - low[1]), values, atol=1e-3)
    np.testing.assert_allclose((line[:, 0] - low[0]) / (line[2, 0] - low[0]), [0, 1 / 3, 1], atol=1e-3)


def test_what_is_not_finite_leaves_a_gap() -> None:
    values = np.arange(100.0)
    values[50] = np.nan
    chart = line_chart("t", np.arange(100), [Line("", "one", values)])
    (path,) = re.findall(r'd="([^"]*)" class="thin one"', chart)
    assert path.count("M") == 2 and "nan" not in chart


def test_a_long_log_is_thinned_and_keeps_its_spikes() -> None:
    values = np.zeros(100_000)
    values[70_001] = 5.0
    (thin,) = places(line_chart("t", np.arange(100_000), [Line("", "d", values)], y=(0, 5)), "thin d")
    assert len(thin) <= 600
    assert thin[:, 1].min() < thin[:, 1].max() - 100


def test_a_histogram_gives_shares() -> None:
    chart = histogram("t", [Line("a", "g", np.array([1.0, 1.0, 4.0])), Line("b", "d", np.full(9, 2.0))], "x", bins=4)
    (a,), (b,) = places(chart, "line g")[:1], places(chart, "line d")[:1]
    foot, top = a[:, 1].max(), b[:, 1].min()
    heights = (foot - a[1:-1:2, 1]) / (foot - top)
    np.testing.assert_allclose(heights, [0, 2 / 3, 0, 1 / 3], atol=0.01)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 7), (100, 104), (0, 2e-7), (1e6, 3e6)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 3 <= len(found) <= 6
    assert low <= found[0] and found[-1] <= high


def test_what_is_no_number_is_no_number_of_a_column() -> None:
    log: list[dict[str, Any]] = [{"a": 1}, {"a": "2"}, {}, {"a": None}, {"a": float("inf")}, {"a": 10**400}, {"a": 0.5}]
    np.testing.assert_array_equal(column(log, "a"), [1, np.nan, np.nan, np.nan, np.nan, np.nan, 0.5])


CONFIGS = {
    "the default": RECIPE,
    "critic": Config.tuned(objective="wgan-gp", n_critic=3, average=0.99, seed=7, hyper={"weight": 5.0}),
    "points": Config.tuned(data="ring", epochs=2, threads=2),
    "penalty": RECIPE.but(penalty="r1", penalty_weight=2.0, spectral_norm=True, same_noise=True, z_dim=20),
    "rates": RECIPE.but(d_lr=5e-4, g_lr=5e-4, batch_size=32),
    "cuda": RECIPE.but(device="cuda:1"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_command_asks_for_the_same_configuration(name: str) -> None:
    config = CONFIGS[name]
    told = repeat.command(config)
    assert told is not None and f"--device {config.device}" in told
    words = shlex.split(told)
    assert words[:2] == ["minigan", "train"]
    words[words.index("--device") + 1] = "cpu"
    assert repeat._asked_for(words[2:]) == replace(config, device="cpu")


@pytest.mark.parametrize("choices", [{"betas": (0.0, 0.9)}, {"optimizer": "sgd"}, {"d_lr": 1e-4}])
def test_what_flags_cannot_say_has_no_command(choices: dict[str, Any]) -> None:
    assert repeat.command(replace(RECIPE, **choices)) is None


def test_the_folder_of_the_data_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    command = repeat.command(RECIPE.but(data=str(tmp_path / "faces"), size=32))
    assert command is not None and "--data faces" in command and str(tmp_path) not in command


def test_a_generator_that_copies_is_found_out(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "TEST_SETS", {})
    images = data.load("mnist-10k").images
    stolen = copying.copying(evidence, images[5000:5250])
    assert "250 of them are training images to the last bit" in stolen
    assert "100.0% of the samples are nearer" in stolen
    noise = np.random.default_rng(0).integers(0, 256, (250, 28, 28, 1), dtype=np.uint8)
    assert "to the last bit" not in copying.copying(evidence, noise)


def test_neighbours_and_distances_are_those_of_a_plain_search(evidence: Evidence) -> None:
    dataset = evidence.dataset
    assert dataset is not None
    space = next(copying._spaces(evidence, dataset))
    rng = np.random.default_rng(0)
    asked = np.clip(dataset.images[[3, 9_999]] + rng.integers(0, 9, (2, 28, 28, 1)), 0, 255).astype(np.uint8)
    own = np.array([17, 4_321])
    found = copying._search(space, dataset, asked, dataset.images[own], own)
    rows = dataset.images.reshape(len(dataset), -1) / 255
    for n, image in enumerate(asked):
        distances = np.linalg.norm(rows - image.reshape(-1) / 255, axis=1)
        order = distances.argsort()[:3]
        np.testing.assert_array_equal(found.nearest[n], order)
        np.testing.assert_allclose(found.samples[n], distances[order])
        others = np.delete(np.linalg.norm(rows - rows[own[n]], axis=1), own[n])
        np.testing.assert_allclose(found.real[n, 0], others.min())


def test_what_began_and_did_not_end_is_the_state_of_health(evidence: Evidence) -> None:
    said = [("a", "begins", 10), ("b", "begins", 20), ("a", "ends", 30)]
    evidence.log[:] = [
        {"step": step, "health": [{"condition": name, "state": state, "says": f"{name} {state}.", "remedy": "Rest."}]}
        for name, state, step in said
    ]
    page = summary.health(evidence)
    assert "At the last log point: since step 20: b begins." in page
    assert page.count("<tr>") == 4
