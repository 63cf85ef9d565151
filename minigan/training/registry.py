"""Registry: the systems that a name can build, each with its recipe and with the choices that are its own.

A system's page ends with its `ENTRY`. Pages are imported when their name is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigan.data import Dataset
    from minigan.device import Device
    from minigan.training.config import Config
    from minigan.training.system import System

PAGES = {
    "gan": "minigan.training.build",
    "conditional": "minigan.systems.conditional_build",
    "ageing": "minigan.systems.ageing_build",
    "vae": "minigan.systems.vae",
}
PAGES |= {"srgan": "minigan.systems.srgan_build", "cyclegan": "minigan.systems.cyclegan_build"}
PAGES |= {"stackgan": "minigan.systems.stackgan_build"}
PAGES |= {"stylegan": "minigan.systems.stylegan_build"}
SYSTEMS = tuple(PAGES)

# Choices of a Config that only some systems have; each names those in its entry's `fields`.
FIELDS: tuple[str, ...] = (
    "model",
    "width",
    "hidden",
    "z_dim",
    "spectral_norm",
    "objective",
    "hyper",
    "real_label",
    "penalty",
)
FIELDS += ("penalty_weight", "n_critic", "same_noise", "average", "paper")

About = Mapping[str, Any]  # what networks depend on in a data set (Dataset.about): JSON, kept in checkpoints


@dataclass(frozen=True)
class Option:
    """A choice of one system: an entry of Config.options, and the flag --name of `minigan train SYSTEM`.

    The flag's type is that of `default`; True and False make a switch.
    """

    name: str
    default: Any
    help: str
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Entry:
    """How names and numbers become a system.

    about       one sentence for help and tables
    recipe      what Config starts from: its fields, from the choices that were made
    datasets    the data sets of a run, by the names of `System.data`
    build       the system in its first state, for data sets of which `Dataset.about` is known, on a device
    fields      which of FIELDS it has
    options     its own choices
    paper       the papers' numbers in place of the recipe; None: those of the objective's paper
    held_out    at most n images that such a run is scored by, by their names; None: it is scored by its samples
    use         the command that uses a finished run {run}, where it is not `minigan sample`
    """

    about: str
    recipe: Callable[[Mapping[str, Any]], dict[str, Any]]
    datasets: Callable[[Config], dict[str, Dataset]]
    build: Callable[[Config, Mapping[str, About], Device], System]
    fields: tuple[str, ...] = ()
    options: tuple[Option, ...] = field(default=())
    paper: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    held_out: Callable[[Config, int], dict[str, Dataset]] | None = None
    use: str = ""


def entry(name: str) -> Entry:
    """The entry of the system called `name`; ValueError lists the known names."""
    if name not in PAGES:
        raise ValueError(f"unknown system {name!r}; known are {', '.join(SYSTEMS)}")
    page_entry: Entry = importlib.import_module(PAGES[name]).ENTRY
    return page_entry
