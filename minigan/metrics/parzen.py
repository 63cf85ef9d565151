"""The Parzen-window log-likelihood, the metric of the 2014 paper, and the proof that it misleads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from minigan.device import Array
from minigan.metrics.neighbours import as_float64, blocks, squared_distances
from minigan.metrics.prd import kmeans
from minigan.metrics.score import Protocol, Score

SIGMAS = tuple(float(sigma) for sigma in np.logspace(-1, 0, 10))


def parzen(
    generated: Array,
    validation: Array,
    test: Array,
    *,
    sigmas: Sequence[float] = SIGMAS,
    protocol: Protocol | None = None,
) -> Score:
    """The mean log-likelihood, in nats, of test samples under Gaussians of width σ around the generated samples.

        log p(x) = log 1/n Σᵢ exp(-|x - μᵢ|² / 2σ²) - d log(σ √2π)

    All are (number, d). σ is the one of `sigmas` with the best mean on the validation samples. The 2014 paper's way:
    images in [0, 1]⁷⁸⁴, 10,000 generated ones, validation with the training images 50,000 to 50,999, which the model
    must not have seen, test with all 10,000 test images. Details: `sigma`; `at_edge`, whether σ is the first or last
    of several, so that a wider range may be better; `standard_error` of the mean; `validation`, the mean for each of
    `sigmas`.

    Use it to understand old tables, not to judge a model: see `counterexamples`.
    Raises TypeError, ValueError or NonFiniteSamples for samples that do not fit, ValueError for a σ that is not
    positive.
    Source: Breuleux et al. 2011; Goodfellow et al. 2014, section 5, and their code.
    """
    means = log_likelihoods(validation, generated, sigmas).mean(axis=1)
    best = int(means.argmax())
    likelihoods = log_likelihoods(test, generated, sigmas[best : best + 1])[0]
    protocol = protocol or Protocol("parzen")
    measured = replace(
        protocol,
        metric="parzen",
        parameters={**protocol.parameters, "sigmas": tuple(sigmas), "validation": len(validation)},
        n_reference=len(likelihoods),
        n_generated=len(generated),
        seed=None,
    )
    details = {
        "sigma": float(sigmas[best]),
        "at_edge": len(sigmas) > 1 and best in (0, len(sigmas) - 1),
        "standard_error": float(likelihoods.std() / math.sqrt(len(likelihoods))),
        "validation": means.tolist(),
    }
    return Score(float(likelihoods.mean()), measured, details)


def log_likelihoods(x: Array, centres: Array, sigmas: Sequence[float]) -> np.ndarray:
    """log p of each row of x (n, d) for each width, Gaussians at the rows of centres (m, d): (len(sigmas), n).

    A block's distances serve all widths; the largest term is taken out of the sum, so that it cannot underflow.
    """
    centres = as_float64(centres, "generated samples")
    x = as_float64(x, "held-out samples", centres.shape[1])
    if not (len(sigmas) > 0 and all(0 < sigma < math.inf for sigma in sigmas)):
        raise ValueError(f"expected one or more finite sigmas > 0, got {tuple(sigmas)}")
    out, d = np.empty((len(sigmas), len(x))), x.shape[1]
    x, centres = x - centres[0], centres - centres[0]  # a common offset would drown the distances in rounding
    for rows in blocks(len(x), len(centres)):
        squares = squared_distances(x[rows], centres)
        closest = squares.min(axis=1)
        squares -= closest[:, np.newaxis]
        for row, sigma in zip(out, sigmas, strict=True):
            rest = np.log(np.exp(squares / (-2 * sigma**2)).mean(axis=1))
            row[rows] = rest - closest / (2 * sigma**2) - d * math.log(sigma * math.sqrt(2 * math.pi))
    return out


def counterexamples(
    train: Array,
    validation: Array,
    test: Array,
    *,
    rng: np.random.Generator,
    n: int = 10_000,
    few: int = 1_000,
    sigmas: Sequence[float] = SIGMAS,
    protocol: Protocol | None = None,
) -> Mapping[str, Score]:
    """Five "models" that show what `parzen` rewards, by name, and in brackets their scores on MNIST (± 2):

    training           n training samples, drawn without replacement. Nothing looks more real, yet 244 is not the best
    few centroids      `few` centres of all training samples (ten steps of k-means): blurred, but better (284)
    few training       `few` of the n: as many as the centroids, all real, and far worse (121)
    gaussian           n draws from the one Gaussian that has the mean and covariance of the n (-30)
    clipped gaussian   the same, clipped to [0, 1]: rubbish still, but nearly 100 nats better (65)

    A metric that ranks averages above the data cannot say which samples are good. The reason: in many dimensions
    10,000 points are too few, and most test images are nearer to some average than to any one of them.
    Source: Theis, van den Oord & Bethge 2016, for the centroids.
    """
    train = as_float64(train, "training samples")
    if not 2 <= few <= n <= len(train):
        raise ValueError(f"expected 2 ≤ few ≤ n ≤ {len(train)} training samples, got few = {few} and n = {n}")
    chosen = train[rng.choice(len(train), n, replace=False)]
    gaussian = rng.multivariate_normal(
        chosen.mean(axis=0), np.cov(chosen, rowvar=False).reshape(train.shape[1], -1), n, "ignore", method="eigh"
    )  # "ignore": pixels that are always black make the covariance singular, and that is well
    models = {
        "training": chosen,
        "few centroids": kmeans(train, few, rng, restarts=1, iterations=10),
        "few training": chosen[:few],
        "gaussian": gaussian,
        "clipped gaussian": gaussian.clip(0, 1),
    }
    return {name: parzen(x, validation, test, sigmas=sigmas, protocol=protocol) for name, x in models.items()}
