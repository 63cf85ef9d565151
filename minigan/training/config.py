"""Config: everything that the numbers of a run depend on."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from minigan import data, models, objectives
from minigan.kernels.cuda import precision
from minigan.training import recipes, registry
from minigan.training.values import taken

MACHINE = ("device", "threads", "fork", "graph", "precision")  # how a run is computed
PREPARED = ("size", "background")  # how pictures of one's own are read
SIZES = ("z_dim", "width", "hidden")  # of the networks, where a model has them
# Choices that runs of earlier versions do not name, and had as they are by default.
NEWER: tuple[str, ...] = ("system", "options", "hyper", "penalty", "penalty_weight", "spectral_norm")
NEWER += ("background", "score_every", "same_noise", "keep", *MACHINE[2:])
OWN = "own"  # the system of a run that was started with objects: names cannot build it again
# What a choice is where neither the caller nor a recipe names it.
DEFAULTS: dict[str, Any] = {
    "system": "gan",
    "options": {},
    "model": "infogan",
    "objective": "nonsaturating",
    "data": "mnist-10k",
    "size": None,
    "background": "black",
    "epochs": 20.0,
    "batch_size": 64,
    "optimizer": "adam",
    "d_lr": 2e-4,
    "g_lr": 2e-4,
    "betas": (0.5, 0.999),
    "decay": 0.0,
    "n_critic": 1,
    "same_noise": False,
    "real_label": None,
    "hyper": {},
    "penalty": None,
    "penalty_weight": None,
    "spectral_norm": False,
    "z_dim": None,
    "width": None,
    "hidden": None,
    "average": 0.0,
    "score_every": None,
    "keep": 3,
    "seed": 0,
    "device": "cpu",
    "threads": 1,
    "fork": True,
    "graph": True,
    "precision": "float32",
}
# Objectives whose penalty any other objective with scores can borrow, and the name of its weight.
PENALTIES = {"wgan-gp": "weight", "dragan": "weight", "r1": "gamma"}


def _to_stderr(sentence: str) -> None:
    print(sentence, file=sys.stderr)


@dataclass(frozen=True, init=False)
class Config:
    """A run's choices, as its config.json keeps them. None: the model's own default, or not applicable.

    Config(objective="lsgan") is the recipe that works for this objective within minutes on a CPU (recipes.py), with
    the given choices in its place; Config(paper=True, ...) has the numbers of the objective's paper.
    """

    system: str
    options: dict[str, Any]  # the system's own choices (registry.Option)
    model: str
    objective: str
    data: str
    size: int | None  # pixels along a side; for pictures of one's own only
    background: str  # colour where these are transparent
    epochs: float  # passes over the data
    batch_size: int
    optimizer: str
    d_lr: float
    g_lr: float
    betas: tuple[float, float]
    decay: float  # share of the run, at its end, in which the learning rates fall to zero
    n_critic: int  # D steps per G step
    same_noise: bool  # does G's update use the noise of D's last one? Faster, and less random
    real_label: float | None  # label smoothing, for the objectives that have it
    hyper: dict[str, Any]  # hyper-parameters of the objective, in place of its own
    penalty: str | None  # objective whose penalty on D's gradient comes on top, such as r1
    penalty_weight: float | None
    spectral_norm: bool  # every weight matrix of D over its largest singular value
    z_dim: int | None
    width: float | None
    hidden: int | None
    average: float  # decay of the moving average of G's weights that draws the samples; 0: none
    score_every: int | None  # steps between scores; None: the run is scored at its end only
    keep: int  # checkpoints, beside the best one
    seed: int
    device: str
    threads: int  # of the CPU; another number adds up in another order, so it is part of the run
    fork: bool  # are processes used in place of threads, where they can be? The same numbers, sooner
    graph: bool  # on a GPU, are steps recorded once and replayed? The same numbers, much sooner
    precision: str  # of products on a GPU: float32, or tf32, which keeps 10 of the 23 bits of the fraction

    def __init__(self, *, paper: bool = False, **choices: Any) -> None:
        unknown = choices.keys() - DEFAULTS.keys()
        if unknown:
            raise TypeError(f"Config has no {', '.join(sorted(unknown))}; it has {', '.join(DEFAULTS)}")
        kinds = _kinds()
        choices = {name: taken(name, value, kinds[name]) for name, value in choices.items()}
        start: dict[str, Any] = {}
        if choices.get("system") != OWN and choices.keys() != DEFAULTS.keys():  # a whole config is taken as it is
            start = _papers(choices) if paper else _recipe(choices)
            for name in ("hyper", "options"):
                choices[name] = {**start.get(name, {}), **choices.get(name, {})}
            if "real_label" in choices["hyper"]:
                start.pop("real_label", None)
        for name, value in (DEFAULTS | start | choices).items():
            object.__setattr__(self, name, dict(value) if isinstance(value, dict) else value)
        self._check()

    def _check(self) -> None:
        for name in ("epochs", "batch_size", "n_critic", "threads"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(
                    f"{name} (--{name.replace('_', '-')}) must be positive and finite, got {getattr(self, name)}"
                )
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay is a share of the run, in [0, 1], got {self.decay}")
        if self.score_every is not None and self.score_every < 1:
            raise ValueError(f"score_every is a number of steps, at least 1, got {self.score_every}")
        if self.keep < 1:
            raise ValueError(f"a run keeps at least 1 checkpoint, got {self.keep}")
        if self.background != DEFAULTS["background"]:
            from minigan.data.pictures import colour  # here: Pillow is slow to import

            colour(self.background)
        for name, value in vars(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} must be finite, got {value}")
        precision.check(self.precision)
        if self.system != OWN:
            self._check_names()

    def _check_names(self) -> None:
        entry = registry.entry(self.system)
        unknown = self.options.keys() - {option.name for option in entry.options}
        if unknown:
            names = ", ".join(option.name for option in entry.options) or "no options"
            raise ValueError(f"the system {self.system} has no {', '.join(sorted(unknown))}; it has {names}")
        for option in entry.options:
            if option.name in self.options:
                self.options[option.name] = _of_option(option, self.options[option.name])
        if "objective" in entry.fields:
            objectives.find(self.objective)
        if "model" in entry.fields:
            models.options(self.model)
        if self.penalty is not None and self.penalty not in PENALTIES:
            raise ValueError(f"unknown penalty {self.penalty!r}; known are {', '.join(PENALTIES)}")
        if self.penalty_weight is not None and self.penalty is None:
            raise ValueError("penalty_weight needs a penalty; the weight of an objective's own penalty is in hyper")
        if self.real_label is not None and "real_label" in self.hyper:
            raise ValueError("real_label is given twice, as a choice and among the hyper-parameters")

    def but(self, *, say: Callable[[str], object] = _to_stderr, **choices: Any) -> Config:
        """This recipe with `choices` in place. Its training numbers are for its own model, objective and kind of data
        (images or points): where one of them changes, the new one's own recipe is the start, and `say` is called with
        a sentence about that. A model that is not the recipe's own stays. Of other systems, the recipe is the start
        where other data, another size or other options have another one; options that were chosen stay."""
        same = ("system", "options", "objective", *PREPARED, "score_every", "keep", "seed", *MACHINE)
        kept = {name: getattr(self, name) for name in same}
        if choices.get("system", self.system) != self.system:
            return Config(**{name: getattr(self, name) for name in MACHINE} | choices)
        here = {"model": self.model, "data": self.data}
        if self.system not in ("gan", OWN):
            mine = {**here, "system": self.system, "size": self.size, "options": self.options}
            new: dict[str, Any] = {name: choices[name] for name in ("data", "size") if name in choices}
            before, options = _recipe(mine), choices.get("options", {})
            # other data, another size or other options, other numbers
            if before != _recipe({**mine, **new, "options": {**self.options, **options}}):
                start = ("system", *PREPARED, "score_every", "keep", "seed", *MACHINE)
                chosen = {name: value for name, value in self.options.items() if value != before["options"][name]}
                rest = {} if "data" in choices else {"data": self.data, "options": {**chosen, **options}}
                return Config(**{name: getattr(self, name) for name in start} | choices | rest)
        points = _in_the_plane(here)
        if points != _in_the_plane(choices if "data" in choices else here | choices):
            return _announced(Config(**kept | choices), say)
        if all(choices.get(name, getattr(self, name)) == getattr(self, name) for name in ("model", "objective")):
            merged = {name: {**getattr(self, name), **choices.get(name, {})} for name in ("hyper", "options")}
            return replace(self, **choices | merged)
        kept["data"] = self.data
        if self.model != recipes.choices(self.objective, points)["model"]:
            kept["model"] = self.model
        return _announced(Config(**kept | choices), say)

    def model_choices(self) -> dict[str, Any]:
        """The options for `models.get`: the chosen ones; D's normalisation suits objective and penalty."""
        chosen = {name: getattr(self, name) for name in SIZES}
        known = models.options(self.model)
        for name in chosen:
            if chosen[name] is not None and name not in known:
                having = ", ".join(model for model in models.names() if name in models.options(model))
                flag = f"--{name.replace('_', '-')}"
                raise ValueError(f"{flag} does not apply to the model {self.model}; the models with it are {having}")
        suited = objectives.find(self.objective).critic_norm
        suited = "layer" if self.penalty is not None and suited == "batch" else suited
        norm = {"critic_norm": suited} if "critic_norm" in known else {}
        return {name: value for name, value in chosen.items() if value is not None} | norm

    def dump(self) -> str:
        """The text of config.json."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def load(cls, text: str, source: Path) -> Config:
        """The config of `dump`, of this version of minigan or an earlier one; ValueError names `source` and what is
        wrong."""
        try:
            values = json.loads(text)
            values["betas"] = tuple(values["betas"])
            known = {field.name for field in fields(cls)}
            if not known - set(NEWER) <= values.keys() <= known:
                raise ValueError(f"its keys differ from the known ones in {sorted(values.keys() ^ known)}")
            for name, value in values.items():
                _check_type(name, value)
            if values.get("system", OWN) != OWN:  # options that earlier versions did not have are as by default
                options = {option.name: option.default for option in registry.entry(values["system"]).options}
                values["options"] = options | values.get("options", {})
            return cls(**DEFAULTS | values)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise ValueError(f"{source}: not a configuration of this version of minigan: {error}") from error


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe of the chosen system; of a GAN, that for the chosen objective, model and kind of data."""
    system = choices.get("system", DEFAULTS["system"])
    entry = registry.entry(system)
    options, recipe = {option.name: option.default for option in entry.options}, entry.recipe(choices)
    return {**recipe, "options": {**options, **recipe.get("options", {})}}


