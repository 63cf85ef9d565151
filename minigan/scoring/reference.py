"""The data that samples are compared with, and the feature network of the comparison."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minigan import arrays, data
from minigan.metrics import features, references
from minigan.metrics.features import Extractor, LeNet
from minigan.metrics.features.inception import Inception
from minigan.metrics.references import Reference
from minigan.metrics.score import ProtocolMismatch
from minigan.metrics.statistics import Statistics
from minigan.scoring.samples import Samples
from minigan.training import build

EXTRACTORS = (*features.NAMES, "inception")
VARIANTS = ("pt", "tf1", "clean")


def choose_extractor(name: str | None, variant: str, weights: Path | None, against: str | None) -> Extractor | None:
    """The extractor of this name, or of the card at this path (examples/train_extractor.py); without one, that made for
    the data set `against` belongs to, None where there is none.

    ValueError for an unknown name; Inception needs the file of its weights.
    """
    name = name or (None if against is None else _asked_for_by(against))
    if name is None:
        return None
    if name == "inception":
        return Inception.load(weights, variant=variant)
    card = Path(name)
    if name not in features.NAMES and card.suffix == ".json" and card.is_file():
        return LeNet.read(card, card.with_suffix(".npz"))
    if name not in features.NAMES:
        expected = f"{', '.join(EXTRACTORS)}, or the .json of a network of your own (examples/train_extractor.py)"
        raise ValueError(f"--extractor must be one of {expected}, got {name}")
    return features.get(name)


def find_reference(
    against: str, extractor: Extractor | None, size: int | None = None, background: str = "black"
) -> Reference:
    """The reference of this name: a data set (`mnist` means its test images, `mnist/train` the others), a file of
    statistics, or pictures by their path, resized if there is a size. What the package keeps statistics of need not be
    on this machine."""
    if is_statistics(against):
        if extractor is None:
            raise ValueError(
                f"{against} holds statistics of features: choose the network that made them by --extractor"
            )
        return Reference(_fitting(Statistics.load(against), extractor, against), None)
    name = references.full_name(against)
    if extractor is not None:
        try:
            kept = references.statistics(extractor, name)
        except FileNotFoundError:
            pass
        else:
            return Reference(kept, references.images(name) if references.here(name) else None)
    if size is None or name in data.NAMES or not Path(name).exists():
        return of_images(name, references.images(name), extractor)
    return of_images(f"{name}, {size} x {size}", data.by_path(name, size, background).images, extractor)


def of_run(samples: Samples, extractor: Extractor | None) -> Reference:
    """The data of a run as it reads them: the first data set that it was trained on, in the size of the run."""
    assert samples.generator is not None
    dataset = next(iter(build.datasets(samples.generator.config).values()))
    H, W, C = dataset.shape
    return of_images(f"{dataset.name}, as the run reads it ({H} x {W} x {C})", dataset.images, extractor)


def of_images(name: str, images: np.ndarray, extractor: Extractor | None) -> Reference:
    """Reference images of this name, with their statistics where there is a network."""
    if extractor is None:
        return Reference(None, images, references.origin(None, name, images))
    return Reference(references.measure(extractor, name, images, progress=f"looking at {name}"), images)


def is_statistics(against: str) -> bool:
    """Is this a file of statistics, and not one of pictures?"""
    path = Path(against)
    return against.lower().endswith(".npz") and (not path.is_file() or "mu" in arrays.names(path, "file of statistics"))


def _asked_for_by(against: str) -> str | None:
    """The name of the extractor that the reference itself asks for."""
    if is_statistics(against):
        name = Statistics.load(against).origin.extractor.split(":")[0]
        return name if name in EXTRACTORS else "inception" if name.startswith("inception") else None
    return features.for_data(against.removesuffix("/test").removesuffix("/train"))


def _fitting(statistics: Statistics, extractor: Extractor, path: str) -> Statistics:
    """The statistics, if they may have been made through this extractor."""
    if statistics.d != extractor.d:
        raise ProtocolMismatch(f"{path}: statistics of {statistics.d} features; {extractor.name} has {extractor.d}")
    return statistics
