"""Analysis: from the results of a study to its tables. Pure functions of the table of runs."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigan.study.space import DEFAULTS
from minigan.study.store import Store

Row = dict[str, Any]
PARAMS = tuple(dict.fromkeys(name for params in DEFAULTS.values() for name in params))
RESAMPLES = 5000
KEYS = ("model", "data", "role", "sample", "seed")  # columns that every table has


def table(source: Store | Path) -> list[Row]:
    """One row for every run that has a result, from the folder of a study or from a file of `write`."""
    if isinstance(source, Store):
        return [_row(key, task, *source.read(key)) for key, task in source.tasks().items() if source.done(key)]
    if Path(source).is_dir():
        return table(Store(Path(source)))
    with open(source, encoding="utf-8", errors="replace", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in KEYS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{source}: not a table of results, it has no column {', '.join(missing)}")
        return [{name: _value(text) for name, text in row.items() if text != ""} for row in reader]


def _row(key: str, task: dict[str, Any], scores: list[dict[str, Any]], end: dict[str, Any]) -> Row:
    """The numbers of a run. "score": the least at its checkpoints, which chooses; "test": what is reported for the
    checkpoint that was chosen; "test_min": the least of the reported ones, as the study chose; "last": at the end.
    All of them are infinite for a run that failed."""
    row = {"key": key, **{name: task[name] for name in KEYS}}
    row |= {**task["params"], "steps": task["size"]["steps"], "status": end["status"]}
    if end["status"] == "ok":
        chosen = min(scores, key=lambda point: point["score"])
        row |= {"score": chosen["score"], "test": chosen["test"], "step": chosen["step"]}
        row |= {"test_min": min(point["test"] for point in scores), "last": scores[-1]["score"]}
        row |= {name: value for name, value in {**chosen, **scores[-1]}.items() if name not in (*row, "step")}
    else:
        row |= dict.fromkeys(("score", "test", "test_min", "last"), math.inf)
    return row | {name: end[name] for name in ("cpu_seconds", "megabytes", "machine", "minigan", "numpy")}


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write a table as CSV, numbers with six digits, in the order of the keys of its runs' names."""
    ordered = sorted(rows, key=lambda row: (row["data"], row["model"], row["role"], row["sample"], row["seed"]))
    columns = list(dict.fromkeys(name for row in ordered for name in row))
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(row.get(name, "")) for name in columns] for row in ordered)


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _value(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def of(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """The rows with these values."""
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def values(rows: Iterable[Row], name: str = "score") -> np.ndarray:
    """A column, float64; infinite for runs that failed."""
    return np.array([row.get(name, math.inf) for row in rows], float)


def pairs(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """The (model, data) that there are, in the order of the models."""
    combinations = {(row["model"], row["data"]) for row in rows}
    order = {name: i for i, name in enumerate(DEFAULTS)}
    return sorted(combinations, key=lambda pair: (pair[1], order.get(pair[0], len(order)), pair[0]))


def best(rows: Sequence[Row], role: str = "wide") -> dict[tuple[str, str], tuple[int, dict[str, Any]]]:
    """The configuration with the least score of each model on each data set: its number and its parameters.

    A pair whose runs all failed has none.
    """
    winners = {}
    for model, data in pairs(rows):
        chosen = min(of(rows, model=model, data=data, role=role), key=lambda row: row["score"], default=None)
        if chosen is not None and math.isfinite(chosen["score"]):
            winners[model, data] = chosen["sample"], {name: chosen[name] for name in PARAMS if name in chosen}
    return winners


def expected_minimum(scores: np.ndarray, budget: int, *, replace: bool = True) -> float:
    """The mean of the least of `budget` draws from the scores x₁ ≤ … ≤ xₙ, exactly:

        Σ xᵢ [((n - i + 1) / n)^b - ((n - i) / n)^b]     with replacement, and
        Σ xᵢ C(n - i, b - 1) / C(n, b)                   without

    Infinite scores are left out of the mean: it is that of the draws that have a finite minimum.
    """
    x = np.sort(np.asarray(scores, float))
    n = len(x)
    if not 1 <= budget <= n and not (replace and budget >= 1 and n):
        raise ValueError(f"budget must be from 1 to the number of runs, {n}, got {budget}")
    i = np.arange(1, n + 1)
    if replace:
        weights = ((n - i + 1) / n) ** budget - ((n - i) / n) ** budget
    else:
        weights = np.array([math.comb(n - k, budget - 1) / math.comb(n, budget) for k in i])
    finite = np.isfinite(x)
    return float((x[finite] * weights[finite]).sum() / weights[finite].sum()) if finite.any() else math.inf


def resampled_minima(scores: np.ndarray, budget: int, rng: np.random.Generator, n: int = RESAMPLES) -> np.ndarray:
    """The least of `budget` draws with replacement, n times: (n,)."""
    x = np.asarray(scores, float)
    return x[rng.integers(len(x), size=(n, budget))].min(axis=1)


def beats(a: np.ndarray, b: np.ndarray, budget: int, rng: np.random.Generator, n: int = RESAMPLES) -> float:
    """The probability that the best of `budget` runs of A is better than that of B; a tie counts half."""
    x, y = resampled_minima(a, budget, rng, n), resampled_minima(b, budget, rng, n)
    return float((x < y).mean() + (x == y).mean() / 2)


def curve(scores: np.ndarray, rng: np.random.Generator, n: int = RESAMPLES) -> dict[str, np.ndarray]:
    """For budgets 1 to the number of runs: `mean` exactly, `low` and `high` of the 95 % band of the resamples."""
    budgets = np.arange(1, len(scores) + 1)
    resampled = [resampled_minima(scores, int(b), rng, n) for b in budgets]
    low, high = np.array([np.quantile(x, (0.025, 0.975), method="nearest") for x in resampled]).T
    mean = np.array([expected_minimum(scores, int(b)) for b in budgets])
    return {"budget": budgets, "mean": mean, "low": low, "high": high}


def summary(scores: np.ndarray) -> dict[str, float]:
    """Mean, deviation, median, least and largest of the finite scores; how many failed; and without outliers, which
    are scores above twice the median."""
    known = scores[np.isfinite(scores)]
    numbers: dict[str, float] = {"runs": len(scores), "failed": int(len(scores) - len(known))}
    if len(known):
        median = float(np.median(known))
        kept = known[known <= 2 * median]
        numbers |= {"mean": known.mean(), "deviation": known.std(), "median": median, "min": known.min()}
        numbers |= {"max": known.max(), "outliers": len(known) - len(kept), "mean_without": kept.mean()}
        numbers["deviation_without"] = kept.std()
    return {name: float(value) for name, value in numbers.items()}


def seeds(scores: np.ndarray) -> str:
    """The mean of a configuration's seeds, their deviation if there are several, and in brackets how many were run."""
    known = scores[np.isfinite(scores)]
    if len(known) == 0:
        return ""
    deviation = f" ± {known.std():.2g}" if len(known) > 1 else ""
    return f"{known.mean():.3g}{deviation} ({len(scores)})"


def sensitivity(rows: Sequence[Row]) -> dict[str, float]:
    """Spearman's rank correlation of the score with each parameter that varies; failed runs rank last."""
    ranks, correlations = _ranks(values(rows)), {}
    for name in PARAMS:
        column = [row.get(name) for row in rows]
        if None not in column and len(set(column)) > 1:
            column_ranks = _ranks(np.array(column, float))
            if ranks.std() > 0:
                correlations[name] = float(np.corrcoef(ranks, column_ranks)[0, 1])
    return correlations


def _ranks(x: np.ndarray) -> np.ndarray:
    """1 to n; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    return ((ends - counts + 1 + ends) / 2)[inverse]


def dumps(value: Any) -> str:
    """JSON in which infinity is null."""
    return json.dumps(_plain(value), indent=1)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
