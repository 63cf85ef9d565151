"""The log as charts, and some of its numbers as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan.html import Html, element, joined, paragraphs, rows
from minigan.plots.curves import KEYS, NOT_DRAWN, SCORES
from minigan.report.chart import Line, line_chart
from minigan.report.loaded import Evidence

READINGS = 8  # charts for what else a log holds
TOLD = 12  # log points in the table
LARGEST = 1e100  # what is larger is no measurement, and its square would not be a number
TITLES = {"fid": "FID", "covered": "covered", "entropy": "entropy of classes, nats", "good": "share of good points"}


def curves(evidence: Evidence) -> Html:
    """Losses, what D says, the objective's own readings, the scores on the way."""
    log = evidence.log
    if not log:
        return paragraphs("There is no log point yet: the first one comes after ten steps.", *_excuse(evidence))
    step = column(log, "step")
    others = [key for key in dict.fromkeys(key for point in log for key in point) if key not in (*KEYS, *NOT_DRAWN)]
    players = [
        _pair(log, step, "loss", {"d_loss": "discriminator", "g_loss": "generator"}),
        _pair(log, step, _of_scores(log), {"d_real": "real, D(x)", "d_fake": "generated, D(G(z))"}),
    ]
    single = [_single(log, step, key) for key in [key for key in others if key in SCORES] + _readings(log, others)]
    charts = element("div", *filter(None, [*players, *single]), class_="charts")
    return joined([*paragraphs_of(evidence), charts, _numbers(log, others)])


def paragraphs_of(evidence: Evidence) -> list[Html]:
    """What is to be known before the charts."""
    return [
        paragraphs(
            "Thin lines are the log itself, thick ones its running mean. Solid is the discriminator, or real; dashed "
            "the generator, or generated. A number that is not finite leaves a gap.",
            *_excuse(evidence),
        )
    ]


def column(log: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """The numbers of a key, float64, NaN where there is none."""
    values = [point.get(key) for point in log]
    known = [isinstance(value, int | float) and abs(value) < LARGEST for value in values]
    return np.array([value if good else np.nan for value, good in zip(values, known, strict=True)], dtype=np.float64)


def number(value: Any) -> str:
    """A number of the log as people read it, with six digits; what is none stays as it is."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _pair(log: Sequence[Mapping[str, Any]], step: np.ndarray, title: str, names: Mapping[str, str]) -> Html | None:
    lines = [Line(name, kind, column(log, key)) for (key, name), kind in zip(names.items(), "dg", strict=True)]
    lines = [line for line in lines if np.isfinite(line.values).any()]
    if not lines:
        return None
    if title.startswith("D's probability"):
        return line_chart(title, step, lines, y=(0, 1), at=0.5)
    return line_chart(title, step, lines)


def _single(log: Sequence[Mapping[str, Any]], step: np.ndarray, key: str) -> Html | None:
    values = column(log, key)
    known = np.isfinite(values)
    if not known.any():
        return None
    if key in SCORES:  # measured at every so many log points only, and one line nevertheless
        step, values = step[known], values[known]
    title = TITLES.get(key, key)
    if key == "covered":
        title = f"{'Gaussians' if any('good' in point for point in log) else 'classes'} covered"
    return line_chart(title, step, [Line("", "one", values)])


def _of_scores(log: Sequence[Mapping[str, Any]]) -> str:
    scores = np.concatenate([column(log, "d_real"), column(log, "d_fake")])
    known = scores[np.isfinite(scores)]
    return "D's probability of real" if known.size and known.min() >= 0 and known.max() <= 1 else "critic's score"


def _readings(log: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[str]:
    return [key for key in keys if key not in SCORES and np.isfinite(column(log, key)).any()][:READINGS]


def _numbers(log: Sequence[Mapping[str, Any]], others: Sequence[str]) -> Html:
    """Some log points in figures, the first and the last among them."""
    keys = [key for key in ("epoch", *KEYS[1:], *others) if any(key in point for point in log)]
    chosen = np.unique(np.linspace(0, len(log) - 1, min(len(log), TOLD)).round().astype(int))
    body = [[number(log[i]["step"]), *(number(log[i].get(key)) for key in keys)] for i in chosen]
    table = rows(["step", *keys], body, f"{len(chosen)} of {len(log):,} log points")
    return element("details", element("summary", "The numbers"), table)


def _excuse(evidence: Evidence) -> list[str]:
    return [f"The log cannot be read whole: {evidence.missing['log']}."] if "log" in evidence.missing else []
