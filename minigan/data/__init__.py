"""The data room: data sets by name, as pixels in memory and as batches for a network."""

from minigan.data.batches import Batches
from minigan.data.catalogue import (
    CAPTIONED,
    MIXTURES,
    NAMES,
    SPLITS,
    Entry,
    available,
    by_path,
    here,
    lasting,
    load,
    near,
)
from minigan.data.dataset import Dataset, to_pixels
from minigan.data.idx import read_idx, write_idx
from minigan.data.mixtures import Coverage, Mixture, grid, ring

__all__ = [
    "CAPTIONED",
    "MIXTURES",
    "NAMES",
    "SPLITS",
    "Batches",
    "Coverage",
    "Dataset",
    "Entry",
    "Mixture",
    "available",
    "by_path",
    "grid",
    "here",
    "lasting",
    "load",
    "near",
    "read_idx",
    "ring",
    "to_pixels",
    "write_idx",
]
