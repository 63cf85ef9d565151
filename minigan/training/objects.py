"""Objects: what a Trainer is given from Python, checked and described for the run's files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigan.data import Dataset
from minigan.training.config import OWN
from minigan.training.system import System
from minigan.training.values import came


def folder_of(path: object) -> Path:
    """The path of a run's folder, from a text or a path object."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise TypeError(f"the folder of a run must be a path, got {came(path)}")
    return Path(os.fspath(path)).expanduser()


def datasets_of(system: System, data: Dataset | Mapping[str, Dataset]) -> dict[str, Dataset]:
    """The data sets by the names that the system draws from; ValueError where some are missing."""
    datasets = {system.data[0]: data} if isinstance(data, Dataset) else data
    if not isinstance(datasets, Mapping) or not all(isinstance(one, Dataset) for one in datasets.values()):
        raise TypeError(f"Trainer expects a Dataset, as data.load('mnist') gives, or a dict of them, got {came(data)}")
    if set(datasets) != set(system.data):
        raise ValueError(
            f"{type(system).__name__} draws from the data sets {', '.join(system.data)}; got {', '.join(datasets)}"
        )
    return {name: datasets[name] for name in system.data}


def about(datasets: Mapping[str, Dataset]) -> dict[str, dict[str, Any]]:
    """The properties of each data set on which networks depend, for `build.system` and for checkpoints."""
    return {name: dataset.about() for name, dataset in datasets.items()}


def described(system: System, datasets: Mapping[str, Dataset]) -> dict[str, Any]:
    """The entry of config.json for a system that was given as an object."""
    objective = getattr(getattr(system, "objective", None), "name", "")
    data = ", ".join(dataset.name for dataset in datasets.values())
    first = next(iter(system.players.values())).optimizer
    rates = {
        key: system.players[name].optimizer.lr for key, name in (("d_lr", "D"), ("g_lr", "G")) if name in system.players
    }
    names = {"model": type(system).__name__.lower(), "objective": objective, "optimizer": type(first).__name__.lower()}
    return {"system": OWN, **names, "data": data, **rates}
