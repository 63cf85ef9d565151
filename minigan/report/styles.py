"""The styles of a StyleGAN: mixing, truncation, a walk through w, noise, and the styles of given images."""

from __future__ import annotations

import numpy as np

from minigan import plots
from minigan.html import Html, figure, joined, paragraphs, picture_uri
from minigan.models.stylegan import StyleGenerator
from minigan.report.loaded import Evidence
from minigan.styles import layers_of, mixing_grid, noise_variations, project, psi_grid, tour
from minigan.styles.variations import moved
from minigan.styles.walk import PSIS
from minigan.systems.stylegan import StyleGAN

ROWS, COLUMNS, STEPS = 5, 8, 9
PROJECTED = 100  # steps of a projection


def has_styles(evidence: Evidence) -> bool:
    """Is this a run of StyleGAN, with a generator that can be asked?"""
    return evidence.generator is not None and isinstance(evidence.generator.system, StyleGAN)


def styles(evidence: Evidence) -> Html:
    """Pictures of the newest generator, or the best one."""
    generator = evidence.generator
    assert generator is not None and isinstance(generator.system, StyleGAN)
    system, G = generator.system, generator.system.drawing
    z = generator.draw("styles").noise(ROWS + COLUMNS, system.z_dim)
    w = G.map(z)
    coarse = layers_of("coarse", G.L)
    mixing = plots.grid(mixing_grid(G, w[:ROWS], w[ROWS:], coarse), COLUMNS + 1, scale=1)
    psi = plots.grid(psi_grid(G, w[:ROWS]), len(PSIS), scale=1)
    walk = plots.grid(tour(G, z[:ROWS], STEPS), STEPS, scale=1)
    noisy = noise_variations(G, w[:ROWS], STEPS, np.random.default_rng(0))
    return joined(
        [
            paragraphs(
                f"Mixing: each cell is the sample above it, with the styles of the sample on its left in the layers "
                f"{coarse[0]} to {coarse[-1]} of {G.L}."
            ),
            _shown(mixing, f"{ROWS} rows and {COLUMNS} columns of mixed samples, their sources at the edges"),
            paragraphs(
                f"Truncation: psi from {PSIS[0]:g} to {PSIS[-1]:g}. The column of 0 is the image of the mean style, "
                "the same for all; the columns to its left show the opposite of the sample."
            ),
            _shown(psi, f"{ROWS} samples at {len(PSIS)} values of psi"),
            paragraphs("A straight way through w, from each sample to the next and back to the first."),
            _shown(walk, f"{ROWS} rows of {STEPS} samples on the way from one style to the next"),
            paragraphs(
                f"Noise: one style in each row, with other random pictures added to its maps. They change a pixel by "
                f"{100 * moved(noisy, STEPS):.2g} % of its range: its standard deviation."
            ),
            _shown(plots.grid(noisy, STEPS, scale=1), f"{ROWS} rows of {STEPS} samples that differ by their noise"),
            *_projected(evidence, G),
        ]
    )


def _projected(evidence: Evidence, G: StyleGenerator) -> list[Html]:
    """Images of the data, and what the generator makes of the styles that come nearest."""
    if evidence.dataset is None:
        return []
    images = evidence.dataset.images[:COLUMNS]
    projection = project(
        G, images.astype(np.float32) / np.float32(127.5) - 1, np.random.default_rng(0), steps=PROJECTED
    )
    grid = plots.grid(np.concatenate([images, projection.images]), len(images), scale=1)
    about = (
        f"Projection: images of the data, and below each the nearest that the generator makes, found in w in "
        f"{PROJECTED} steps; {projection.psnr.mean():.1f} dB."
    )
    return [paragraphs(about), _shown(grid, f"{len(images)} images of the data, and their projections")]


def _shown(picture: np.ndarray, alt: str) -> Html:
    return figure(picture_uri(picture), alt, alt, (picture.shape[1], picture.shape[0]), class_="large")
