"""Config: everything that the numbers of a run depend on."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from minigan import data, device, models, objectives
from minigan.training import recipes

SIZES = ("z_dim", "width", "hidden")  # of the networks, where a model has them


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
    real_label: float | None = None  # label smoothing, for the objectives that have it
    hyper: dict[str, Any] = field(default_factory=dict)  # hyper-parameters of the objective, in place of its own
    penalty: str | None = None  # objective whose penalty on D's gradient comes on top, such as r1
    penalty_weight: float | None = None
    spectral_norm: bool = False  # every weight matrix of D over its largest singular value
    z_dim: int | None = None
    width: float | None = None
    hidden: int | None = None
    average: float = 0.0  # decay of the moving average of G's weights that paints the samples; 0: none
    seed: int = 0
    device: str = "cpu"
    threads: int = 1  # of the BLAS library; another number adds up in another order, so it is part of the run

    def __post_init__(self) -> None:
        if not math.isfinite(self.epochs) or min(self.epochs, self.batch_size, self.n_critic, self.threads) <= 0:
            raise ValueError(
                "epochs, batch size, D steps per G step and threads must be positive and finite, "
                f"got {self.epochs}, {self.batch_size}, {self.n_critic} and {self.threads}"
            )
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay is a share of the run, in [0, 1], got {self.decay}")
        objectives.find(self.objective)
        models.options(self.model)
        if self.penalty_weight is not None and self.penalty is None:
            raise ValueError("a penalty weight needs a penalty to weigh; an objective's own weight is one of its hyper")

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
        points = choices.get("model") == "points" or choices.get("data") in data.MIXTURES
        recipe = recipes.choices(choices.get("objective", cls.objective), points)
        if "model" in choices and choices["model"] != recipe["model"]:  # what only the recipe's own model knows
            known = models.options(choices["model"])
            recipe = {name: value for name, value in recipe.items() if name not in SIZES or name in known}
        base: dict[str, Any] = {"n_critic": own.n_critic, "data": "ring" if points else cls.data}
        return cls(**base | recipe | choices)

    def but(self, **choices: Any) -> Config:
        """This recipe with `choices` in place. Its training numbers hold for its own pair of model and objective
        only: another pair starts from its own recipe."""
        pair = choices.get("model", self.model), choices.get("objective", self.objective)
        if pair == (self.model, self.objective):
            return replace(self, **choices)
        kept = {name: getattr(self, name) for name in ("data", "size", "seed", "device", "threads")}
        return Config.tuned(**kept | {"objective": pair[1]} | choices)

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
        """The config of `dump`; ValueError names `source` and what is wrong."""
        try:
            values = json.loads(text)
            values["betas"] = tuple(values["betas"])
            known = {field.name for field in fields(cls)}
            if values.keys() != known:
                raise ValueError(f"its keys differ from the known ones in {sorted(values.keys() ^ known)}")
            for name, value in values.items():
                _check_type(name, value)
            return cls(**values)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{source}: not a configuration of this version of minigan: {error}") from error


def _check_type(name: str, value: Any) -> None:
    """TypeError where a value read from a file is not what the field of Config holds."""
    kind = get_type_hints(Config)[name]
    if kind == tuple[float, float]:
        right = len(value) == 2 and all(isinstance(number, int | float) for number in value)
    else:
        kinds = (kind,) if get_origin(kind) is dict else get_args(kind) or (kind,)
        kinds = tuple(get_origin(one) or one for one in kinds) + ((int,) if float in kinds else ())
        right = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
    if not right:
        raise TypeError(f"{name} is {value!r}, expected {getattr(kind, '__name__', kind)}")


# Objectives whose penalty any other game with scores can borrow, and what they call its weight.
PENALTIES = {"wgan-gp": "weight", "dragan": "weight", "r1": "gamma"}
# The recipe of examples/mnist_gan.py: the best of examples/compare_recipes.py, at equal time.
RECIPE = Config.tuned(real_label=0.9)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of a training run. What is not given stays out of the namespace: the recipe decides."""
    rest = argparse.SUPPRESS
    known = f"{', '.join(data.NAMES)} or a folder of images"
    parser.add_argument("--model", default=rest, choices=models.names(), help="the two networks")
    parser.add_argument("--objective", default=rest, choices=objectives.names(), help="what they play for")
    parser.add_argument("--data", default=rest, help=known)
    parser.add_argument("--size", type=int, default=rest, help="pixels along a side, for a folder of images")
    parser.add_argument("--epochs", type=float, default=rest, help="passes over the data")
    parser.add_argument("--batch-size", type=int, default=rest, help="samples per step")
    parser.add_argument("--lr", type=float, default=rest, help="learning rate of both players")
    parser.add_argument("--n-critic", type=int, default=rest, help="D steps per G step")
    parser.add_argument("--width", type=float, default=rest, help="factor on the models' channels")
    parser.add_argument("--hidden", type=int, default=rest, help="units of the hidden layers, where a model has them")
    parser.add_argument("--z-dim", type=int, default=rest, help="numbers that the generator starts from")
    parser.add_argument("--decay", type=float, default=rest, help="share of the run in which the rates fall to zero")
    parser.add_argument("--average", type=float, default=rest, help="decay of the average of G that paints; 0: none")
    parser.add_argument("--real-label", type=float, default=rest, help="smoothed target of real samples, such as 0.9")
    parser.add_argument(
        "--hyper",
        action=_Pair,
        default=rest,
        metavar="NAME=VALUE",
        help="a hyper-parameter of the objective; repeatable",
    )
    parser.add_argument("--penalty", default=rest, choices=PENALTIES, help="penalty on D's gradient, on top")
    parser.add_argument("--penalty-weight", type=float, default=rest, help="its weight; default its paper's")
    parser.add_argument("--spectral-norm", action="store_true", default=rest, help="keep D's layers 1-Lipschitz")
    parser.add_argument("--paper", action="store_true", help="the paper's numbers: made for hours on a GPU")
    parser.add_argument("--seed", type=int, default=rest, help="one seed, one result")
    parser.add_argument("--device", default=rest, help="cpu, cuda, cuda:N or auto; default $MINIGAN_DEVICE, then cpu")
    parser.add_argument("--threads", type=int, default=rest, help="threads of the BLAS library")
    parser.add_argument("--out", type=Path, default=None, help="folder of the run; default runs/<time>-<names>")
    parser.add_argument("--resume", type=Path, default=None, metavar="RUN", help="go on with the run in this folder")


