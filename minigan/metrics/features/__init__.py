"""Feature networks: what scores of images look through."""

from __future__ import annotations

from minigan.metrics.features.extractor import Extractor, Seen
from minigan.metrics.features.lenet import LeNet

__all__ = ["Extractor", "LeNet", "Seen", "for_data", "get"]

NAMES = ("lenet-mnist-v1", "lenet-fashion-v1")
# The network that classifies the samples of a data set.
MADE_FOR = {"mnist": "lenet-mnist-v1", "mnist-10k": "lenet-mnist-v1", "fashion-mnist": "lenet-fashion-v1"}


def get(name: str) -> Extractor:
    """The feature network of this name, from the package; its digest and its golden features are checked."""
    if name not in NAMES:
        raise ValueError(f"unknown feature network {name!r}: expected {' or '.join(NAMES)}")
    return LeNet.load(name)


def for_data(name: str) -> str | None:
    """The name of the feature network that was made for this data set; None where there is none."""
    return MADE_FOR.get(name)
