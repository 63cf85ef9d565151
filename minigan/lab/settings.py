"""Settings: what a person may choose of a training in the plane, and within which range."""

from __future__ import annotations

import inspect
import math
from typing import Any

from minigan import docpages, objectives
from minigan.objectives.objective import OUTPUTS
from minigan.training.build import OPTIMIZERS
from minigan.training.config import PENALTIES, Config

# Ranges of numbers: fields of Config, from, to, whole?
RANGES: dict[str, tuple[float, float, bool]] = {
    "d_lr": (0.0, 1.0, False),
    "g_lr": (0.0, 1.0, False),
    "n_critic": (1, 20, True),
    "batch_size": (8, 1024, True),
    "z_dim": (1, 16, True),
    "hidden": (4, 256, True),
    "penalty_weight": (0.0, 1e6, False),
}
CHOICES = ("objective", "hyper", "optimizer", "betas", "penalty", "spectral_norm", *RANGES)
AT_ONCE = ("d_lr", "g_lr", "n_critic")  # the training continues; all others begin anew
DEFAULTS = {"z_dim": 2, "hidden": 128}  # of the model `points`
MOST_HYPER = 16  # numbers in a hyper-parameter that is a list


def check_choice(name: str, value: Any) -> None:
    """ValueError unless `value` can be the choice `name`. What fits together, Config and the objective check."""
    if name in RANGES:
        low, high, whole = RANGES[name]
        good = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not good or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise ValueError(f"{name} must be {kind} from {low:g} to {high:g}, got {value!r}")
    known = {"objective": objectives.names(), "optimizer": OPTIMIZERS, "penalty": (None, *PENALTIES)}
    if name in known and value not in known[name]:
        raise ValueError(f"{name} must be one of {', '.join(map(str, known[name]))}, got {value!r}")
    if name == "spectral_norm" and not isinstance(value, bool):
        raise ValueError(f"spectral_norm must be true or false, got {value!r}")
    if name == "betas" and not (isinstance(value, list) and len(value) == 2 and all(map(_is_share, value))):
        raise ValueError(f"betas must be two numbers in [0, 1), got {value!r}")
    if name == "hyper":
        _check_hyper(value)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1


def _check_hyper(value: Any) -> None:
    if not isinstance(value, dict) or len(value) > MOST_HYPER:
        raise ValueError(f"hyper must be a JSON object of hyper-parameters by name, got {type(value).__name__}")
    for name, entry in value.items():
        parts = entry if isinstance(entry, list) else [entry]
        if len(parts) > MOST_HYPER or not all(_is_plain(one) for one in parts):
            raise ValueError(f"hyper.{name} must be a number, a word, true, false, or a list of numbers")
        if name in ("features", "passes", "rank", "every") and not (type(entry) is int and 1 <= entry <= 256):
            raise ValueError(f"hyper.{name} must be a whole number from 1 to 256, got {entry!r}")


def _is_plain(value: Any) -> bool:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return math.isfinite(value) and abs(value) <= 1e9
    return value is None or isinstance(value, bool) or (isinstance(value, str) and len(value) <= 40)


def config_of(choices: dict[str, Any], data: str, seed: int) -> Config:
    """The recipe of the objective for points, with the choices in place. The rates stay as they are: a session has no
    end that they could fall towards."""
    given: dict[str, Any] = {name: tuple(value) if name == "betas" else value for name, value in choices.items()}
    config = Config(model="points", data=data, seed=seed, **{**given, "decay": 0.0})
    unknown = config.hyper.keys() - set(objectives.hyperparameters(config.objective)) | config.hyper.keys() & {"rng"}
    if unknown:
        known = ", ".join(name for name in objectives.hyperparameters(config.objective) if name != "rng") or "none"
        raise ValueError(f"{config.objective} has no hyper-parameter {sorted(unknown)[0]}; it has {known}")
    return config


def shown(config: Config) -> dict[str, Any]:
    """The choices of a config as the page shows them."""
    values = {name: getattr(config, name) for name in CHOICES}
    values |= {name: default for name, default in DEFAULTS.items() if values[name] is None}
    return values | {"betas": list(config.betas), "hyper": hyper(config)}


def hyper(config: Config) -> dict[str, Any]:
    """All hyper-parameters of the objective, with the values that this config gives them."""
    parameters = inspect.signature(objectives.find(config.objective)).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items() if name != "rng"}
    values = {**defaults, **config.hyper}
    if config.real_label is not None:
        values["real_label"] = config.real_label
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def catalogue() -> list[dict[str, Any]]:
    """All objectives: name, idea, what D's output is."""
    pages = [(name, objectives.find(name)) for name in objectives.names()]
    return [
        {"name": name, "idea": docpages.idea(page), "output": OUTPUTS[objectives.get(name).output].split(" (")[0]}
        for name, page in pages
    ]
