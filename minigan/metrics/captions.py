"""Do pictures of captioned digits show what their captions state? Class, colours, stroke and lean, each measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from minigan.data.attributes import ink, slant, thickness
from minigan.data.captioned import LEANS, LEFT, MIDDLE, PALETTE, RIGHT, STROKES, THICK, THIN, Facts, facts_of
from minigan.data.dataset import Dataset
from minigan.metrics.conditions import fid_within_classes
from minigan.metrics.features.extractor import Extractor
from minigan.metrics.score import Protocol, Score
from minigan.version import __version__

SIDE = 28  # pixels at which digits are measured
DRAWN = 5.0  # ink, in pixels, below which nothing is drawn
FARTHEST = 30  # pixels that the colour of the ink is taken from
NAMES = ("class", "ink", "ground", "stroke", "lean", "caption")


@dataclass(frozen=True, eq=False)
class Measured:
    """Contents of pictures: strokes (N, 28, 28) in [0, 1], and the rest (N,); NaN where nothing is drawn."""

    strokes: np.ndarray
    digit: np.ndarray
    features: np.ndarray  # (N, d) of the network that reads the digits
    ink: np.ndarray  # the nearest colours, as places in COLOURS
    ground: np.ndarray
    thickness: np.ndarray
    slant: np.ndarray


def measure(pictures: np.ndarray, judge: Extractor) -> Measured:
    """Contents of pictures uint8 (N, H, W, 3) of 14, 28 or 56 pixels; the judge reads digits.

    The ground is the median colour of the border, the ink that of the 30 pixels farthest from it. Every pixel is then
    a share of ink: its place on the line between the two.
    """
    x = at_side(pictures.astype(np.float32))
    edge = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    ground = np.median(edge, axis=1)[:, np.newaxis]
    pixels = x.reshape(len(x), -1, 3)
    far = np.argsort(-((pixels - ground) ** 2).sum(axis=2), axis=1)[:, :FARTHEST]
    colour = np.median(np.take_along_axis(pixels, far[..., np.newaxis], axis=1), axis=1)[:, np.newaxis]
    line = colour - ground
    share = ((pixels - ground) * line).sum(axis=2) / np.maximum((line * line).sum(axis=2), 1e-6)
    strokes = np.clip(share, 0, 1).reshape(len(x), SIDE, SIDE)
    read = judge(np.rint(255 * strokes).astype(np.uint8)[..., np.newaxis])
    drawn = np.where(ink(strokes) < DRAWN, np.nan, 1.0)
    return Measured(
        strokes,
        read.logits.argmax(axis=1),
        read.features,
        _nearest(colour),
        _nearest(ground),
        drawn * thickness(strokes),
        drawn * slant(strokes),
    )


def at_side(x: np.ndarray) -> np.ndarray:
    """Pictures of 56 pixels averaged to 28, those of 14 enlarged to 28 by cubic splines."""
    if x.shape[1] == 2 * SIDE:
        return np.asarray(x.reshape(len(x), SIDE, 2, SIDE, 2, 3).mean(axis=(2, 4)))
    if 2 * x.shape[1] == SIDE:
        from scipy import ndimage  # here: slow to import

        return np.asarray(ndimage.zoom(x, (1, 2, 2, 1), order=3, grid_mode=True, mode="nearest"))
    if x.shape[1] != SIDE:
        raise ValueError(f"captioned digits are measured at 14, 28 or 56 pixels along a side, got {x.shape[1]}")
    return x


def right(facts: Sequence[Facts], seen: Measured) -> dict[str, np.ndarray]:
    """Is what a caption states in its picture? True or False (N,) by name; of stroke and lean also "... bin".

    Stroke and lean are right on the caption's side of the digits' median, and in their bin between the limits of the
    word; NaN where a caption has no such word. "caption": everything that is stated.
    """
    digit, colour, ground, stroke, lean = np.array(facts).T
    drawn = ~np.isnan(seen.slant)
    t, s = np.nan_to_num(seen.thickness), np.nan_to_num(seen.slant)
    thin, left = STROKES.index("thin"), LEANS.index("leaning left")
    correct: dict[str, np.ndarray] = {
        "class": (seen.digit == digit) & drawn,
        "ink": (seen.ink == colour) & drawn,
        "ground": seen.ground == ground,
        "stroke": np.where(stroke == thin, t < MIDDLE["stroke"], t > MIDDLE["stroke"]) & drawn,
        "lean": np.where(lean == left, s < MIDDLE["lean"], s > MIDDLE["lean"]) & drawn,
        "stroke bin": np.where(stroke == thin, t < THIN, t > THICK) & drawn,
        "lean bin": np.where(lean == left, s < LEFT, s > RIGHT) & drawn,
    }
    correct["caption"] = correct["class"] & correct["ink"] & correct["ground"]
    for name, stated in (("stroke", stroke), ("lean", lean)):
        correct["caption"] &= correct[name] | (stated == 0)
        for key in (name, f"{name} bin"):
            correct[key] = np.where(stated > 0, correct[key].astype(np.float64), np.nan)
    return correct


def sharpness(strokes: np.ndarray) -> float:
    """How steep the edges of strokes (N, H, W) are, in ink per pixel: Σ g² / Σ g over the slopes g, mean over N."""
    gy, gx = np.diff(strokes, axis=1)[:, :, :-1], np.diff(strokes, axis=2)[:, :-1]
    g = np.hypot(gx, gy)
    return float(np.mean((g * g).sum(axis=(1, 2)) / np.maximum(g.sum(axis=(1, 2)), 1e-6)))


def variety(pictures: np.ndarray) -> float:
    """The mean absolute difference of pictures of one caption, in grey levels, over all pairs."""
    x = pictures.reshape(len(pictures), -1).astype(np.float64)
    distances = np.abs(x[:, np.newaxis] - x[np.newaxis]).mean(axis=2)
    return float(distances.sum() / (len(x) * (len(x) - 1)))


def caption_scores(
    texts: Sequence[str], pictures: np.ndarray, judge: Extractor, *, of: str, real: Dataset | None = None
) -> list[Score]:
    """The share of pictures that show what their captions state, by attribute, and how sharp their strokes are.

    texts     captions of captioned-mnist, one for each picture
    of        what the pictures are, for the protocol, such as "held-out captions"
    real      digits with labels; then also the FID of the strokes within the digits that the captions state, where
              there are enough of each
    """
    seen, facts = measure(pictures, judge), [facts_of(text) for text in texts]
    values = {f"caption_{name.replace(' ', '_')}": _share(array) for name, array in right(facts, seen).items()}
    values["caption_sharpness"] = sharpness(seen.strokes)
    scores = [
        Score(value, _protocol(name, of, len(texts), judge.id)) for name, value in values.items() if not np.isnan(value)
    ]
    return scores if real is None else scores + _fid(np.array(facts)[:, 0], seen, real, judge, of)


def _fid(digit: np.ndarray, seen: Measured, real: Dataset, judge: Extractor, of: str) -> list[Score]:
    """The mean over the digits of the FID of strokes that were asked for as one, against real ones of it."""
    few = min(np.unique(digit, return_counts=True)[1])
    if few <= seen.features.shape[1]:  # a covariance of so few would be singular, and the distance too large
        return []
    assert real.labels is not None
    protocol = replace(_protocol("", of, len(digit), judge.id), reference=real.name, n_reference=len(real))
    (score,) = fid_within_classes(digit, seen.features, real.labels, judge(real.images).features, protocol)
    return [replace(score, protocol=replace(score.protocol, metric="caption_fid"))]


def variety_score(pictures: np.ndarray, real: np.ndarray, *, of: str) -> Score:
    """How much pictures (captions, n, H, W, 3) of one caption differ, as a share of how much real ones do, which are
    28 pixels along a side and are averaged to the pictures' size."""
    shrunk = 2 * pictures.shape[2] == SIDE
    real = real.reshape(*real.shape[:2], 14, 2, 14, 2, 3).mean(axis=(3, 5)) if shrunk else real
    generated, natural = (float(np.mean([variety(one) for one in all_of])) for all_of in (pictures, real))
    protocol = replace(_protocol("caption_variety", of, len(pictures), "pixels"), n_reference=len(real))
    return Score(generated / natural, protocol, {"grey levels": generated, "each": pictures.shape[1]})


def _share(array: np.ndarray) -> float:
    """The mean over the captions that state it; NaN where none does."""
    stated = array[~np.isnan(array.astype(np.float64))]
    return float(np.mean(stated)) if len(stated) else float("nan")


def _protocol(metric: str, of: str, n: int, judge: str) -> Protocol:
    variant = f"strokes at {SIDE} pixels"
    return Protocol(metric, {"of": of}, judge, variant, "", None, n, True, __version__)


def _nearest(colours: np.ndarray) -> np.ndarray:
    """The places of the nearest named colours, of colours (N, 1, 3)."""
    nearest: np.ndarray = ((colours - PALETTE) ** 2).sum(axis=2).argmin(axis=1)
    return nearest
