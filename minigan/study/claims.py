"""Claims: what the study claimed, each decided from a table of results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from minigan.study import analysis
from minigan.study.analysis import Row, of, values

HOLDS, FAILS, OPEN = "holds", "fails", "not decided"
LEAST = 5  # runs of every model, below which nothing is decided about a search


@dataclass(frozen=True)
class Verdict:
    """A claim, whether the results bear it out, and the numbers that decide."""

    claim: str
    verdict: str
    because: str


class _Missing(Exception):
    """The table lacks runs that a claim is about."""


def verdicts(rows: Sequence[Row], seed: int = 0) -> list[Verdict]:
    """All claims, in the order of the study's text."""
    decided = []
    for claim, decide in CLAIMS.items():
        try:
            holds, because = decide(rows, np.random.default_rng(seed))
            decided.append(Verdict(claim, HOLDS if holds else FAILS, because))
        except _Missing as missing:
            decided.append(Verdict(claim, OPEN, str(missing)))
    return decided


Decided = tuple[bool, str]


def _by_data(rows: Sequence[Row]) -> dict[str, dict[str, np.ndarray]]:
    """The scores of each model's wide search on each data set, as many of each model: the first ones."""
    scores: dict[str, dict[str, np.ndarray]] = {}
    for model, data in analysis.pairs(of(rows, role="wide")):
        runs = sorted(of(rows, model=model, data=data, role="wide"), key=lambda row: row["sample"])
        scores.setdefault(data, {})[model] = values(runs)
    least = {data: min(len(x) for x in models.values()) for data, models in scores.items()}
    enough = {data: n for data, n in least.items() if n >= LEAST and len(scores[data]) > 1}
    if not enough:
        raise _Missing(f"it takes {LEAST} runs of every model on a data set, and two models")
    return {data: {model: x[:n] for model, x in scores[data].items()} for data, n in enough.items()}


def tuning(rows: Sequence[Row], rng: np.random.Generator) -> Decided:
    """Within-model interquartile range over the range of the models' best scores, the median over models."""
    ratios = {}
    for data, models in _by_data(rows).items():
        known = [x[np.isfinite(x)] for x in models.values() if np.isfinite(x).sum() >= LEAST]
        least = [x.min() for x in known]
        if len(known) > 1 and max(least) > min(least):
            ranges = [float(np.subtract(*np.quantile(x, (0.75, 0.25)))) for x in known]
            ratios[data] = float(np.median(ranges)) / (max(least) - min(least))
    if not ratios:
        raise _Missing(f"it takes two models with {LEAST} runs each that did not fail")
    shown = ", ".join(f"{data} {ratio:.2f}" for data, ratio in ratios.items())
    return min(ratios.values()) > 1, f"interquartile range within a model / range of the models' best: {shown}"


def winners(rows: Sequence[Row], rng: np.random.Generator) -> Decided:
    """Does another model have the best score on another data set?"""
    first = {data: min(models, key=lambda name: models[name].min()) for data, models in _by_data(rows).items()}
    if len(first) < 2:
        raise _Missing("it takes two data sets")
    return len(set(first.values())) > 1, ", ".join(f"{data}: {model}" for data, model in first.items())


def orders(rows: Sequence[Row], rng: np.random.Generator) -> Decided:
    """Do two models change their order between a budget of 2 and all runs?"""
    changed, pairs = [], 0
    for data, models in _by_data(rows).items():
        n = len(next(iter(models.values())))
        small, large = ({m: analysis.expected_minimum(x, b) for m, x in models.items()} for b in (2, n))
        names = list(models)
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                pairs += 1
                if (small[a] - small[b]) * (large[a] - large[b]) < 0:
                    changed.append(f"{a} and {b} on {data}")
    shown = "; ".join(changed[:4]) + ("; ..." if len(changed) > 4 else "")
    return bool(changed), f"{len(changed)} of {pairs} pairs change{': ' + shown if changed else ''}"


