"""The two pictures of a training log: what both players lose, and what D thinks of real and of fake."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.plots.files import replacing_as

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEYS = ("step", "d_loss", "g_loss", "d_real", "d_fake")
# Blue and vermillion of Okabe & Ito's palette for all kinds of colour vision; the dashes tell them apart in grey.
D_STYLE: dict[str, Any] = {"color": "#0072B2", "linestyle": "-"}
G_STYLE: dict[str, Any] = {"color": "#D55E00", "linestyle": (0, (3.5, 1.2))}
INK = "#333333"
FEW = 30  # log points up to which each is marked and none is averaged


def save_curves(path: str | os.PathLike[str], log: Sequence[Mapping[str, Any]], *, title: str | None = None) -> None:
    """Write the curves of a run as a PNG of 1200 x 900 pixels: losses above, D's scores of real and fake below.

    log    one mapping per log point with `step`, `d_loss`, `g_loss`, `d_real` (mean D(x)) and `d_fake` (mean D(G(z)));
           what else it holds is not looked at

    Thin lines are the log itself, thick ones its running mean without the wildest spikes, which may leave the panel.
    The scores are called probabilities when all of them lie in [0, 1]. A number that is not finite (or None) leaves
    a gap, and a mark at the foot of its panel.
    ValueError: the log is empty, or a log point lacks a key.
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

    figure = Figure(figsize=(8, 6), dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1))
    above, below = figure.subplots(2, 1, sharex=True)
    _panel(above, curves["step"], {"discriminator": curves["d_loss"], "generator": curves["g_loss"]})
    above.set_ylabel("loss")
    d_real, d_fake = curves["d_real"], curves["d_fake"]
    _panel(below, curves["step"], {"real, $D(x)$": d_real, "generated, $D(G(z))$": d_fake})
    _name_scores(below, np.concatenate([d_real, d_fake]))
    below.set_xlabel("step")
    if title is not None:
        figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, parse_math=False)
    return figure


def _curves(log: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """The log as one float64 array per key; numbers that are not finite become NaN."""
    if len(log) == 0:
        raise ValueError("the log is empty: there is no curve to draw before the first log point")
    for number, point in enumerate(log):
        missing = [key for key in KEYS if key not in point]
        if missing:
            raise ValueError(f"log point {number} lacks {', '.join(missing)}; it has {', '.join(map(str, point))}")
    curves = {key: np.array([point[key] for point in log], dtype=np.float64) for key in KEYS}
    curves = {key: np.where(np.isfinite(values), values, np.nan) for key, values in curves.items()}
    if np.isnan(curves["step"]).any():
        raise ValueError(f"log point {np.isnan(curves['step']).argmax()} has no finite `step`")
    return curves


def _panel(axes: Axes, step: np.ndarray, lines: dict[str, np.ndarray]) -> None:
    """Both players' curves, thin as logged and thick as smoothed, with a legend that covers nothing."""
    marker = "o" if len(step) <= FEW else None
    tame = [_tame(values) for values in lines.values()]
    for name, values, calm, style in zip(lines, lines.values(), tame, (D_STYLE, G_STYLE), strict=True):
        axes.plot(step, values, color=style["color"], alpha=0.3, linewidth=0.8)
        axes.plot(step, _smooth(calm), label=name, linewidth=2.2, marker=marker, markersize=5, **style)
    known = np.concatenate(tame)
    known = known[np.isfinite(known)]
    if known.size:
        margin = 0.06 * np.ptp(known) or 0.1
        axes.set_ylim(known.min() - margin, known.max() + margin)
    broken = np.isnan(sum(lines.values()))
    if broken.any():
        at, foot = step[broken], axes.get_xaxis_transform()
        axes.plot(at, np.full_like(at, 0.03), "|", color=INK, markersize=9, transform=foot, label="not finite")
    _dress(axes)


def _dress(axes: Axes) -> None:
    """What both panels share: legend above the axes, whole steps below, faint lines to read values by."""
    from matplotlib.ticker import MaxNLocator

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


def _tame(values: np.ndarray) -> np.ndarray:
    """The wildest hundredth at each end cut down to the rest: one spike must not flatten the picture."""
    known = values[np.isfinite(values)]
    return np.clip(values, *np.quantile(known, [0.01, 0.99], method="nearest")) if known.size else values


def _smooth(values: np.ndarray) -> np.ndarray:
    """A running mean under a bell; its standard deviation is a sixtieth of the log. Gaps stay gaps and do not count."""
    from scipy.ndimage import gaussian_filter1d

    if len(values) <= FEW:
        return values
    known = np.isfinite(values)
    width = len(values) / 60
    weight = gaussian_filter1d(known.astype(np.float64), width, mode="constant")
    total = gaussian_filter1d(np.where(known, values, 0.0), width, mode="constant")
    return np.where(known, total / np.where(known, weight, 1.0), np.nan)
