"""Many trainings on one page, a row each, so that they can be compared."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.plots import library
from minigan.plots.density import density_frame
from minigan.plots.files import replacing_as
from minigan.plots.grids import grid
from minigan.plots.palette import BLUE, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = BLUE  # every curve has a panel of its own, so colour carries no meaning
FAINT = "#BBBBBB"
LONGEST = 9  # rows that stand in one column; more are split into two, side by side
PIXELS, GAP = 240, 4  # of a density picture, and between two of them
SIDE, LABEL, CURVE, LAST, SPACE = 1.4, 1.35, 1.2, 0.45, 0.12  # inches: a picture, the name, a curve, its last value
HEAD, STRIP = 0.4, 0.56  # inches above all rows, and of a row of images
DPI = 120


@dataclass(frozen=True, eq=False)
class PointsRow:
    """One training on points of the plane.

    name      what the row is called
    pictures  step -> points (N, 2), in order: the density pictures
    steps     where the two curves were measured, in order
    found     modes found, at each of the steps
    good      share of good samples in [0, 1], at each of the steps
    total     steps that the training was meant to take: where the curves' axes end; 0: at the last of `steps`
    note      a few words below the name, such as why the training ended early
    """

    name: str
    pictures: Mapping[int, np.ndarray] = field(default_factory=dict)
    steps: Sequence[int] = ()
    found: Sequence[int] = ()
    good: Sequence[float] = ()
    total: int = 0
    note: str = ""


@dataclass(frozen=True, eq=False)
class ImagesRow:
    """One training on images: its name, samples uint8 (N, H, W, C) if there are any, and a few words about them."""

    name: str
    images: np.ndarray | None = None
    note: str = ""


def save_points_rows(path: str | os.PathLike[str], rows: Sequence[PointsRow], *, real: np.ndarray, modes: int) -> None:
    """Write a PNG with a row for each training: density pictures of a few moments, and two curves over the steps.

    real    (M, 2), outlined in every picture; their window holds these points
    modes   K, how many modes there are to be found: the top of the first curve; the second goes from 0 to 1

    Dots on the curves are the moments of the pictures; the last values stand beside them. More than nine rows are
    split into two columns. Shades and positions carry everything: the page can be printed in grey. ValueError: no
    rows, or a row whose curves are not as long as its steps.
    """
    if len(rows) == 0:
        raise ValueError("there are no rows to draw")
    for row in rows:
        if not len(row.steps) == len(row.found) == len(row.good):
            lengths = f"{len(row.steps)} steps, {len(row.found)} found, {len(row.good)} good"
            raise ValueError(f"{row.name}: the curves need a value for each step, got {lengths}")
    _save(path, lambda: _points_page(rows, real, modes))


def save_images_rows(path: str | os.PathLike[str], rows: Sequence[ImagesRow]) -> None:
    """Write a PNG with a row for each training: its name, its images side by side, and its comments.

    ValueError: no rows, or something that is not an image.
    """
    if len(rows) == 0:
        raise ValueError("there are no rows to draw")
    _save(path, lambda: _images_page(rows))


def _save(path: str | os.PathLike[str], draw: Callable[[], Figure]) -> None:
    matplotlib = library.load()
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with matplotlib.rc_context(), replacing_as(path, ".png") as file:
        matplotlib.rcdefaults()  # the same picture whatever style this machine or program has chosen for its own plots
        FigureCanvasAgg(draw()).print_png(file)


class _Page:
    """A figure on which things are placed in inches from its upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=DPI)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        box = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def write(self, x: float, y: float, text: str, size: float, *, right: bool = False, top: bool = False) -> None:
        """Text whose left (or right) edge is at x; y is the middle of its lines, or their top."""
        sides: dict[str, Any] = {"ha": "right" if right else "left", "va": "top" if top else "center"}
        place = x / self.width, 1 - y / self.height
        self.figure.text(*place, text, fontsize=size, color=INK, parse_math=False, linespacing=1.4, **sides)