def none_beats_ns(rows: Sequence[Row], rng: np.random.Generator) -> Decided:
    """Is there no model that is better than ns with probability above 0.95 on all data sets, with all its runs?"""
    chances: dict[str, list[float]] = {}
    for models in _by_data(rows).values():
        if "ns" not in models:
            raise _Missing("there are no runs of ns")
        for name, x in models.items():
            if name != "ns":
                chances.setdefault(name, []).append(analysis.beats(x, models["ns"], len(x), rng))
    least = {name: min(ps) for name, ps in chances.items()}
    leader = max(least, key=lambda name: least[name])
    return least[
        leader
    ] <= 0.95, f"the least probability over the data sets is largest for {leader}: {least[leader]:.3f}"


def seeds_matter(rows: Sequence[Row], rng: np.random.Generator) -> Decided:
    """Does the best configuration vary by more than 5 % over seeds, for half of the models?"""
    shares = []
    again = of(rows, role="repeat")
    for model, data in analysis.pairs(again):
        x = values(of(again, model=model, data=data))
        known = x[np.isfinite(x)]
        if len(known) >= 2:
            shares.append(float(known.std(ddof=1) / known.mean()))
    if not shares:
        raise _Missing("no configuration was run with several seeds")
    many = float(np.mean(np.array(shares) > 0.05))
    return (
        many >= 0.5,
        f"deviation above 5 % of the mean in {many:.0%} of {len(shares)} cases, median {np.median(shares):.1%}",
    )


def defaults_lose(rows: Sequence[Row], rng: np.random.Generator) -> Decided:
    """Are the defaults more than 20 % worse than the best of the search, for half of the (model, data) pairs?"""
    ratios = []
    for model, data in analysis.pairs(of(rows, role="wide")):
        runs = of(rows, model=model, data=data, role="wide")
        default, x = values(of(runs, sample=0)), values(runs)
        if len(default) and len(runs) >= LEAST and np.isfinite(x).any():
            ratios.append(float(default[0] / x.min()))
    if not ratios:
        raise _Missing(f"it takes the default and {LEAST} runs in all")
    many = float(np.mean(np.array(ratios) > 1.2))
    return (
        many >= 0.5,
        f"{many:.0%} of {len(ratios)} pairs; the median default scores {np.median(ratios):.2f} times the best",
    )


def penalties_without_norm(rows: Sequence[Row], rng: np.random.Generator) -> Decided:
    """Is the best third of the runs of wgan_gp and dragan without batch norm in D more often than their search?"""
    chosen, everything = [], []
    for model, data in analysis.pairs(of(rows, role="wide")):
        if model in ("wgan_gp", "dragan"):
            runs = sorted(of(rows, model=model, data=data, role="wide"), key=lambda row: row["score"])
            everything += [not row["disc_bn"] for row in runs]
            chosen += [not row["disc_bn"] for row in runs[: math.ceil(len(runs) / 3)]]
    if len(everything) < 2 * LEAST:
        raise _Missing(f"it takes {2 * LEAST} runs of wgan_gp and dragan")
    share, base = float(np.mean(chosen)), float(np.mean(everything))
    return share > base, f"without batch norm: {share:.0%} of the best third, {base:.0%} of all runs"


CLAIMS: dict[str, Callable[[Sequence[Row], np.random.Generator], Decided]] = {
    "Tuning matters more than the algorithm": tuning,
    "The winner differs between data sets": winners,
    "Two models change their order between a budget of 2 and of all runs": orders,
    "No model is better than ns with probability above 0.95 on all data sets": none_beats_ns,
    "The best configuration varies by more than 5 % over seeds, for half of the models": seeds_matter,
    "Defaults are more than 20 % worse than the best, for half of the pairs": defaults_lose,
    "Gradient penalties prefer no batch norm in D": penalties_without_norm,
}
