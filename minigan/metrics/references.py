"""References: what samples are compared with, and the statistics that the package keeps of the usual ones."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from minigan import data
from minigan.metrics.features.extractor import Extractor
from minigan.metrics.score import ProtocolMismatch
from minigan.metrics.statistics import Origin, Statistics

# What a generator of a data set is compared with: images that it was not trained on.
USUAL = {"mnist": "mnist/test", "mnist-10k": "mnist/test", "fashion-mnist": "fashion-mnist/test"}
FOLDER = "refs"  # within minigan/data


@dataclass(frozen=True, eq=False)
class Reference:
    """Statistics of reference images, and the images themselves where they are at hand: uint8 (N, H, W, C).

    Without a feature network there are no statistics, and `about` is where the images come from.
    """

    statistics: Statistics | None
    images: np.ndarray | None
    about: Origin | None = None

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        known = self.about if self.statistics is None else self.statistics.origin
        return known or Origin()


def for_data(name: str) -> str | None:
    """The usual reference for samples of a generator of this data set; None where there is none."""
    return USUAL.get(name)


def full_name(name: str) -> str:
    """`mnist` is short for `mnist/test`; whatever else a reference may be called stays as it is."""
    return f"{name}/test" if f"{name}/test" in USUAL.values() else name


def images(reference: str) -> np.ndarray:
    """The images of a reference: `dataset/split`, a data set (its training images), or the pictures of a path, as they
    are; errors as `minigan.data.load`, and ValueError for points, which are not images."""
    name, split = _parts(reference)
    if name not in data.NAMES:
        return data.by_path(reference, None, folder_size=None).images
    if name in data.MIXTURES:
        raise ValueError(f"{reference} must be images for these metrics, got points")
    return data.load(name, split=split, rng=np.random.default_rng(0)).images


def check_name(reference: str) -> None:
    """ValueError unless this may be a reference: a data set, with a split or without, a file or a folder."""
    name, _ = _parts(reference)
    if name not in data.NAMES and (Path(reference) / "config.json").is_file():
        raise ValueError(f"{reference} must be pictures, got the folder of a run; take the data that it was trained on")
    if name in data.NAMES or Path(reference).exists():
        return
    if reference.lower().endswith(".npz"):
        raise ValueError(f"{reference}: there is no such file of statistics to compare with")
    base, _, split = reference.rpartition("/")
    if base in data.NAMES:
        raise ValueError(f"{base} has no split {split!r}: expected {' or '.join(data.SPLITS)}")
    expected = f"one of {', '.join(data.NAMES)}, with /train or /test, a folder of pictures, or a .npz of statistics"
    raise ValueError(f"there is nothing called {reference} to compare with: expected {expected}{near(reference)}")


def near(reference: str) -> str:
    """Which data set did a typing error mean?"""
    name, slash, split = reference.partition("/")
    return data.near(name, data.NAMES).replace("?", f"{slash}{split}?") if split in ("", *data.SPLITS) else ""


def here(reference: str) -> bool:
    """Are the images of this reference on this machine?"""
    name, split = _parts(reference)
    return data.here(name, split) or Path(reference).exists()


def _parts(reference: str) -> tuple[str, str]:
    name, _, split = reference.rpartition("/")
    return (name, split) if name in data.NAMES and split in data.SPLITS else (reference, "train")


def origin(extractor: Extractor | None, reference: str, images: np.ndarray) -> Origin:
    """Where the features of these reference images come from, with the digest of the images."""
    sha256 = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
    seen_by = ("pixels", "pixels") if extractor is None else (extractor.id, extractor.variant)
    return Origin(*seen_by, reference, sha256, quantised=images.dtype == np.uint8)


def measure(extractor: Extractor, reference: str, images: np.ndarray, *, progress: str | None = None) -> Statistics:
    """The statistics of reference images of this name."""
    return Statistics.of(extractor(images, progress=progress).features, origin(extractor, reference, images))


def statistics(extractor: Extractor, reference: str) -> Statistics:
    """The statistics that the package keeps of a reference such as "mnist/test", through this extractor.

    FileNotFoundError: it keeps none; ProtocolMismatch: they were made through other weights.
    """
    with resources.as_file(resources.files("minigan.data") / FOLDER) as folder:
        path = file_of(folder, extractor, reference)
        if not path.is_file():
            raise FileNotFoundError(f"the package keeps no statistics of {reference} through {extractor.name}")
        kept = Statistics.load(path)
    if kept.origin.extractor != extractor.id:
        raise ProtocolMismatch(f"{path}: made through {kept.origin.extractor}, and this is {extractor.id}")
    return kept


def file_of(folder: str | os.PathLike[str], extractor: Extractor, reference: str) -> Path:
    """Where the statistics of a reference belong: refs/<extractor>/<dataset>-<split>.npz."""
    return Path(folder) / extractor.name / f"{reference.replace('/', '-')}.npz"
