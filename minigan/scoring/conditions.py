"""Scores of a run whose samples can be asked for: of the class, and of the age."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minigan.data import ages
from minigan.metrics.conditions import asked_age, asked_class, fid_within_classes
from minigan.metrics.score import Score
from minigan.metrics.suite import Exhibit
from minigan.scoring.saved_generator import SavedGenerator
from minigan.systems.ageing import Ageing
from minigan.systems.conditional import ConditionalGAN

ROWS = 200  # noises, each at the knots of the age


def condition_scores(generator: SavedGenerator, exhibit: Exhibit, n: int) -> list[Score]:
    """n samples of classes and ages as frequent as in the data, scored by what was asked for; none where the run takes
    no condition, or where nothing recognises its classes and measures its ages."""
    system, scores = generator.system, list[Score]()
    if not isinstance(system, ConditionalGAN):
        return []
    extractor, reference = exhibit.network, exhibit.reference
    protocol = replace(exhibit.protocol, quantised=True, seed=None)
    rng = generator.draw("asked classes").generator
    labels = rng.choice(system.table, n) if system.names else None
    asked: dict[str, np.ndarray] = {} if labels is None else {"labels": labels}
    measured = isinstance(system, Ageing) and system.age in ages.MEASURED
    if not (measured or (labels is not None and extractor is not None)):
        return []
    if isinstance(system, Ageing):
        asked["values"] = system.age_at(rng.uniform(0.05, 0.95, n))
    samples = system.generate(generator.draw("asked samples"), n, progress="asking", **asked)  # type: ignore[arg-type]
    if labels is not None and extractor is not None and system.names == tuple(extractor.classes):
        features, logits = extractor(samples)
        scores += asked_class(labels, logits, system.names, protocol)
        if reference.images is not None:
            real = extractor(reference.images)
            scores += fid_within_classes(labels, features, real.logits.argmax(axis=1), real.features, protocol)
    if isinstance(system, Ageing) and system.age in ages.MEASURED:
        rows = measured_rows(system, generator, ROWS)
        scores += asked_age(asked["values"], ages.measure(system.age, samples), rows, protocol)
    return scores


def measured_rows(system: Ageing, generator: SavedGenerator, n: int) -> np.ndarray:
    """The measured ages (n, knots) of n noises at each of the knots."""
    draw, T = generator.draw("rising ages"), len(system.knots)
    z, row = draw.noise(n, system.z_dim), np.repeat(np.arange(n), T)
    labels = draw.generator.choice(system.table, n)[row] if system.names else None
    samples = system.samples_of(draw, z[draw.device.asarray(row)], np.tile(system.knots, n), labels)
    return ages.measure(system.age, samples).reshape(n, T)