def _points_page(rows: Sequence[PointsRow], real: np.ndarray, modes: int) -> Figure:
    count = max(1, *(len(row.pictures) for row in rows))
    columns = 1 if len(rows) <= LONGEST else 2
    per_column = -(-len(rows) // columns)
    width = LABEL + count * SIDE + 2 * (SPACE + CURVE + LAST) + SPACE
    page = _Page(columns * width, HEAD + per_column * (SIDE + SPACE))
    for column in range(columns):
        x = column * width + LABEL + count * SIDE + SPACE
        page.write(x, HEAD / 2, f"modes found, of {modes}", 9)
        page.write(x + CURVE + LAST + SPACE, HEAD / 2, "share of good samples", 9)
    for number, row in enumerate(rows):
        column, line = divmod(number, per_column)
        _points_row(page, column * width, HEAD + line * (SIDE + SPACE), row, count, real, modes)
    return page.figure


def _points_row(page: _Page, x: float, y: float, row: PointsRow, count: int, real: np.ndarray, modes: int) -> None:
    """One row with its upper left corner at (x, y)."""
    middle = y + SIDE / 2
    page.write(x + LABEL - 0.12, middle - (0.1 if row.note else 0), row.name, 11, right=True)
    page.write(x + LABEL - 0.12, middle + 0.1, textwrap.fill(row.note, 16), 8, right=True, top=True)
    if row.pictures:
        strip = _strip(row.pictures, real)
        axes = page.axes(x + LABEL, y, len(row.pictures) * SIDE, SIDE)
        axes.imshow(strip, aspect="auto", interpolation="antialiased")
        axes.set_axis_off()
    x += LABEL + count * SIDE + SPACE
    for values, top, form in ((row.found, modes, "{:.0f}"), (row.good, 1, "{:.0%}")):
        if len(values):
            _curve(page.axes(x, y, CURVE, SIDE), row, values, top)
            page.write(x + CURVE + 0.06, y + (1.08 - values[-1] / top) / 1.16 * SIDE, form.format(values[-1]), 10)
        x += CURVE + LAST + SPACE


def _strip(pictures: Mapping[int, np.ndarray], real: np.ndarray) -> np.ndarray:
    """Density pictures beside each other, each with its step: (PIXELS, W, 3)."""
    gap = np.full((PIXELS, GAP, 3), 255, np.uint8)
    frames = [
        density_frame(points, real=real, title=f"step {step:,}", size=PIXELS) for step, points in pictures.items()
    ]
    return np.concatenate([*chain.from_iterable((frame, gap) for frame in frames)], axis=1)


def _curve(axes: Axes, row: PointsRow, values: Sequence[float], top: float) -> None:
    """Values over the steps between 0 and `top`, with dots where there is a picture."""
    steps, heights = np.asarray(row.steps), np.asarray(values, dtype=np.float64)
    pictured = np.isin(steps, list(row.pictures))
    end = max(row.total, steps[-1])
    axes.hlines([0, top / 2, top], 0, end, color=FAINT, linewidth=0.6)
    axes.plot(steps, heights, color=LINE, linewidth=1.6)
    axes.plot(steps[pictured], heights[pictured], "o", color=LINE, markersize=4)
    axes.set_xlim(-0.03 * end, 1.03 * end)
    axes.set_ylim(-0.08 * top, 1.08 * top)
    axes.set_axis_off()


def _images_page(rows: Sequence[ImagesRow]) -> Figure:
    strips = [None if row.images is None else grid(row.images, len(row.images), scale=1) for row in rows]
    longest = max([strip.shape[1] / strip.shape[0] for strip in strips if strip is not None], default=0) * STRIP
    page = _Page(LABEL + longest + 2.2, len(rows) * STRIP + 2 * SPACE)
    for number, (row, strip) in enumerate(zip(rows, strips, strict=True)):
        y = SPACE + number * STRIP
        page.write(LABEL - 0.12, y + STRIP / 2, row.name, 11, right=True)
        page.write(LABEL + longest + 0.12, y + STRIP / 2, row.note, 9)
        if strip is not None:
            axes = page.axes(LABEL, y, STRIP * strip.shape[1] / strip.shape[0], STRIP)
            axes.imshow(np.broadcast_to(strip, (*strip.shape[:2], 3)), aspect="auto")
            axes.set_axis_off()
    return page.figure
