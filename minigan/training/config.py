"""Config: everything that the numbers of a run depend on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from minigan import data, models, objectives
from minigan.kernels.cuda import precision
from minigan.training import recipes

MACHINE = ("device", "threads", "graph", "precision")  # how a run is computed
SIZES = ("z_dim", "width", "hidden")  # of the networks, where a model has them
# Choices that runs of earlier versions do not name, and had as they are by default.
NEWER = ("hyper", "penalty", "penalty_weight", "spectral_norm", "score_every", "same_noise", "keep", *MACHINE[2:])
# Objectives whose penalty any other game with scores can borrow, and what they call its weight.
PENALTIES = {"wgan-gp": "weight", "dragan": "weight", "r1": "gamma"}


@dataclass(frozen=True)
class Config:
    """A run's choices, as its config.json keeps them. None: the model's own default, or not applicable."""

    model: str = "infogan"
    objective: str = "nonsaturating"
    data: str = "mnist-10k"
    size: int | None = None  # pixels along a side; for folders of images only
    epochs: float = 20.0  # passes over the data
    batch_size: int = 64
    optimizer: str = "adam"
    d_lr: float = 2e-4
    g_lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    decay: float = 0.0  # share of the run, at its end, in which the learning rates fall to zero
    n_critic: int = 1  # D steps per G step
    same_noise: bool = False  # does G's update look at the samples of D's last one? Faster, and less random
    real_label: float | None = None  # label smoothing, for the objectives that have it
    hyper: dict[str, Any] = field(default_factory=dict)  # hyper-parameters of the objective, in place of its own
    penalty: str | None = None  # objective whose penalty on D's gradient comes on top, such as r1
    penalty_weight: float | None = None
    spectral_norm: bool = False  # every weight matrix of D over its largest singular value
    z_dim: int | None = None
    width: float | None = None
    hidden: int | None = None
    average: float = 0.0  # decay of the moving average of G's weights that paints the samples; 0: none
    score_every: int | None = None  # steps between scores; None: the run is scored at its end only
    keep: int = 3  # checkpoints, beside the best one
    seed: int = 0
    device: str = "cpu"
    threads: int = 1  # of the CPU; another number adds up in another order, so it is part of the run
    graph: bool = True  # on a GPU, are steps recorded once and replayed? The same numbers, much sooner
    precision: str = "float32"  # of products on a GPU: float32, or tf32, which keeps 10 of the 23 bits behind the point

    def __post_init__(self) -> None:
        if not math.isfinite(self.epochs) or min(self.epochs, self.batch_size, self.n_critic, self.threads) <= 0:
            raise ValueError(
                "epochs, batch size, D steps per G step and threads must be positive and finite, "
                f"got {self.epochs}, {self.batch_size}, {self.n_critic} and {self.threads}"
            )
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay is a share of the run, in [0, 1], got {self.decay}")
        if self.score_every is not None and self.score_every < 1:
            raise ValueError(f"scores come every so many steps, at least 1, got {self.score_every}")
        if self.keep < 1:
            raise ValueError(f"a run keeps at least 1 checkpoint, got {self.keep}")
        precision.check(self.precision)
        objectives.find(self.objective)
        models.options(self.model)
        if self.penalty is not None and self.penalty not in PENALTIES:
            raise ValueError(f"unknown penalty {self.penalty!r}; known are {', '.join(PENALTIES)}")
        if self.penalty_weight is not None and self.penalty is None:
            raise ValueError("a penalty weight needs a penalty to weigh; an objective's own weight is one of its hyper")
        if self.real_label is not None and "real_label" in self.hyper:
            raise ValueError("real_label is given twice, by itself and among the hyper-parameters")

    @classmethod
    def paper(cls, **choices: Any) -> Config:
        """The defaults of the objective's paper, with `choices` in their place."""
        own = objectives.find(choices.get("objective", cls.objective)).defaults
        numbers: dict[str, Any] = {"optimizer": own.optimizer, "d_lr": own.lr, "g_lr": own.lr, "betas": own.betas}
        return cls(**numbers | {"n_critic": own.n_critic, "batch_size": own.batch_size} | choices)

    @classmethod
    def tuned(cls, **choices: Any) -> Config:
        """Our recipe for the objective (training/recipes.py), with `choices` in its place: minutes on a CPU."""
        own = objectives.find(choices.get("objective", cls.objective)).defaults
        points = _in_the_plane(choices)
        recipe = recipes.choices(choices.get("objective", cls.objective), points)
        if "model" in choices and choices["model"] != recipe["model"]:  # what only the recipe's own model knows
            known = models.options(choices["model"])
            recipe = {name: value for name, value in recipe.items() if name not in SIZES or name in known}
        base: dict[str, Any] = {"n_critic": own.n_critic, "data": "ring" if points else cls.data}
        hyper = {"hyper": {**recipe.get("hyper", {}), **choices.get("hyper", {})}}
        return cls(**base | recipe | choices | hyper)

    def but(self, **choices: Any) -> Config:
        """This recipe with `choices` in place. Its training numbers hold for its own model, objective and kind of data
        only: others start from their own recipe. A model that is not the recipe's stays."""
        same = ("objective", "size", "score_every", "keep", "seed", *MACHINE)
        kept = {name: getattr(self, name) for name in same}
        here = {"model": self.model, "data": self.data}
        points = _in_the_plane(here)
        if points != _in_the_plane(choices if "data" in choices else here | choices):
            return Config.tuned(**kept | choices)
        if all(choices.get(name, getattr(self, name)) == getattr(self, name) for name in ("model", "objective")):
            return replace(self, **choices | {"hyper": {**self.hyper, **choices.get("hyper", {})}})
        kept["data"] = self.data
        if self.model != recipes.choices(self.objective, points)["model"]:
            kept["model"] = self.model
        return Config.tuned(**kept | choices)

    def model_choices(self) -> dict[str, Any]:
        """What `models.get` is told: the chosen options; D's normalisation suits objective and penalty."""
        chosen = {name: getattr(self, name) for name in SIZES}
        known = models.options(self.model)
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
            return cls(**values)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise ValueError(f"{source}: not a configuration of this version of minigan: {error}") from error


def _in_the_plane(choices: Mapping[str, Any]) -> bool:
    """Are the samples points, and no images?"""
    return choices.get("model") == "points" or choices.get("data") in data.MIXTURES


def _check_type(name: str, value: Any) -> None:
    """TypeError where a value read from a file is not what the field of Config holds."""
    kind = get_type_hints(Config)[name]
    if kind == tuple[float, float]:
        right = len(value) == 2 and all(isinstance(number, int | float) for number in value)
    else:
        kinds = (kind,) if get_origin(kind) is dict else get_args(kind) or (kind,)
        kinds = tuple(get_origin(one) or one for one in kinds) + ((int,) if float in kinds else ())
        right = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
        right = right and (type(value) is not int or abs(value) < 2**64)  # JSON has integers of any length
    if not right:
        raise TypeError(f"{name} is {value!r}, expected {getattr(kind, '__name__', kind)}")


# The recipe of examples/mnist_gan.py: the best of examples/compare_recipes.py, at equal time.
RECIPE = Config.tuned(real_label=0.9)
