"""Figures of a study: budget curves, box plots, seeds, precision against recall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.plots import library
from minigan.study import analysis
from minigan.study.analysis import Row, of, pairs, values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, and a marker for each, so that lines differ without colours as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
MARKERS = "osv^DPX*"
NAMES = tuple(analysis.DEFAULTS)


def budgets(rows: Sequence[Row]) -> Figure:
    """The expected best score against the number of runs, a panel for each data set, with 95 % bands."""

    def panel(axes: Axes, data: str) -> None:
        for model in models(rows, data):
            rng, scores = np.random.default_rng(0), values(of(rows, model=model, data=data, role="wide"))
            line, style = analysis.curve(scores, rng), _style(model)
            known = np.isfinite(line["mean"]) & np.isfinite(line["high"])
            axes.plot(line["budget"], line["mean"], label=model, markersize=3, linewidth=1.3, **style)
            x, low, high = line["budget"][known], line["low"][known], line["high"][known]
            axes.fill_between(x, low, high, color=style["color"], alpha=0.07, linewidth=0)
        axes.set(xlabel="budget, runs", ylabel="expected best score", yscale="log")
        axes.locator_params(axis="x", integer=True)

    return _panels(rows, "wide", panel)


def boxes(rows: Sequence[Row]) -> Figure:
    """The scores of all configurations of the wide search, and the default's."""

    def panel(axes: Axes, data: str) -> None:
        names = models(rows, data)
        scores = [finite(values(of(rows, model=model, data=data, role="wide"))) for model in names]
        axes.boxplot(scores, tick_labels=names, widths=0.6, flierprops={"markersize": 3})
        for i, model in enumerate(names, 1):
            default = finite(values(of(rows, model=model, data=data, role="wide", sample=0)))
            axes.plot(np.full(len(default), i), default, "x", color=COLOURS[1], label="default" if i == 1 else None)
        axes.set(ylabel="score", yscale="log")
        axes.tick_params(axis="x", rotation=45)

    return _panels(rows, "wide", panel)


def seeds(rows: Sequence[Row]) -> Figure | None:
    """The scores of each model's best configuration with several seeds; None where there are none."""
    if not of(rows, role="repeat"):
        return None

    def panel(axes: Axes, data: str) -> None:
        names = models(rows, data, "repeat")
        for i, model in enumerate(names):
            scores = finite(values(of(rows, model=model, data=data, role="repeat")))
            spread = np.linspace(-0.2, 0.2, len(scores)) if len(scores) > 1 else np.zeros(len(scores))
            axes.plot(i + spread, scores, linestyle="", markersize=4, **_style(model))
        axes.set(ylabel="score", yscale="log")
        axes.set_xticks(range(len(names)), names, rotation=45)

    return _panels(rows, "repeat", panel)


def precision_recall(rows: Sequence[Row]) -> Figure | None:
    """Precision against recall of triangles; None where they were not measured."""
    measured = [row for row in rows if "precision" in row and "recall" in row]
    if not measured:
        return None

    def panel(axes: Axes, data: str) -> None:
        for model in models(measured, data):
            group = of(measured, model=model, data=data)
            x, y = values(group, "recall"), values(group, "precision")
            axes.plot(x, y, linestyle="", label=model, markersize=5, **_style(model))
        axes.set(xlabel="recall", ylabel="precision", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))

    return _panels(measured, "wide", panel)


def models(rows: Sequence[Row], data: str, role: str = "wide") -> list[str]:
    """The models with runs on a data set."""
    return [model for model, source in pairs(of(rows, role=role)) if source == data]


def _panels(rows: Sequence[Row], role: str, draw: Callable[[Axes, str], None]) -> Figure:
    library.load()
    from matplotlib.figure import Figure

    sets = list(dict.fromkeys(data for _, data in pairs(of(rows, role=role))))
    figure = Figure(figsize=(5.2 * len(sets), 4.0), dpi=110, layout="constrained")
    for i, data in enumerate(sets, 1):
        axes = figure.add_subplot(1, len(sets), i)
        draw(axes, data)
        axes.set_title(data, fontsize=10)
        axes.grid(alpha=0.25)
        if i == len(sets) and axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, ncols=2)
    return figure


def _style(model: str) -> dict[str, Any]:
    i = NAMES.index(model) if model in NAMES else 0
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}


def finite(x: np.ndarray) -> np.ndarray:
    return x[np.isfinite(x)]
