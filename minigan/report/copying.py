"""Does the generator copy? The nearest training images of samples, and how near the nearest is to be expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from minigan import data
from minigan.data import Dataset
from minigan.html import Html, element, joined, paragraphs, picture_uri
from minigan.metrics.neighbours import squared_distances
from minigan.report.chart import Line, histogram
from minigan.report.loaded import Evidence
from minigan.watch.judge import FeatureJudge

SAMPLES = 250  # of the generator, and as many real images that it has not seen
NEAREST = 3
CLOSEST, OTHERS = 4, 4  # samples shown: those nearest to a training image, and the first ones
SEEN = 3000  # training images that the feature network looks at: it takes a second for each few thousand
NUMBERS = 60_000 * 28 * 28  # pixels of the training images that are searched: all of MNIST
BLOCK = 2000  # images as float64 at a time
TEST_SETS = {"mnist": "mnist", "mnist-10k": "mnist", "fashion-mnist": "fashion-mnist"}
NEAR = 0.01  # the share of real images that count as unusually near


@dataclass(frozen=True, eq=False)
class Space:
    """Images as points in which to measure distances.

    name   what they are made of, for people
    about  more about it
    rows   of images, float64 (n, d)
    train  positions of the training images that are compared with
    """

    name: str
    about: str
    rows: Callable[[np.ndarray], np.ndarray]
    train: np.ndarray


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest training images of samples and of real images: positions (n, NEAREST), distances (n, NEAREST)."""

    space: Space
    nearest: np.ndarray
    samples: np.ndarray
    real: np.ndarray


def copying(evidence: Evidence, images: np.ndarray | None) -> Html:
    """Samples beside their nearest training images, and both distributions of distances."""
    dataset = evidence.dataset
    if images is not None and images.ndim == 2:
        return paragraphs("For points this shows nothing: the data are so dense that everything has a near neighbour.")
    if images is None or dataset is None:
        missing = "generator" if images is None else "dataset"
        return paragraphs(f"This cannot be shown: {evidence.missing.get(missing, 'there is no generator')}.")
    images, (real, which, positions) = images[:SAMPLES], _unseen(evidence, dataset)
    searched = [_search(space, dataset, images, real, positions) for space in _spaces(evidence, dataset)]
    charts = [_chart(one) for one in searched]
    text = (
        f"Compared are the distances of {len(images)} samples to their nearest training image, and those of {which}. "
        "If the generator copies, the distances of its samples are near 0; if not, they are like those of real images. "
        "Smooth samples may be nearer in pixels, because they have fewer details. A copy that was shifted or redrawn "
        "is far in pixels: this table can show copying, but not exclude it."
    )
    return joined(
        [
            paragraphs(text, *(_sentence(one, len(dataset)) for one in searched)),
            element("div", *charts, class_="charts"),
            _table(searched, images, dataset),
        ]
    )


def _unseen(evidence: Evidence, dataset: Dataset) -> tuple[np.ndarray, str, np.ndarray | None]:
    """Real images to compare with, what they are, and, where they are training images themselves, their positions."""
    test = TEST_SETS.get(dataset.name)
    if test is not None and data.here(test, "test"):
        images = evidence.attempt("test images", lambda: data.load(test, split="test").images)
        if images is not None:
            return images[_spread(len(images), SAMPLES)], f"{SAMPLES} test images, which were not trained on", None
    chosen = _spread(len(dataset), SAMPLES)
    return dataset.images[chosen], f"{len(chosen)} training images to the nearest other one", chosen


