"""The pictures of a training log: what both players lose, what D thinks of real and of fake, what else was read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.plots.files import replacing_as
from minigan.plots.palette import BLUE, GREEN, INK, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEYS = ("step", "d_loss", "g_loss", "d_real", "d_fake")
SCORES = ("fid", "covered", "entropy", "good")  # there at every so many log points only, and one line nevertheless
NOT_DRAWN = ("epoch", "seconds", "vitals", "health")
D_STYLE: dict[str, Any] = {"color": BLUE, "linestyle": "-"}
G_STYLE: dict[str, Any] = {"color": VERMILLION, "linestyle": (0, (3.5, 1.2))}
READING_STYLE: dict[str, Any] = {"color": GREEN, "linestyle": "-"}
LINES = {
    "d_loss": ("discriminator", D_STYLE),
    "g_loss": ("generator", G_STYLE),
    "d_real": ("real, $D(x)$", D_STYLE),
    "d_fake": ("generated, $D(G(z))$", G_STYLE),
}
FEW = 30  # log points up to which each is marked and none is averaged
READINGS = 4  # panels for what else a log holds
HEIGHT, READING_HEIGHT = 3.0, 1.3  # inches of a panel


def save_curves(path: str | os.PathLike[str], log: Sequence[Mapping[str, Any]], *, title: str | None = None) -> None:
    """Write the curves of a run as a PNG of 1200 x 900 pixels: losses above, D's scores of real and fake below.

    log    one mapping per log point with `step`, `d_loss`, `g_loss`, `d_real` (mean D(x)) and `d_fake` (mean D(G(z)));
           `epoch`, `seconds`, `vitals` and `health` are not looked at; of the objective's own readings (a margin, a
           distance) and of scores, which not every point must hold, the first four get a small panel each below, 195
           pixels high

    Thin lines are the log itself, thick ones its running mean without the wildest spikes, which may leave the panel.
    The scores of D are called probabilities when all of them lie in [0, 1]. A number that is not finite (or None)
    leaves a gap, and a mark at the foot of its panel; readings leave the gap alone, and scores have none. What is None
    from end to end is no part of the game: its line is left out, and so is the panel of the scores or of a reading
    without any line.
    ValueError: the log is empty, a log point lacks a key, or something in it is not a number.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    curves = _curves(log)
    with matplotlib.rc_context(), replacing_as(path, ".png") as file:
        matplotlib.rcdefaults()  # the same picture whatever style this machine or program has chosen for its own plots
        FigureCanvasAgg(_figure(curves, title)).print_png(file)


def _figure(curves: dict[str, np.ndarray], title: str | None) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    scores: list[str] = [key for key in ("d_real", "d_fake") if key in curves]
    readings = [[key] for key in curves if key not in KEYS][:READINGS]
    panels = [["d_loss", "g_loss"], *([scores] if scores else []), *readings]
    heights = [HEIGHT if keys[0] in KEYS else READING_HEIGHT for keys in panels]
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    figure = Figure(figsize=(8, sum(heights)), dpi=150, layout=layout)
    column = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, keys in zip(column, panels, strict=True):
        _panel(axes, curves, keys)
        axes.set_ylabel("loss" if keys[0] == "d_loss" else keys[0], parse_math=False)
    if scores:
        _name_scores(column[1], np.concatenate([curves[key] for key in scores]))
    if readings:
        figure.align_ylabels()
    column[-1].set_xlabel("step")
    if title is not None:
        figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, parse_math=False)
    return figure


def _curves(log: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """The log as one float64 array per key that has something to show; what is not finite, or missing, becomes NaN."""
    if len(log) == 0:
        raise ValueError("the log is empty: there is no curve to draw before the first log point")
    for number, point in enumerate(log):
        missing = [key for key in KEYS if key not in point]
        if missing:
            raise ValueError(f"log point {number} lacks {', '.join(missing)}; it has {', '.join(map(str, point))}")
    keys = dict.fromkeys([*KEYS, *(key for point in log for key in point if key not in NOT_DRAWN)])
    curves = {key: _column(log, key) for key in keys}
    if np.isnan(curves["step"]).any():
        raise ValueError(f"log point {np.isnan(curves['step']).argmax()} has no finite `step`")
    return {key: values for key, values in curves.items() if np.isfinite(values).any() or _broke(log, key)}


def _column(log: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    try:
        values = np.array([point.get(key) for point in log], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{key}` must be a number or None at every log point: {error}") from error
    return np.where(np.isfinite(values), values, np.nan)


def _broke(log: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Was a number of the game itself computed, and never finite?"""
    return key in KEYS and any(point[key] is not None for point in log)


def _panel(axes: Axes, curves: dict[str, np.ndarray], keys: Sequence[str]) -> None:
    """Those of `keys` that the log has, thin as logged and thick as smoothed; a legend that covers nothing."""
    step, shown = curves["step"], {key: curves[key] for key in keys if key in curves}
    calmed = {key: tame(values) for key, values in shown.items() if np.isfinite(values).any()}
    for key, calm in calmed.items():
        name, style = LINES.get(key, (None, READING_STYLE))
        there = np.isfinite(calm) if key in SCORES else np.full(len(step), True)
        marker = "o" if there.sum() <= FEW else None
        axes.plot(step[there], shown[key][there], color=style["color"], alpha=0.3, linewidth=0.8)
        axes.plot(step[there], smooth(calm[there]), label=name, linewidth=2.2, marker=marker, markersize=5, **style)
    known = np.concatenate([[], *calmed.values()])
    known = known[np.isfinite(known)]
    if known.size:
        margin = 0.06 * np.ptp(known) or 0.1
        axes.set_ylim(known.min() - margin, known.max() + margin)
    broken = np.isnan(sum(values for key, values in shown.items() if key in KEYS))
    if broken.any():
        at, foot = step[broken], axes.get_xaxis_transform()
        axes.plot(at, np.full_like(at, 0.03), "|", color=INK, markersize=9, transform=foot, label="not finite")
    _dress(axes)


def _dress(axes: Axes) -> None:
    """What all panels share: legend above the axes, whole steps below, faint lines to read values by."""
    from matplotlib.ticker import MaxNLocator

    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, labelcolor=INK, borderaxespad=0.2)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter("{x:,.0f}")


def _name_scores(axes: Axes, scores: np.ndarray) -> None:
    """Probabilities get their whole range and the line where D cannot tell; other scores only their name."""
    if ((scores < 0) | (scores > 1)).any():
        axes.set_ylabel("critic's score")
        return
    axes.set_ylabel("D's probability of real")
    axes.set_ylim(-0.03, 1.03)
    axes.axhline(0.5, color=INK, linewidth=1, linestyle=":", zorder=1)


def tame(values: np.ndarray) -> np.ndarray:
    """The wildest hundredth at each end cut down to the rest: one spike must not flatten the picture."""
    known = values[np.isfinite(values)]
    return np.clip(values, *np.quantile(known, [0.01, 0.99], method="nearest")) if known.size else values


def smooth(values: np.ndarray) -> np.ndarray:
    """A running mean under a bell; its standard deviation is a sixtieth of the log. Gaps stay gaps and do not count."""
    from scipy.ndimage import gaussian_filter1d

    if len(values) <= FEW:
        return values
    known = np.isfinite(values)
    width = len(values) / 60
    weight = gaussian_filter1d(known.astype(np.float64), width, mode="constant")
    total = gaussian_filter1d(np.where(known, values, 0.0), width, mode="constant")
    return np.where(known, total / np.where(known, weight, 1.0), np.nan)