def _of_option(option: registry.Option, value: Any) -> Any:
    """The value of a system's choice as a Config keeps it: of the type of the default, and one of the choices."""
    if value is None and option.default is None:
        return None
    value = taken(option.name, value, str if option.default is None else type(option.default))
    if option.choices and value not in option.choices:
        raise ValueError(f"{option.name} must be {' or '.join(map(str, option.choices))}, got {value}")
    return value


def gan_recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe of a GAN for the chosen objective, model and kind of data."""
    objective = choices.get("objective", DEFAULTS["objective"])
    points = _in_the_plane(choices)
    recipe = recipes.choices(objective, points)
    if "model" in choices and choices["model"] != recipe["model"]:  # sizes are of the recipe's own model
        known = models.options(choices["model"])
        recipe = {name: value for name, value in recipe.items() if name not in SIZES or name in known}
    data_set = {"data": "ring"} if points else {}
    return {"n_critic": objectives.find(objective).defaults.n_critic, **data_set, **recipe}


def _papers(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of the system's papers, or of the objective's paper."""
    entry = registry.entry(choices.get("system", DEFAULTS["system"]))
    if entry.paper is not None:
        numbers = entry.paper(choices)
        options = {option.name: option.default for option in entry.options}
        return {**numbers, "options": options | numbers.get("options", {})}
    defaults = objectives.find(choices.get("objective", DEFAULTS["objective"])).defaults
    numbers = {"optimizer": defaults.optimizer, "d_lr": defaults.lr, "g_lr": defaults.lr, "betas": defaults.betas}
    return numbers | {"n_critic": defaults.n_critic, "batch_size": defaults.batch_size}


