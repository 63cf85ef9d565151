"""Samples that were asked for: rows of classes, of ages, and captions with their pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from minigan import plots
from minigan.html import Html, figure, joined, paragraphs, picture_uri
from minigan.report.loaded import Evidence
from minigan.scoring.saved_generator import SavedGenerator
from minigan.systems.ageing import AGES, Ageing
from minigan.systems.conditional import ConditionalGAN
from minigan.systems.stackgan import StackGAN
from minigan.training.system import System

COLUMNS, CAPTIONS = 12, 8
CLASSES = 20  # that are shown
DIGITS = range(10)


def part(evidence: Evidence) -> dict[str, Callable[[], Html]]:
    """The part of the page about samples of a condition, by its title; none for a run that takes no condition."""
    generator = evidence.generator
    if generator is None:
        return {}
    for kind, title, write in PARTS:
        if isinstance(generator.system, kind):
            return {title: partial(write, generator)}
    return {}


def _classes(generator: SavedGenerator) -> Html:
    system = generator.system
    assert isinstance(system, ConditionalGAN)
    names = system.names[:CLASSES]
    rows = system.rows(generator.draw("rows of classes"), range(len(names)), COLUMNS)
    text = f"A row for each class, from top to bottom {', '.join(names)}; the same noise in each column."
    return joined([paragraphs(text), _shown(rows, COLUMNS, f"{COLUMNS} samples of each of {len(names)} classes")])


def _ages(generator: SavedGenerator) -> Html:
    system, draw = generator.system, generator.draw("rows of ages")
    assert isinstance(system, Ageing)
    values = system.age_at(np.linspace(0.05, 0.95, AGES))
    rows = len(system.names[:CLASSES]) or len(DIGITS)
    z, row = draw.noise(rows, system.z_dim), np.repeat(np.arange(rows), AGES)
    samples = system.samples_of(draw, z[draw.device.asarray(row)], np.tile(values, rows), row)
    kinds = f"; the classes are, from top to bottom, {', '.join(system.names[:CLASSES])}" if system.names else ""
    text = f"In each row one noise at {AGES} ages ({system.age} from {values[0]:.4g} to {values[-1]:.4g}){kinds}."
    return joined([paragraphs(text), _shown(samples, AGES, f"{rows} samples, each at {AGES} ages")])


def _captions(generator: SavedGenerator) -> Html:
    system = generator.system
    assert isinstance(system, StackGAN)
    texts = system.examples[:CAPTIONS]
    small, large = system.both(generator.draw("captions"), [text for text in texts for _ in range(COLUMNS)])
    by_caption = zip(texts, np.split(small, len(texts)), np.split(large, len(texts)), strict=True)
    last = system.stage == 2
    text = "Pictures of captions that are in the data"
    text += "; above, what the first generator makes, below, what the second one makes of it." if last else "."
    return joined([paragraphs(text), *(_caption(caption, [s, x] if last else [x]) for caption, s, x in by_caption)])


def _caption(caption: str, rows: Sequence[np.ndarray]) -> Html:
    picture = plots.grid(np.concatenate(rows), COLUMNS, scale=1)
    return figure(picture_uri(picture), f"{COLUMNS} pictures of: {caption}", caption, _size(picture), class_="large")


def _shown(samples: np.ndarray, columns: int, what: str) -> Html:
    picture = plots.grid(samples, columns, scale=1)
    return figure(picture_uri(picture), what, what, _size(picture), class_="large")


def _size(picture: np.ndarray) -> tuple[int, int]:
    return picture.shape[1], picture.shape[0]


PARTS: tuple[tuple[type[System], str, Callable[[SavedGenerator], Html]], ...] = (
    (Ageing, "Ages", _ages),  # before the class that it is a kind of
    (ConditionalGAN, "Classes", _classes),
    (StackGAN, "Captions", _captions),
)