# What a Python user may write where JSON has another word.
_PYTHON = {"True": "true", "False": "false", "None": "null", "inf": "Infinity"}


class _Pair(argparse.Action):
    """Collects NAME=VALUE into a dict; a value is JSON where it can be, else the text itself."""

    def __call__(self, parser: Any, flags: Any, values: Any, option: str | None = None) -> None:
        name, equals, text = values.partition("=")
        if not (name and equals):
            parser.error(f"{option} expects NAME=VALUE, such as {option} clip=0.05, got {values!r}")
        try:
            value = json.loads(_PYTHON.get(text, text))
        except json.JSONDecodeError:
            value = text
        setattr(flags, self.dest, {**getattr(flags, self.dest, {}), name.replace("-", "_"): value})


def chosen(flags: argparse.Namespace) -> dict[str, Any]:
    """The choices that were given on the command line."""
    known = {field.name for field in fields(Config)} | {"lr"}
    return {name: value for name, value in vars(flags).items() if name in known}


def from_flags(flags: argparse.Namespace, recipe: Config) -> Config:
    """The config that the flags ask for, starting from `recipe`."""
    choices = chosen(flags)
    if "lr" in choices:
        choices["d_lr"] = choices["g_lr"] = choices.pop("lr")
    choices["device"] = str(device.choose(choices.get("device")))
    if Path(choices.get("data", "")).is_dir() and "data" in choices:
        choices["data"] = str(Path(choices["data"]).resolve())  # to be found again from another folder
    if flags.paper:
        base = {"model": recipe.model, "objective": recipe.objective, "data": recipe.data, "epochs": recipe.epochs}
        return Config.paper(**base | choices)
    return recipe.but(**choices)