def _announced(config: Config, say: Callable[[str], object]) -> Config:
    kind = "points" if _in_the_plane({"model": config.model, "data": config.data}) else "images"
    say(
        f"The numbers of this run start from the recipe for {config.objective} on {kind} (minigan/training/recipes.py)."
    )
    return config


def _in_the_plane(choices: Mapping[str, Any]) -> bool:
    """Are the samples points, and no images?"""
    return choices.get("model") == "points" or choices.get("data") in data.MIXTURES


@cache
def _kinds() -> dict[str, Any]:
    """The type of each field of Config; to find them takes milliseconds."""
    return get_type_hints(Config)


def _check_type(name: str, value: Any) -> None:
    """TypeError where a value read from a file is not what the field of Config holds."""
    kind = _kinds()[name]
    if kind == tuple[float, float]:
        right = len(value) == 2 and all(isinstance(number, int | float) for number in value)
    else:
        kinds = (kind,) if get_origin(kind) is dict else get_args(kind) or (kind,)
        kinds = tuple(get_origin(one) or one for one in kinds) + ((int,) if float in kinds else ())
        right = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
        right = right and (type(value) is not int or abs(value) < 2**64)  # JSON has integers of any length
    if not right:
        raise TypeError(f"{name} is {value!r}, expected {getattr(kind, '__name__', kind)}")
