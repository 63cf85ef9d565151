"""The reference of a score: the real images, and the feature network."""

from __future__ import annotations

from pathlib import Path

from minigan.metrics import features, references
from minigan.metrics.features import Extractor
from minigan.metrics.features.inception import Inception
from minigan.metrics.references import Reference
from minigan.metrics.score import ProtocolMismatch
from minigan.metrics.statistics import Statistics

EXTRACTORS = (*features.NAMES, "inception")
VARIANTS = ("pt", "tf1", "clean")


def choose_extractor(name: str | None, variant: str, weights: Path | None, against: str) -> Extractor:
    """The extractor of this name; without one, that made for the data set `against` belongs to.

    ValueError where there is none: pictures of a folder need Inception, and Inception the file of its weights.
    """
    name = name or _asked_for_by(against)
    if name is None:
        raise ValueError(
            f"no feature network was made for {against}: choose one by --extractor {' or '.join(EXTRACTORS)}"
        )
    return Inception.load(weights, variant=variant) if name == "inception" else features.get(name)


def find_reference(against: str, extractor: Extractor) -> Reference:
    """The reference of this name: a data set (`mnist` means its test images, `mnist/train` the others), a file of
    statistics, or a folder of pictures. What the package keeps statistics of need not be on this machine."""
    if against.lower().endswith(".npz"):
        return Reference(_fitting(Statistics.load(against), extractor, against), None)
    name = references.full_name(against)
    try:
        kept = references.statistics(extractor, name)
    except FileNotFoundError:
        images = references.images(name)
        return Reference(references.measure(extractor, name, images, progress=f"looking at {name}"), images)
    return Reference(kept, references.images(name) if references.here(name) else None)


def _asked_for_by(against: str) -> str | None:
    """The name of the extractor that the reference itself asks for."""
    if against.lower().endswith(".npz"):
        name = Statistics.load(against).origin.extractor.split(":")[0]
        return name if name in EXTRACTORS else "inception" if name.startswith("inception") else None
    return features.for_data(against.split("/")[0])


def _fitting(statistics: Statistics, extractor: Extractor, path: str) -> Statistics:
    """The statistics, if they may have been made through this extractor."""
    if statistics.d != extractor.d:
        raise ProtocolMismatch(f"{path}: statistics of {statistics.d} features; {extractor.name} has {extractor.d}")
    return statistics
