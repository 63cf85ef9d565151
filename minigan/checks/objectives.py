"""The objectives that are checked: every name, and every option that changes the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan import objectives
from minigan.objectives import Objective

FEATURES = 4

# Small sizes; and margins in the middle of the energies that `outputs` and the small networks make.
SMALL: dict[str, dict[str, Any]] = {
    "mcgan-mean": {"features": FEATURES},
    "mcgan-cov": {"features": FEATURES, "rank": 2},
    "mmd-gan": {"features": FEATURES},
    "mmd-gan-gp": {"features": FEATURES},
    "cramer": {"features": FEATURES},
    "ebgan": {"features": FEATURES, "margin": 1.0},
    "fisher": {"rho": 0.5},
    "began": {"features": FEATURES},
    "magan": {"features": FEATURES, "margin": 1.0},
}

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("minimax", {"real_label": 0.9}),
    ("nonsaturating", {"real_label": 0.9}),
    ("lsgan", {"fake": -1.0, "real": 1.0, "gen": 0.0}),
    ("mcgan-mean", {"form": "dual"}),
    ("mcgan-mean", {"form": "dual", "squared": False}),
    ("mcgan-mean", {"form": "dual", "p": 1}),
    ("mcgan-mean", {"form": "dual", "p": float("inf")}),
    ("mcgan-cov", {"form": "dual"}),
    ("gmmn", {"root": False}),
    ("gmmn", {"space": "codes"}),
    ("mmd-gan-gp", {"kernel": "rbf"}),
    *((f"fgan-{name}", {"alternative": True}) for name in ("kl", "reverse-kl", "pearson", "neyman", "hellinger", "js")),
    ("fgan-gan", {"alternative": True}),
    ("ragan", {"loss": "lsgan"}),
    ("ragan", {"loss": "hinge"}),
    ("ebgan", {"energy": "mse"}),
    ("lsgan", {"sigmoid": True}),
]


def make(name: str, **options: Any) -> Objective:
    """The objective in a size that is quick to check, its own numbers moved away from the zeros that hide terms."""
    objective = objectives.get(name, **SMALL.get(name, {}) | options)
    for _, number in objective.named_buffers():
        if number.dtype.kind == "f":  # not a count
            number[...] += 0.4 * (number == 0)
    return objective


def objective_cases() -> list[tuple[str, Objective]]:
    """Every objective under its name, and those with an option that changes the formulas under both."""
    plain = [(name, make(name)) for name in objectives.names()]
    return [*plain, *((title(name, options), make(name, **options)) for name, options in VARIANTS)]


def title(name: str, options: dict[str, Any]) -> str:
    """Name and options in one line."""
    return ", ".join([name, *(f"{key} {value}" for key, value in options.items())])


def outputs(objective: Objective, rng: np.random.Generator, m: int = 5, n: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Random outputs of D on m real samples and n fakes, of the kind that the objective is played with, float64.

    Where a fake batch is a multiple of the real one, or as large, n is that multiple of m.
    """
    n = n if objective.fakes == 1 and not objective.pairs else objective.fakes * m
    columns = {"score": 1, "mean": 1, "covariance": 1}.get(objective.output, FEATURES)
    a, b = rng.normal(size=(m, columns)), rng.normal(size=(n, columns))
    if objective.output == "autoencoder":
        return np.hstack([rng.uniform(0.2, 2, (m, 1)), a]), np.hstack([rng.uniform(0.2, 2, (n, 1)), b])
    return a, b
