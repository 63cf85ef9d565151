"""The log as charts, and some of its numbers as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan.html import Html, element, joined, paragraphs, rows
from minigan.plots.curves import NOT_DRAWN, OUTPUTS, SCORES, is_loss, name_of
from minigan.report.chart import Line, line_chart
from minigan.report.loaded import Evidence

READINGS = 8  # charts for what else a log holds
ROWS = 12  # log points in the table
LARGEST = 1e100  # what is larger is not a measurement, and its square would not be a number
TITLES = {"fid": "FID", "covered": "covered", "entropy": "entropy of classes, nats", "good": "share of good points"}
TITLES |= {"held_out_error": "error of held-out images", "swd": "SWD of patches"}


def curves(evidence: Evidence) -> Html:
    """Losses, D's outputs, what else was read, the scores on the way."""
    log = evidence.log
    if not log:
        return paragraphs("There is no log point yet: the first one comes after ten steps.", *_excuse(evidence))
    step = column(log, "step")
    keys = [key for key in dict.fromkeys(key for point in log for key in point) if key not in ("step", *NOT_DRAWN)]
    losses, outputs = [key for key in keys if is_loss(key)], [key for key in OUTPUTS if key in keys]
    others = [key for key in keys if key not in (*losses, *outputs)]
    players = [
        _together(log, step, "loss", {key: name_of(key) for key in losses}),
        _together(log, step, _of_outputs(log), {key: name_of(key).replace("$", "") for key in outputs}),
    ]
    single = [_single(log, step, key) for key in [key for key in others if key in SCORES] + _readings(log, others)]
    charts = element("div", *filter(None, [*players, *single]), class_="charts")
    return joined([*paragraphs_of(evidence), charts, _numbers(log, [*losses, *outputs, *others])])


def paragraphs_of(evidence: Evidence) -> list[Html]:
    """Notes above the charts."""
    return [
        paragraphs(
            "Thin lines: the log. Thick lines: its running mean. Solid lines: a discriminator, or real samples. Dashed "
            "lines: a generator, or generated samples. A number that is not finite leaves a gap.",
            *_excuse(evidence),
        )
    ]


def column(log: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """The numbers of a key, float64, NaN where there is none."""
    values = [point.get(key) for point in log]
    known = [isinstance(value, int | float) and abs(value) < LARGEST for value in values]
    return np.array([value if good else np.nan for value, good in zip(values, known, strict=True)], dtype=np.float64)


def number(value: Any) -> str:
    """A number of the log as people read it, with six digits; what is not a number stays as it is."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _together(log: Sequence[Mapping[str, Any]], step: np.ndarray, title: str, names: Mapping[str, str]) -> Html | None:
    """One chart of several columns; None where no column has a number."""
    kinds = {key: {"d_fake": "g"}.get(key, key[0] if key[0] in "dg" else "one") for key in names}
    lines = [Line(name, kinds[key], column(log, key)) for key, name in names.items()]
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


def _of_outputs(log: Sequence[Mapping[str, Any]]) -> str:
    outputs = np.concatenate([column(log, key) for key in OUTPUTS])
    known = outputs[np.isfinite(outputs)]
    return "D's probability of real" if known.size and known.min() >= 0 and known.max() <= 1 else "critic's score"


def _readings(log: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[str]:
    return [key for key in keys if key not in SCORES and np.isfinite(column(log, key)).any()][:READINGS]


def _numbers(log: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Html:
    """Some log points in figures, the first and the last among them."""
    keys = [key for key in ("epoch", *columns) if any(key in point for point in log)]
    chosen = np.unique(np.linspace(0, len(log) - 1, min(len(log), ROWS)).round().astype(int))
    body = [[number(log[i]["step"]), *(number(log[i].get(key)) for key in keys)] for i in chosen]
    table = rows(["step", *keys], body, f"{len(chosen)} of {len(log):,} log points")
    return element("details", element("summary", "The numbers"), table)


def _excuse(evidence: Evidence) -> list[str]:
    return [f"The log cannot be read whole: {evidence.missing['log']}."] if "log" in evidence.missing else []
