"""Drawing: strokes of a pen become a density on the plane, and points that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from minigan.data import Dataset
from minigan.lab.distances import BINS, smoothed

SIDE = 5 * BINS  # cells along a side of the raster, so that each cell of a histogram is 25 of them
PLACES = 1024  # along a side: what strokes are made of, whole numbers
WINDOW = 3.0  # drawings fill [-WINDOW, WINDOW]²
SAMPLES = 100_000  # of a data set that follows a drawing
MOST_STROKES, MOST_PLACES, FEWEST_CELLS = 64, 4000, 20
DUE = 0.05  # a cell is reached that has this share of the points that belong there

Strokes = Sequence[Sequence[int]]


@dataclass(frozen=True, eq=False)
class Drawing:
    """A density that is constant in each cell of a raster.

    name     what it is called
    strokes  [width, x, y, x, y, ...] each, in PLACES of the window, y upwards; a negative width erases
    share    float64 (SIDE, SIDE), the probability of each cell, by x and y
    """

    name: str
    strokes: Strokes
    share: np.ndarray

    @classmethod
    def of(cls, strokes: Strokes, name: str = "drawing") -> Drawing:
        """The drawing of checked strokes (`check_strokes`); ValueError where too little is drawn."""
        raster = np.zeros((SIDE, SIDE))
        for width, *places in strokes:
            raster[_near(np.array(places).reshape(-1, 2), abs(width) / 2)] = float(width > 0)
        if raster.sum() < FEWEST_CELLS:
            raise ValueError("draw a little more: a few dots are too little to learn from")
        blurred = smoothed(raster, 0.7)
        blurred[blurred < 1e-6] = 0  # the tails of the blur reach everywhere
        return cls(name, strokes, blurred / blurred.sum())

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n points, float32 (n, 2): a cell by its probability, then any place in it."""
        cells = rng.choice(self.share.size, size=n, p=self.share.ravel())
        corners = np.stack(np.divmod(cells, SIDE), axis=1)
        return (((corners + rng.random((n, 2))) / SIDE * 2 - 1) * WINDOW).astype(np.float32)

    def cells(self) -> np.ndarray:
        """The exact probability of each cell of `distances.histogram`."""
        blocks = self.share.reshape(BINS, 5, BINS, 5).sum(axis=(1, 3))
        return np.append(blocks.ravel(), 0.0)

    def reached(self, points: np.ndarray) -> tuple[float, float]:
        """Of points (n, 2), the share that lies on the drawing; and the share of the drawing's cells, each of those of
        a histogram with its weight, that have at least DUE of the points that belong there."""
        places = np.floor((points / WINDOW + 1) / 2 * SIDE).astype(int)
        inside = ((places >= 0) & (places < SIDE)).all(axis=1)
        some = places[inside]
        on = self.share[some[:, 0], some[:, 1]] > 0.05 * self.share.max()
        counts = np.histogram2d(some[:, 0], some[:, 1], bins=BINS, range=[[0, SIDE]] * 2)[0] / max(len(points), 1)
        blocks = self.cells()[:-1]
        return float(on.sum() / max(len(points), 1)), float(blocks[counts.ravel() >= DUE * blocks].sum())

    def dataset(self, rng: np.random.Generator) -> Dataset:
        """Points that follow the drawing, to train on."""
        return Dataset(self.name, self.sample(SAMPLES, rng), None, f"{SAMPLES:,} points that follow a drawing")


def check_strokes(strokes: object, where: str = "data.strokes") -> list[list[int]]:
    """The strokes of a preset or of a page; ValueError names what is wrong with them."""
    if not isinstance(strokes, list) or not strokes:
        raise ValueError(f"{where} must be a list of strokes [width, x, y, ...], got {_short(strokes)}")
    if len(strokes) > MOST_STROKES:
        raise ValueError(f"{MOST_STROKES} strokes are the most a drawing may have, got {len(strokes)}")
    for i, stroke in enumerate(strokes):
        whole = isinstance(stroke, list) and all(type(number) is int for number in stroke)
        if not whole or len(stroke) < 3 or len(stroke) % 2 == 0:
            raise ValueError(f"{where}[{i}] must be [width, x, y, x, y, ...] in whole numbers, got {_short(stroke)}")
        if not 1 <= abs(stroke[0]) <= 200 or not all(0 <= number < PLACES for number in stroke[1:]):
            raise ValueError(f"{where}[{i}]: the width must be from 1 to 200, negative to erase; places from 0 to 1023")
    if sum(len(stroke) // 2 for stroke in strokes) > MOST_PLACES:
        raise ValueError(f"{MOST_PLACES} places are the most the strokes of a drawing may have together")
    return strokes


def shapes() -> dict[str, list[list[int]]]:
    """Drawings to begin with, by name."""
    t = np.linspace(0, 1, 60)
    bow = np.stack([np.cos(np.pi * t), np.sin(np.pi * t)], axis=1)
    turn = 0.25 + 2.4 * t
    spiral = (turn * np.stack([np.cos(2 * np.pi * 1.6 * t), np.sin(2 * np.pi * 1.6 * t)])).T
    letter = [[(-1.4, -1.9), (0, 1.9), (1.4, -1.9)], [(-0.85, -0.5), (0.85, -0.5)]]
    face = 2.2 * np.stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)], axis=1)
    return {
        "moons": [_stroke(40, bow * 1.4 + (-0.7, -0.4)), _stroke(40, bow * (1.4, -1.4) + (0.7, 0.4))],
        "spiral": [_stroke(36, spiral)],
        "line": [_stroke(40, [(-2.2, -1.2), (2.2, 1.2)])],
        "two blobs": [_stroke(60, [(-2.2, -1.6)]), _stroke(60, [(2.2, 1.6)])],
        "letter A": [_stroke(56, line) for line in letter],
        "face": [_stroke(30, face), _stroke(70, [(-0.8, 0.7)]), _stroke(70, [(0.8, 0.7)]),
                 _stroke(34, bow * (1.2, -0.9) + (0, -0.4))],
    }  # fmt: skip


def _stroke(width: int, points: object) -> list[int]:
    """A stroke through points of the plane."""
    places = np.rint((np.array(points) / WINDOW + 1) / 2 * (PLACES - 1)).astype(int)
    return [width, *np.clip(places, 0, PLACES - 1).ravel().tolist()]


def _near(places: np.ndarray, reach: float) -> np.ndarray:
    """Which cells of the raster are within `reach` of the line through places (n, 2)."""
    centres = (np.arange(SIDE) + 0.5) / SIDE * PLACES
    cells = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1)  # (SIDE, SIDE, 2)
    near = np.zeros((SIDE, SIDE), bool)
    for start, end in pairwise(places if len(places) > 1 else np.repeat(places, 2, axis=0)):
        way = end - start
        t = np.clip(((cells - start) @ way) / max(float(way @ way), 1e-9), 0, 1)[..., np.newaxis]
        near |= ((cells - start - t * way) ** 2).sum(axis=-1) <= max(reach, PLACES / SIDE / 2) ** 2
    return near


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