def _spaces(evidence: Evidence, dataset: Dataset) -> Iterator[Space]:
    """Pixels, and the features of the network that judges this data set, where there is one."""
    yield Space(
        "pixels",
        "each from 0 to 1",
        lambda images: images.reshape(len(images), -1).astype(np.float64) / 255,
        _spread(len(dataset), NUMBERS // int(np.prod(dataset.shape))),
    )
    if isinstance(evidence.judge, FeatureJudge):
        extractor = evidence.judge.extractor
        yield Space(
            "features",
            f"those of {extractor.name}",
            lambda images: extractor(images).features,
            _spread(len(dataset), SEEN),
        )


def _search(
    space: Space, dataset: Dataset, images: np.ndarray, real: np.ndarray, positions: np.ndarray | None
) -> Neighbours:
    """All distances, block by block of the training images; of each image the nearest few stay."""
    asked = space.rows(np.concatenate([images, real]))
    squares: np.ndarray = np.empty((len(asked), 0))
    places: np.ndarray = np.empty((len(asked), 0), np.int64)
    for start in range(0, len(space.train), BLOCK):
        rows = space.train[start : start + BLOCK]
        block = squared_distances(asked, space.rows(dataset.images[rows]))
        if positions is not None:
            block[len(images) :][positions[:, np.newaxis] == rows] = np.inf  # not an image itself
        squares = np.concatenate([squares, block], axis=1)
        places = np.concatenate([places, np.broadcast_to(rows, block.shape)], axis=1)
        few = np.argpartition(squares, min(NEAREST, squares.shape[1]) - 1, axis=1)[:, :NEAREST]
        squares, places = (np.take_along_axis(one, few, axis=1) for one in (squares, places))
    order = np.argsort(squares, axis=1, kind="stable")
    places, distances = (np.take_along_axis(one, order, axis=1) for one in (places, np.sqrt(squares)))
    return Neighbours(space, places[: len(images)], distances[: len(images)], distances[len(images) :])


def _sentence(neighbours: Neighbours, total: int) -> str:
    samples, real = neighbours.samples[:, 0], neighbours.real[:, 0]
    near = float(np.quantile(real, NEAR))
    share, exact = float((samples < near).mean()), int((samples == 0).sum())
    searched = f"{len(neighbours.space.train):,}{f' of {total:,}' if len(neighbours.space.train) < total else ''}"
    copies = f" {exact} of them are training images to the last bit." if exact else ""
    return (
        f"In {neighbours.space.name} ({neighbours.space.about}; Euclidean distance to the nearest of {searched} "
        f"training images) the median is {np.median(samples):.3g} for samples and {np.median(real):.3g} for real "
        f"images. {share:.1%} of the samples are nearer than the nearest {NEAR:.0%} of the real images are "
        f"({near:.3g}).{copies}"
    )


def _chart(neighbours: Neighbours) -> Html:
    sets = [Line("samples", "g", neighbours.samples[:, 0]), Line("real images", "d", neighbours.real[:, 0])]
    return histogram(f"distances in {neighbours.space.name}", sets, "distance to the nearest training image")


def _table(searched: list[Neighbours], images: np.ndarray, dataset: Dataset) -> Html:
    """One row per sample: itself, then its nearest training images in each space with their distances."""
    closest = np.argsort(searched[0].samples[:, 0], kind="stable")[:CLOSEST]
    others = [n for n in range(len(images)) if n not in closest][:OTHERS]
    heads = [element("th", "sample", scope="col")]
    heads += [element("th", f"in {one.space.name}", scope="col", colspan=NEAREST) for one in searched]
    lines = [element("tr", *heads)]
    for n in [*closest, *others]:
        cells = [element("th", _tile(images[n], f"sample {n}"), scope="row")]
        for one in searched:
            for place, distance in zip(one.nearest[n], one.samples[n], strict=True):
                tile = _tile(dataset.images[place], f"training image {place}")
                cells.append(element("td", tile, element("small", f"{distance:.3g}")))
        lines.append(element("tr", *cells))
    text = (
        f"The {len(closest)} samples of {len(images)} that are nearest to a training image in pixels, then the first "
        f"{len(others)} others; beside each its {NEAREST} nearest training images."
    )
    caption = "Nearest training images, with their distances"
    table = element("table", element("caption", caption), *lines, class_="tiles")
    return joined(
        [paragraphs(text), element("div", table, class_="wide", tabindex=0, role="region", aria_label=caption)]
    )


def _tile(image: np.ndarray, alt: str) -> Html:
    return element("img", src=picture_uri(image), alt=alt, width=image.shape[1], height=image.shape[0])


def _spread(total: int, n: int) -> np.ndarray:
    """n positions, evenly spread over 0 ... total - 1; all of them where there are no more."""
    return np.unique(np.linspace(0, total - 1, min(total, n)).round().astype(int))
