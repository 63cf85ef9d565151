"""Charts as inline SVG: sharp at any size, light or dark with the page, a few kilobytes each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minigan.html import Html, element
from minigan.plots.curves import smooth, tame

WIDTH, HEIGHT = 380, 236  # units; the page scales them
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 46, 38
COLUMNS = 300  # of a long log, so many stretches are drawn, each by its lowest and its highest value
FEW = 30  # values up to which each is marked


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a chart. `kind` is its style on the page ("d", "g", "one"); NaN leaves a gap."""

    name: str
    kind: str
    values: np.ndarray


@dataclass(frozen=True)
class Axes:
    """The window of values that a picture shows, and where on it they lie, in units."""

    x: tuple[float, float]
    y: tuple[float, float]
    across: tuple[float, float] = (LEFT, WIDTH - RIGHT)
    down: tuple[float, float] = (TOP, HEIGHT - BOTTOM)

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Units (n, 2) of values; those above or below the window lie on its edge."""
        (x0, x1), (y0, y1), (left, right), (top, bottom) = self.x, self.y, self.across, self.down
        across = left + (x - x0) / (x1 - x0) * (right - left)
        down = bottom - (np.clip(y, y0, y1) - y0) / (y1 - y0) * (bottom - top)
        return np.stack([across, down], axis=1)


def line_chart(
    title: str,
    x: np.ndarray,
    lines: Sequence[Line],
    *,
    y: tuple[float, float] | None = None,
    at: float | None = None,
    across: str = "step",
) -> Html:
    """Lines over x, thin as they are and thick as smoothed; `y` is the window (None: what holds the values but for the
    wildest hundredth), `at` draws a dotted level."""
    axes = Axes(_span(x[:1].tolist() + x[-1:].tolist(), 0), y or _window(lines))
    marks = [] if at is None else [_path(axes.at(np.array(axes.x), np.array([at, at])), "level")]
    for line in lines:
        if np.isfinite(line.values).sum() > FEW:
            marks.append(_path(axes.at(*_thinned(x, line.values)), f"thin {line.kind}"))
            marks.append(_path(axes.at(*_thinned(x, smooth(line.values))), f"line {line.kind}"))
        else:
            known = np.isfinite(line.values)
            points = axes.at(x[known], line.values[known])
            marks.append(_path(points, f"line {line.kind}"))
            marks += [element("circle", cx=f"{px:.1f}", cy=f"{py:.1f}", r=2.5, class_=line.kind) for px, py in points]
    return chart(title, axes, marks, [(line.name, line.kind) for line in lines], across)


def histogram(title: str, sets: Sequence[Line], across: str, bins: int = 24) -> Html:
    """How often values fall where, as steps: the share of each set of values in each of `bins` stretches from 0 on."""
    top = max(float(one.values.max()) for one in sets)
    edges = np.linspace(0, top or 1, bins + 1)
    shares = [np.histogram(one.values, edges)[0] / len(one.values) for one in sets]
    axes = Axes((0, float(edges[-1])), (0, 1.05 * max(float(share.max()) for share in shares)))
    marks = []
    for one, share in zip(sets, shares, strict=True):
        outline = axes.at(np.repeat(edges, 2), np.concatenate([[0], np.repeat(share, 2), [0]]))
        marks.append(_path(outline, f"line {one.kind}"))
    return chart(title, axes, marks, [(one.name, one.kind) for one in sets], across)


def chart(title: str, axes: Axes, marks: Sequence[Html], legend: Sequence[tuple[str, str]], across: str) -> Html:
    """Marks in a frame of axes; what the lines mean stands above them."""
    parts = [_text(LEFT, 16, title, "title"), *_grid(axes), *marks, _text(WIDTH - RIGHT, HEIGHT - 4, across, "end")]
    place = float(LEFT)
    for name, kind in [(name, kind) for name, kind in legend if name]:
        parts.append(_path(np.array([[place, 31.0], [place + 22, 31.0]]), f"line {kind}"))
        parts.append(_text(place + 27, 35, name, "label"))
        place += 45 + 6.2 * len(name)
    names = ", ".join(name for name, _ in legend if name)
    label = f"Chart: {title}{f' ({names})' if names else ''} over {across}"
    return element("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label, class_="chart")


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from low to high, about so many."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def _grid(axes: Axes) -> list[Html]:
    parts = []
    for value in ticks(*axes.y):
        ends = axes.at(np.array(axes.x), np.array([value, value]))
        parts += [_path(ends, "grid"), _text(LEFT - 6, ends[0, 1] + 4, f"{value:g}", "end")]
    for value in ticks(*axes.x, about=5):
        place = axes.at(np.array([value]), np.array([axes.y[0]]))[0]
        parts.append(_text(place[0], HEIGHT - BOTTOM + 15, f"{value:,g}" if value < 1e6 else f"{value:g}", "middle"))
    return parts


def _path(points: np.ndarray, kind: str) -> Html:
    """A line through points (n, 2); those that are not finite interrupt it."""
    commands, drawing = [], False
    for px, py in points:
        known = bool(np.isfinite(px) and np.isfinite(py))
        if known:
            commands.append(f"{'L' if drawing else 'M'}{px:.1f} {py:.1f}")
        drawing = known
    return element("path", d="".join(commands), class_=kind)


def _text(x: float, y: float, label: str, kind: str) -> Html:
    return element("text", label, x=f"{x:.0f}", y=f"{y:.0f}", class_=kind)


def _window(lines: Sequence[Line]) -> tuple[float, float]:
    known = np.concatenate([tame(line.values) for line in lines])
    known = known[np.isfinite(known)]
    return _span(known.tolist(), 0.06)


def _span(values: Sequence[float], margin: float) -> tuple[float, float]:
    """From the lowest to the highest, with a margin; never empty."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - (0.5 * abs(low) or 0.5), high + (0.5 * abs(high) or 0.5)
    return low - margin * (high - low), high + margin * (high - low)


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two points for each column, its lowest and its highest value in their order; columns with gaps stay whole."""
    if len(x) <= 2 * COLUMNS:
        return x, y
    kept: list[int] = []
    for columns in np.array_split(np.arange(len(x)), COLUMNS):
        if np.isfinite(y[columns]).all():
            kept += sorted({int(columns[y[columns].argmin()]), int(columns[y[columns].argmax()])})
        else:
            kept += columns.tolist()
    return x[kept], y[kept]
