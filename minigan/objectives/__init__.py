"""The objectives: each a page with a paper's losses, their gradients, and its healthy run."""

from __future__ import annotations

import inspect
from typing import Any

from minigan.objectives.began import BEGAN
from minigan.objectives.cramer import Cramer
from minigan.objectives.dragan import DRAGAN
from minigan.objectives.ebgan import EBGAN
from minigan.objectives.fgan import FGANKL, FGANReverseKL
from minigan.objectives.fgan_classic import FGANGAN, FGANJS
from minigan.objectives.fgan_squares import FGANHellinger, FGANNeyman, FGANPearson
from minigan.objectives.fisher import Fisher
from minigan.objectives.gmmn import GMMN
from minigan.objectives.hinge import Hinge
from minigan.objectives.lsgan import LSGAN
from minigan.objectives.magan import MAGAN
from minigan.objectives.mcgan import McGANCovariance, McGANMean
from minigan.objectives.minimax import Minimax
from minigan.objectives.mmd_gan import MMDGAN
from minigan.objectives.mmd_gan_gp import MMDGANGP
from minigan.objectives.nonsaturating import NonSaturating
from minigan.objectives.objective import OUTPUTS, Defaults, Objective
from minigan.objectives.r1 import R1
from minigan.objectives.ragan import RaGAN
from minigan.objectives.rpgan import RpGAN
from minigan.objectives.rwgan import RWGAN
from minigan.objectives.wgan import WGAN
from minigan.objectives.wgan_gp import WGANGP

__all__ = [
    "BEGAN",
    "DRAGAN",
    "EBGAN",
    "FGANGAN",
    "FGANJS",
    "FGANKL",
    "GMMN",
    "LSGAN",
    "MAGAN",
    "MMDGAN",
    "MMDGANGP",
    "OUTPUTS",
    "R1",
    "RWGAN",
    "WGAN",
    "WGANGP",
    "Cramer",
    "Defaults",
    "FGANHellinger",
    "FGANNeyman",
    "FGANPearson",
    "FGANReverseKL",
    "Fisher",
    "Hinge",
    "McGANCovariance",
    "McGANMean",
    "Minimax",
    "NonSaturating",
    "Objective",
    "RaGAN",
    "RpGAN",
    "find",
    "get",
    "hyperparameters",
    "names",
]

# In the order in which they build on each other; tables and comparisons keep it.
_CLASSIC = (Minimax, NonSaturating, LSGAN, Hinge, RaGAN)
_SLOPES = (DRAGAN, R1, RpGAN)
_WASSERSTEIN = (WGAN, WGANGP, RWGAN, McGANMean, McGANCovariance, Fisher)
_MOMENTS = (GMMN, MMDGAN, MMDGANGP, Cramer)
_ENERGIES = (EBGAN, BEGAN, MAGAN)
_DIVERGENCES = (FGANKL, FGANReverseKL, FGANPearson, FGANNeyman, FGANHellinger, FGANJS, FGANGAN)
_PAGES: tuple[type[Objective], ...] = (
    *_CLASSIC,
    *_SLOPES,
    *_WASSERSTEIN,
    *_MOMENTS,
    *_ENERGIES,
    *_DIVERGENCES,
)


def names() -> list[str]:
    """The names that `get` accepts."""
    return [page.name for page in _PAGES]


def find(name: str) -> type[Objective]:
    """The class of the objective called `name`; ValueError lists the known names."""
    for page in _PAGES:
        if page.name == name:
            return page
    raise ValueError(f"unknown objective {name!r}; known are {', '.join(names())}")


def get(name: str, /, **hyper: Any) -> Objective:
    """The objective called `name`, with its paper's defaults or with `hyper` in their place.

    Objectives with random points in their penalty draw them from `rng`.
    """
    page = find(name)
    unknown = hyper.keys() - inspect.signature(page).parameters.keys()
    if unknown:
        raise ValueError(
            f"objective {name!r} has no {sorted(unknown)}; it has {hyperparameters(name)}"
        )
    try:
        return page(**hyper)
    except TypeError as error:  # a text where a number belongs
        odd = {key: value for key, value in hyper.items() if not isinstance(value, int | float)}
        given = ", ".join(f"{key}={value!r}" for key, value in (odd or hyper).items())
        raise ValueError(f"objective {name!r} does not take {given}: {error}") from error


def hyperparameters(name: str) -> list[str]:
    """The hyper-parameters of the objective called `name`: keyword arguments of `get`."""
    return list(inspect.signature(find(name)).parameters)
