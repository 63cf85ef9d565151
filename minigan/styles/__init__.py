"""Uses of a trained StyleGAN: mixing, truncation, walks, noise, projection, path lengths, a quiz."""

from minigan.styles.mixing import layers_of, mixed, mixing_grid
from minigan.styles.paths import PathLengths, path_lengths
from minigan.styles.projection import Projection, project
from minigan.styles.separability import Separability, separability
from minigan.styles.variations import noise_variations
from minigan.styles.walk import great_circle, psi_grid, tour

__all__ = [
    "PathLengths",
    "Projection",
    "Separability",
    "great_circle",
    "layers_of",
    "mixed",
    "mixing_grid",
    "noise_variations",
    "path_lengths",
    "project",
    "psi_grid",
    "separability",
    "tour",
]
