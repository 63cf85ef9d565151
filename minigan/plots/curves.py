"""The picture of a training log: all losses, D's outputs for real and generated samples, what else was read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.plots import library
from minigan.plots.files import replacing_as
from minigan.plots.palette import BLUE, GREEN, INK, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTPUTS = {"d_real": "real, $D(x)$", "d_fake": "generated, $D(G(z))$"}
PLAYERS = {"d_loss": "discriminator", "g_loss": "generator"}
SCORES = ("fid", "swd", "covered", "entropy", "good", "held_out_error")  # at every so many log points, yet one line
NOT_DRAWN = ("epoch", "seconds", "vitals", "health")
# Of lines whose names begin with "d" and with "g"; the others are green. Several of a kind differ in their dashes.
COLOURS = {"d": BLUE, "g": VERMILLION}
DASHES: dict[str, tuple[Any, ...]] = {
    "d": ("-", (0, (1, 1)), (0, (5, 1, 1, 1))),
    "g": ((0, (3.5, 1.2)), (0, (1, 1.5)), (0, (6, 1, 1, 1, 1, 1))),
}
FEW = 30  # log points up to which each is marked and none is averaged
READINGS = 4  # panels for what else a log holds
HEIGHT, READING_HEIGHT = 3.0, 1.3  # inches of a panel


def save_curves(path: str | os.PathLike[str], log: Sequence[Mapping[str, Any]], *, title: str | None = None) -> None:
    """Write the curves of a run as a PNG, 1200 pixels wide: all losses, then D's outputs, then what else there is.

    log    one mapping per log point with `step` and numbers. Those called "<turn>_loss" share the first panel, d_real
           (mean D(x)) and d_fake (mean D(G(z))) the second, each 450 pixels high; of the others, readings and scores,
           the first four get a panel of 195 pixels each. `epoch`, `seconds`, `vitals` and `health` are left out

    Thin lines are the log itself, thick ones its running mean without the wildest spikes, which may leave the panel.
    D's outputs are called probabilities when all of them lie in [0, 1]. Where a number is None or absent there is a
    gap, and no line where it always is. A loss or an output that is not finite leaves a gap with a mark at the foot.
    ValueError: the log is empty, a log point has no `step`, or something in it is not a number.
    """
    matplotlib = library.load()
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    curves = _curves(log)
    with matplotlib.rc_context(), replacing_as(path, ".png") as file:
        matplotlib.rcdefaults()  # the same picture whatever style this machine or program has chosen for its own plots
        FigureCanvasAgg(_figure(curves, title)).print_png(file)


def is_loss(key: str) -> bool:
    """Is this column of a log a loss?"""
    return key.endswith("_loss")


def name_of(key: str) -> str:
    """The name of a loss or an output in a legend; a turn that is named after players is written as they are."""
    known = {**PLAYERS, **OUTPUTS}
    turn = key.removesuffix("_loss")
    return known[key] if key in known else turn.upper() if turn[1:2] in ("", "_", "+") else turn


def _figure(curves: dict[str, np.ndarray], title: str | None) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    losses, outputs = [key for key in curves if is_loss(key)], [key for key in OUTPUTS if key in curves]
    readings = [[key] for key in curves if key not in (*losses, *outputs, "step")][:READINGS]
    panels = [losses, *([outputs] if outputs else []), *readings]
    heights = [HEIGHT if keys not in readings else READING_HEIGHT for keys in panels]
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    figure = Figure(figsize=(8, sum(heights)), dpi=150, layout=layout)
    column = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, keys in zip(column, panels, strict=True):
        _panel(axes, curves, keys, marked=keys not in readings)
        axes.set_ylabel("loss" if keys is losses else keys[0], parse_math=False)
    if outputs:
        _name_outputs(column[1], np.concatenate([curves[key] for key in outputs]))
    if readings:
        figure.align_ylabels()
    column[-1].set_xlabel("step")
    if title is not None:
        figure.suptitle(library.drawable(title), x=0.02, ha="left", color=INK, fontsize=13, parse_math=False)
    return figure


def _curves(log: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """The log as one float64 array per key that has something to show: NaN where there is no number, infinity where
    there is one that is not finite."""
    if len(log) == 0:
        raise ValueError("the log is empty: there is no curve to draw before the first log point")
    keys = dict.fromkeys(["step", *PLAYERS, *(key for point in log for key in point if key not in NOT_DRAWN)])
    curves = {key: _column(log, key) for key in keys}
    steps = np.isfinite(curves["step"])
    if not steps.all():
        raise ValueError(
            f"log point {steps.argmin()} has no finite `step`; it has {', '.join(map(str, log[steps.argmin()]))}"
        )
    return {key: values for key, values in curves.items() if np.isfinite(values).any() or _broke(key, values)}


def _column(log: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    values = [point.get(key) for point in log]
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{key}` must be a number or None at every log point: {error}") from error
    there = np.array([value is not None for value in values])
    return np.where(there & ~np.isfinite(numbers), np.inf, numbers)


def _broke(key: str, values: np.ndarray) -> bool:
    """Was a loss or an output computed, and never finite?"""
    return (is_loss(key) or key in OUTPUTS) and bool(np.isinf(values).any())


def _panel(axes: Axes, curves: dict[str, np.ndarray], keys: Sequence[str], *, marked: bool) -> None:
    """The lines of `keys`, thin as logged and thick as smoothed; a legend that covers nothing.

    marked: show where a number was not finite
    """
    step = curves["step"]
    shown = {key: np.where(np.isinf(curves[key]), np.nan, curves[key]) for key in keys}
    calmed = {key: tame(values) for key, values in shown.items() if np.isfinite(values).any()}
    styles = _styles(keys)
    for key, calm in calmed.items():
        there = np.isfinite(calm) if key in SCORES else np.full(len(step), True)
        marker, name = "o" if there.sum() <= FEW else None, name_of(key) if marked else None
        axes.plot(step[there], shown[key][there], color=styles[key]["color"], alpha=0.3, linewidth=0.8)
        axes.plot(
            step[there], smooth(calm[there]), label=name, linewidth=2.2, marker=marker, markersize=5, **styles[key]
        )
    known = np.concatenate([[], *calmed.values()])
    known = known[np.isfinite(known)]
    if known.size:
        margin = 0.06 * np.ptp(known) or 0.1
        axes.set_ylim(known.min() - margin, known.max() + margin)
    broken = np.any([np.isinf(curves[key]) for key in keys], axis=0) if marked and keys else np.full(len(step), False)
    if broken.any():
        at, foot = step[broken], axes.get_xaxis_transform()
        axes.plot(at, np.full_like(at, 0.03), "|", color=INK, markersize=9, transform=foot, label="not finite")
    _dress(axes)


def _styles(keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour and dashes of each line of a panel."""
    styles, seen = {}, {"d": 0, "g": 0, "": 0}
    for key in keys:
        kind = {"d_real": "d", "d_fake": "g"}.get(key, key[0] if is_loss(key) and key[0] in COLOURS else "")
        dashes = DASHES.get(kind, DASHES["d"])
        styles[key] = {"color": COLOURS.get(kind, GREEN), "linestyle": dashes[seen[kind] % len(dashes)]}
        seen[kind] += 1
    return styles


def _dress(axes: Axes) -> None:
    """Every panel has its legend above the axes, whole steps below, faint lines to read values by."""
    from matplotlib.ticker import MaxNLocator

    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, labelcolor=INK, borderaxespad=0.2)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter("{x:,.0f}")


def _name_outputs(axes: Axes, outputs: np.ndarray) -> None:
    """Probabilities get their whole range and the line where D cannot decide; other outputs only their name."""
    finite = outputs[np.isfinite(outputs)]
    if ((finite < 0) | (finite > 1)).any():
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
    if len(values) <= FEW:
        return values
    known, width = np.isfinite(values), len(values) / 60
    reach = round(4 * width)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    weight = np.convolve(known.astype(np.float64), bell, mode="same")
    total = np.convolve(np.where(known, values, 0.0), bell, mode="same")
    return np.where(known, total / np.where(known, weight, 1.0), np.nan)
