"""A data set in memory, and the scale on which networks see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigan.data.vocabulary import Vocabulary
from minigan.device import Array, to_host

EXAMPLES = 64  # captions that a checkpoint keeps, to generate samples where none is asked for


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples that a generator is to imitate.

    name      what the set is called
    images    uint8 (N, H, W, C), pixels as they were stored; or float32 (N, 2), points of the plane
    labels    uint8 or int64 (N,), the class of each sample; None where there are no classes
    source    where the samples came from, a sentence for people
    captions  of each sample one text or more; None where there are none

    classes     the names of the classes, in the order of the labels; None: their numbers
    attributes  float32 (N,) by name: a number that is known of each sample, such as its age

    Raises ValueError for arrays of another type or shape.
    """

    name: str
    images: np.ndarray = field(repr=False)
    labels: np.ndarray | None = field(repr=False)
    source: str
    captions: tuple[tuple[str, ...], ...] | None = field(default=None, repr=False)

    classes: tuple[str, ...] | None = None
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        points = images.dtype == np.float32 and images.ndim == 2 and images.shape[1] == 2
        if not (points or (images.dtype == np.uint8 and images.ndim == 4)):
            raise ValueError(
                f"{self.name}: expected images uint8 (N, H, W, C) or points float32 (N, 2), "
                f"got {images.dtype} of shape {images.shape}"
            )
        if labels is not None and (labels.shape != images.shape[:1] or labels.dtype not in (np.uint8, np.int64)):
            raise ValueError(
                f"{self.name}: expected uint8 or int64 labels of shape ({len(images)},), "
                f"got {labels.dtype} of shape {labels.shape}"
            )
        if self.captions is not None and (len(self.captions) != len(images) or not all(self.captions)):
            lacking = sum(not texts for texts in self.captions)
            raise ValueError(
                f"{self.name}: every one of the {len(images)} samples must have a caption, "
                f"got {len(self.captions)} entries, of which {lacking} are empty"
            )

        self._check_classes_and_attributes()

    def _check_classes_and_attributes(self) -> None:
        if self.labels is not None and self.labels.min(initial=0) < 0:
            raise ValueError(f"{self.name}: labels must be at least 0, got {self.labels.min()}")
        if self.classes is not None and (self.labels is None or self.labels.max(initial=0) >= len(self.classes)):
            raise ValueError(f"{self.name}: the names of {len(self.classes)} classes do not suit its labels")
        for name, values in self.attributes.items():
            if values.shape != self.images.shape[:1] or values.dtype != np.float32:
                raise ValueError(
                    f"{self.name}: expected {name} as float32 of shape ({len(self)},), "
                    f"got {values.dtype} of shape {values.shape}"
                )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (H, W, C) or (2,)."""
        return self.images.shape[1:]

    @property
    def is_image(self) -> bool:
        """True for images, False for points of the plane."""
        return self.images.ndim == 4

    def about(self) -> dict[str, Any]:
        """The properties that networks for this data depend on, as JSON: the "shape" of a sample, and "classes".

        Of classes also the "names", and the "counts" of their samples; of each attribute its "knots".

        With captions, "captions" too: their "words", the "length" of the longest one, and some "examples".
        """
        classes = None if self.labels is None else len(self.classes or range(int(self.labels.max()) + 1))
        about: dict[str, Any] = {"shape": list(self.shape), "classes": classes}
        if self.captions is not None:
            vocabulary = Vocabulary.of(text for texts in self.captions for text in texts)
            examples = list(dict.fromkeys(texts[0] for texts in self.captions[: 4 * EXAMPLES]))[:EXAMPLES]
            captions = {"words": list(vocabulary.words), "length": vocabulary.length, "examples": examples}
            about["captions"] = captions
        if self.labels is not None and classes is not None:
            about["names"] = list(self.classes or map(str, range(classes)))
            about["counts"] = np.bincount(self.labels, minlength=classes).tolist()
        if self.attributes:
            about["knots"] = {name: knots(values) for name, values in self.attributes.items()}
        return about

    def batch(self, indices: np.ndarray) -> np.ndarray:
        """The samples at these indices as a network sees them, float32: pixels in [-1, 1], points as they are."""
        x = self.images[indices].astype(np.float32)
        return x / 127.5 - 1 if self.is_image else x


def knots(values: np.ndarray) -> list[float]:
    """The percentiles 5, 25, 50, 75 and 95 of an attribute, between which conditions are interpolated."""
    return [round(float(value), 6) for value in np.percentile(values, (5, 25, 50, 75, 95))]


def to_pixels(x: Array) -> np.ndarray:
    """Samples in [-1, 1] as uint8 pixels on the host: the inverse of `Dataset.batch`, rounded, clipped to 0..255.

    Raises ValueError for a NaN or an infinity: no pixel means that.
    """
    x = to_host(x)
    if not np.isfinite(x).all():
        raise ValueError("samples hold NaN or infinite values and cannot be shown as pixels")
    return np.clip(np.rint((x + 1) * 127.5), 0, 255).astype(np.uint8)
