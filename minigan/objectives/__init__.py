"""The objectives: each a page with a paper's losses, their gradients, and what a healthy run looks like."""

from __future__ import annotations

import inspect
from typing import Any

from minigan.objectives.dragan import DRAGAN
from minigan.objectives.hinge import Hinge
from minigan.objectives.lsgan import LSGAN
from minigan.objectives.minimax import Minimax
from minigan.objectives.nonsaturating import NonSaturating
from minigan.objectives.objective import Defaults, Objective
from minigan.objectives.wgan import WGAN
from minigan.objectives.wgan_gp import WGANGP

__all__ = [
    "DRAGAN",
    "LSGAN",
    "WGAN",
    "WGANGP",
    "Defaults",
    "Hinge",
    "Minimax",
    "NonSaturating",
    "Objective",
    "find",
    "get",
    "hyperparameters",
    "names",
]

_PAGES: tuple[type[Objective], ...] = (Minimax, NonSaturating, LSGAN, WGAN, WGANGP, Hinge, DRAGAN)


def names() -> list[str]:
    """The names that `get` knows."""
    return [page.name for page in _PAGES]


def find(name: str) -> type[Objective]:
    """The class of the objective called `name`; ValueError lists the known names."""
    for page in _PAGES:
        if page.name == name:
            return page
    raise ValueError(f"unknown objective {name!r}; known are {', '.join(names())}")


def get(name: str, **hyper: Any) -> Objective:
    """The objective called `name` with its paper's defaults, or with `hyper` in their place (see its page).

    Objectives with random points in their penalty (wgan-gp, dragan) draw them from `rng`.
    """
    page = find(name)
    unknown = hyper.keys() - inspect.signature(page).parameters.keys()
    if unknown:
        raise ValueError(f"objective {name!r} has no {sorted(unknown)}; it has {hyperparameters(name)}")
    return page(**hyper)


def hyperparameters(name: str) -> list[str]:
    """What can be chosen about the objective called `name`: the keyword arguments of `get`."""
    return list(inspect.signature(find(name)).parameters)
