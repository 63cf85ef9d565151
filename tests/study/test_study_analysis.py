"""The analysis on tables whose truth is known."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigan.study import analysis, claims
from minigan.study.claims import FAILS, HOLDS, OPEN
from minigan.study.store import Store


def rows(scores: dict[tuple[str, str], Any], role: str = "wide", **more: Any) -> list[analysis.Row]:
    """A table of runs with these scores by (model, data)."""
    made = []
    for (model, data), values in scores.items():
        for i, score in enumerate(values):
            row = {"model": model, "data": data, "role": role, "sample": i, "seed": 0, "score": float(score)}
            row |= {"lr": 10.0 ** -(1 + i % 5), "disc_bn": bool(i % 2), "status": "ok" if np.isfinite(score) else "nan"}
            made.append({**row, **{name: function(i) for name, function in more.items()}})
    return made


def verdict(table: list[analysis.Row], words: str) -> str:
    (found,) = [v.verdict for v in claims.verdicts(table) if words in v.claim]
    return found


@pytest.mark.parametrize("replace", [True, False])
def test_the_expected_minimum_is_the_mean_over_all_draws(replace: bool) -> None:
    scores = np.array([3.0, 1.0, 4.0, 1.5])
    for budget in (1, 2, 3):
        draws = itertools.product(scores, repeat=budget) if replace else itertools.combinations(scores, budget)
        exact = np.mean([min(draw) for draw in draws])
        assert analysis.expected_minimum(scores, budget, replace=replace) == pytest.approx(exact, rel=1e-12)


def test_formula_and_resamples_agree_within_three_standard_errors() -> None:
    rng = np.random.default_rng(0)
    scores = rng.lognormal(size=40)
    for budget in (1, 2, 5, 13, 40):
        resampled = analysis.resampled_minima(scores, budget, rng)
        error = resampled.std(ddof=1) / math.sqrt(len(resampled))
        assert abs(resampled.mean() - analysis.expected_minimum(scores, budget)) < 3 * error


def test_failed_runs_rank_last_and_are_left_out_of_means() -> None:
    scores = np.array([2.0, 1.0, math.inf, math.inf])
    assert analysis.expected_minimum(scores, 1) == pytest.approx(1.5)
    assert analysis.expected_minimum(np.array([math.inf]), 1) == math.inf
    found = analysis.summary(np.array([1.0, 1.0, 1.0, 5.0, math.inf]))
    assert found["failed"] == 1 and found["outliers"] == 1 and found["mean"] == 2 and found["mean_without"] == 1


def test_the_chance_of_one_model_against_another_is_that_of_all_draws() -> None:
    a, b, rng = np.array([1.0, 3.0]), np.array([2.0, 4.0]), np.random.default_rng(0)
    assert analysis.beats(a, b, 1, rng, 100_000) == pytest.approx(0.75, abs=5e-3)
    assert analysis.beats(a, a, 2, rng, 100_000) == pytest.approx(0.5, abs=5e-3)


def test_the_band_of_a_curve_holds_its_mean_and_ends_at_the_best() -> None:
    scores = np.random.default_rng(0).uniform(1, 2, 30)
    line = analysis.curve(scores, np.random.default_rng(1))
    assert (line["low"] <= line["mean"]).all() and (line["mean"] <= line["high"]).all()
    assert (np.diff(line["mean"]) <= 0).all() and line["low"][-1] == scores.min()


def test_sensitivity_finds_the_parameter_that_matters() -> None:
    table = rows({("ns", "mnist"): range(1, 11)}, lr=lambda i: 1 / (1 + i), beta1=lambda i: [0.1, 0.9, 0.5][i % 3])
    found = analysis.sensitivity(table)
    assert found["lr"] == pytest.approx(-1) and abs(found["beta1"]) < 0.5


def test_a_table_written_and_read_again_gives_the_same_analysis(serial: Path, tmp_path: Path) -> None:
    table = analysis.table(Store(serial))
    analysis.write(tmp_path / "table.csv", table)
    again = analysis.table(tmp_path / "table.csv")
    assert len(again) == len(table) == 6
    for row in table:
        (same,) = analysis.of(again, key=row["key"])
        assert same["model"] == row["model"] and same["disc_bn"] is row["disc_bn"]
        assert same["score"] == pytest.approx(row["score"], rel=1e-5)
    assert analysis.best(again).keys() == analysis.best(table).keys() == {("ns", "ring8"), ("vae", "ring8")}


def test_the_chosen_checkpoint_is_reported_and_not_the_least_reported_one() -> None:
    points = [{"step": 1, "score": 3.0, "test": 9.0}, {"step": 2, "score": 5.0, "test": 1.0}]
    task = {"model": "ns", "data": "mnist", "role": "wide", "sample": 0, "seed": 0, "params": {}, "size": {"steps": 2}}
    end = {"status": "ok", "cpu_seconds": 1, "megabytes": 1, "machine": "", "minigan": "", "numpy": ""}
    row = analysis._row("key", task, points, end)
    assert (row["score"], row["test"], row["test_min"], row["last"], row["step"]) == (3.0, 9.0, 1.0, 5.0, 1)
    failed = analysis._row("key", task, points, {**end, "status": "diverged"})
    assert failed["score"] == failed["test"] == math.inf


# For every claim a table where it is true and one where it is not.


def test_tuning() -> None:
    wide, close = np.linspace(1, 9, 9), np.linspace(1, 1.1, 9)
    assert verdict(rows({("mm", "a"): wide, ("ns", "a"): wide + 0.1}), "Tuning") == HOLDS
    assert verdict(rows({("mm", "a"): close, ("ns", "a"): close + 5}), "Tuning") == FAILS


def test_winner() -> None:
    good, bad = [1, 2, 2, 2, 2], [3, 4, 4, 4, 4]
    two = {("mm", "a"): good, ("ns", "a"): bad, ("mm", "b"): bad, ("ns", "b"): good}
    assert verdict(rows(two), "winner") == HOLDS
    same = {("mm", "a"): good, ("ns", "a"): bad, ("mm", "b"): good, ("ns", "b"): bad}
    assert verdict(rows(same), "winner") == FAILS
    assert verdict(rows({key: x[:4] for key, x in two.items()}), "winner") == OPEN  # too few runs
    more = {**same, ("ns", "b"): [*bad, 0.5]}  # a sixth run of one model alone does not count
    assert verdict(rows(more), "winner") == FAILS


def test_orders() -> None:
    # A model that is excellent or bad, against one that is always good.
    lottery, steady = [0.1, 9.0] * 5, [1.0] * 10
    assert verdict(rows({("mm", "a"): lottery, ("ns", "a"): steady}), "change their order") == HOLDS
    assert verdict(rows({("mm", "a"): [5.0] * 10, ("ns", "a"): steady}), "change their order") == FAILS


def test_nobody_beats_ns() -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(1, 2, (4, 20))
    equal = {(m, d): noise[i] for i, (m, d) in enumerate(itertools.product(("mm", "ns"), "ab"))}
    assert verdict(rows(equal), "better than ns") == HOLDS
    better = {key: x - 0.9 * (key[0] == "mm") for key, x in equal.items()}
    assert verdict(rows(better), "better than ns") == FAILS
    once = {key: x - 0.9 * (key == ("mm", "a")) for key, x in equal.items()}
    assert verdict(rows(once), "better than ns") == HOLDS  # on one data set only


def test_one_seed_has_no_deviation_and_failed_ones_are_counted() -> None:
    assert [analysis.seeds(np.array(x)) for x in ([], [math.inf], [2.0], [1.0, 3.0], [1.0, 3.0, math.inf])] == [
        "",
        "",
        "2 (1)",
        "2 ± 1 (2)",
        "2 ± 1 (3)",
    ]


def test_seeds() -> None:
    def table(spread: float) -> list[analysis.Row]:
        x = 1 + spread * np.linspace(-1, 1, 9)
        return rows({("mm", "a"): x, ("ns", "a"): x}, role="repeat")

    assert verdict(table(0.5), "over seeds") == HOLDS
    assert verdict(table(0.01), "over seeds") == FAILS
    assert verdict(rows({("ns", "a"): [1, 2]}), "over seeds") == OPEN


def test_defaults() -> None:
    assert verdict(rows({("mm", "a"): [2, 1, 1, 1, 1], ("ns", "a"): [2, 1, 1, 1, 1]}), "Defaults") == HOLDS
    assert verdict(rows({("mm", "a"): [1, 1, 2, 2, 2], ("ns", "a"): [1.1, 1, 2, 2, 2]}), "Defaults") == FAILS


def test_penalties() -> None:
    scores = {("wgan_gp", "a"): range(1, 10), ("dragan", "a"): range(1, 10)}
    assert verdict(rows(scores, disc_bn=lambda i: i >= 3), "batch norm") == HOLDS
    assert verdict(rows(scores, disc_bn=lambda i: i < 3), "batch norm") == FAILS
