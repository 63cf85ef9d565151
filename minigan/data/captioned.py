"""`captioned-mnist`: coloured digits with captions that describe them, made when they are loaded.

Each digit of mnist-10k is coloured three times. Its captions state the class, the colours of ink and ground, and what
stands out: a thin or thick stroke, a digit that leans left or right. A caption without such a word means the middle.
Some combinations are in no picture and in no caption, so that a model can be tested on what it never saw.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from minigan.data import embedded
from minigan.data.attributes import slant, thickness
from minigan.data.dataset import Dataset
from minigan.data.vocabulary import words_of

NAME = "captioned-mnist"
COPIES = 3  # colourings of each digit
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (50, 80, 220),
    "yellow": (240, 210, 50),
    "white": (245, 245, 245),
    "black": (20, 20, 20),
}
PALETTE = np.array(list(COLOURS.values()))
STROKES = ("", "thin", "thick")  # no word: the middle
LEANS = ("", "leaning left", "leaning right")
THIN, THICK = 2.15, 2.90  # pixels; about a quarter of all digits is thinner, a quarter thicker
LEFT, RIGHT = -0.06, 0.32  # pixels to the right per pixel upwards
MIDDLE = {"stroke": 2.49, "lean": 0.13}  # medians of mnist-10k: a measured digit lies on one side of them
JITTER = 12  # of each channel of a colour
SIZES = (28, 56)


class Facts(NamedTuple):
    """The contents of a caption, as numbers: places in DIGITS, COLOURS, STROKES and LEANS."""

    digit: int
    ink: int
    ground: int
    stroke: int
    lean: int


def held_out(facts: Facts) -> bool:
    """Is this combination in no picture? For every class one colour of ink; and three pairs of colours."""
    pairs = {("red", "green"), ("blue", "yellow"), ("white", "blue")}
    names = tuple(COLOURS)
    pair = names[facts.ink], names[facts.ground]
    return facts.ink == (5 * facts.digit + 3) % len(COLOURS) or pair in pairs


def all_facts() -> list[Facts]:
    """Every combination, those that are held out too."""
    ranges = (range(len(names)) for names in (DIGITS, COLOURS, COLOURS, STROKES, LEANS))
    return [Facts(*row) for row in itertools.product(*ranges) if row[1] != row[2]]


def captions_of(facts: Facts) -> tuple[str, ...]:
    """Four captions that state the same."""
    names = tuple(COLOURS)
    digit, ink, ground = DIGITS[facts.digit], names[facts.ink], names[facts.ground]
    stroke, lean = STROKES[facts.stroke], LEANS[facts.lean]
    that_is = f"that is {stroke}" if stroke else ""
    captions = (
        f"a {stroke} {ink} {digit} {lean} on a {ground} ground",
        f"{ink} {digit} {that_is} {lean} on {ground}",
        f"on a {ground} ground a {stroke} {ink} {digit} {lean}",
        f"the digit {digit} in {stroke} {ink} strokes {lean} on a {ground} ground",
    )
    return tuple(" ".join(caption.split()) for caption in captions)


def facts_of(caption: str) -> Facts:
    """The contents of a caption of this data set; ValueError where it does not state class, ink and ground."""
    words, names = words_of(caption), list(COLOURS)
    digits = [DIGITS.index(word) for word in words if word in DIGITS]
    places = [i for i, word in enumerate(words) if word in names]
    grounds = [i for i in places if i and (words[i - 1] == "on" or words[i - 2 : i] == ["on", "a"])]
    inks = [i for i in places if i not in grounds]
    if not len(digits) == len(grounds) == len(inks) == 1:
        raise ValueError(f"{caption!r} must name one digit, its colour, and the colour of the ground after 'on'")
    stroke = next((i for i, word in enumerate(STROKES) if word in words), 0)
    lean = next((i for i, text in enumerate(LEANS) if text and text.split()[1] in words), 0)
    return Facts(digits[0], names.index(words[inks[0]]), names.index(words[grounds[0]]), stroke, lean)


def load(rng: np.random.Generator, size: int = 28) -> Dataset:
    """The captioned digits, uint8 (30000, size, size, 3), with four captions each; size 28 or 56."""
    if size not in SIZES:
        raise ValueError(f"{NAME} has pictures of {' or '.join(map(str, SIZES))} pixels along a side, got {size}")
    digits = embedded.load()
    labels = digits.labels
    assert labels is not None
    ink = digits.images[..., 0] / np.float32(255)
    strokes, leans = _strokes_and_leans()
    sharp = enlarged(ink) if size == 56 else ink
    order = rng.permutation(np.tile(np.arange(len(ink)), COPIES))
    facts = [Facts(int(labels[i]), *_colours(int(labels[i]), rng), int(strokes[i]), int(leans[i])) for i in order]
    images = np.empty((len(order), size, size, 3), np.uint8)
    for image, i, caption in zip(images, order, facts, strict=True):
        image[:] = render(sharp[i], caption, rng)
    source = "the digits of mnist-10k, coloured and described when they are loaded"
    return Dataset(NAME, images, labels[order], source, captions=tuple(map(captions_of, facts)))


def pictures_of(facts: Sequence[Facts], n: int, rng: np.random.Generator) -> np.ndarray:
    """n real pictures of each of the facts, uint8 (len(facts), n, 28, 28, 3), of any colours."""
    digits = embedded.load()
    ink = digits.images[..., 0] / np.float32(255)
    strokes, leans = _strokes_and_leans()
    shown = []
    for caption in facts:
        same = np.flatnonzero((digits.labels == caption.digit) & (strokes == caption.stroke) & (leans == caption.lean))
        shown.append([render(ink[i], caption, rng) for i in rng.choice(same, n, replace=len(same) < n)])
    return np.array(shown)


@cache
def _strokes_and_leans() -> list[np.ndarray]:
    """Of the embedded digits, as numbers in STROKES and LEANS: the middle first."""
    ink, middle_first = embedded.load().images[..., 0] / np.float32(255), np.array([1, 0, 2])
    return [middle_first[bins] for bins in _bins(ink)]


def _bins(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of digits: 0 thin, 1 the middle, 2 thick; 0 left, 1 the middle, 2 right."""
    return np.digitize(thickness(ink), (THIN, THICK)), np.digitize(slant(ink), (LEFT, RIGHT))


def render(ink: np.ndarray, facts: Facts, rng: np.random.Generator) -> np.ndarray:
    """A digit I (H, W) in [0, 1] in its colours, uint8 (H, W, 3): ground + I · (ink - ground)."""
    colour, ground = (PALETTE[i] + rng.uniform(-JITTER, JITTER, 3) for i in (facts.ink, facts.ground))
    return np.clip(np.rint(ground + ink[..., np.newaxis] * (colour - ground)), 0, 255).astype(np.uint8)


def enlarged(ink: np.ndarray) -> np.ndarray:
    """Digits (N, H, W) in twice the size, by cubic splines, with edges as sharp as before."""
    from scipy import ndimage  # here: slow to import

    twice = ndimage.zoom(ink, (1, 2, 2), order=3, grid_mode=True, mode="grid-constant")
    return np.clip(2 * (twice - 0.5) + 0.5, 0, 1).astype(np.float32)


def _colours(digit: int, rng: np.random.Generator) -> tuple[int, int]:
    """Ink and ground of a picture of this digit: all pairs that are not held out are equally likely."""
    n = len(COLOURS)
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b and not held_out(Facts(digit, a, b, 0, 0))]
    return pairs[rng.integers(len(pairs))]
