"""The flags of a training run, and the config that they ask for."""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigan import data, device, models, objectives, parallel
from minigan.kernels.cuda import precision
from minigan.training import registry
from minigan.training.config import DEFAULTS, PENALTIES, Config
from minigan.training.registry import Entry, Option

REST = argparse.SUPPRESS  # what is not given stays out of the namespace: the recipe decides


def add_flags(parser: argparse.ArgumentParser, system: str = "gan") -> None:
    """The flags of a training run of a system, in groups for the help."""
    entry = registry.entry(system)
    _add_system(parser.add_argument_group("networks, objective and data"), entry)
    _add_training(parser.add_argument_group("training"), entry)
    _add_machine(parser.add_argument_group("machine"))
    _add_run(parser.add_argument_group("run"))
    if entry.options:
        _add_options(parser.add_argument_group(f"of {system}"), entry)


def _add_system(group: argparse._ArgumentGroup, entry: Entry) -> None:
    known = f"{', '.join(data.NAMES)}, a folder of pictures, or a file of them"
    what = "a hyper-parameter of the objective; repeatable"
    flags: dict[str, dict[str, Any]] = {
        "model": {"choices": models.names(), "help": "the two networks"},
        "width": {"type": float, "help": "factor on the models' channels"},
        "hidden": {"type": int, "help": "units of the hidden layers, where a model has them"},
        "z_dim": {"type": int, "help": "size of the noise z"},
        "spectral_norm": {"action": "store_true", "help": "keep D's layers 1-Lipschitz"},
        "objective": {"choices": objectives.names(), "metavar": "NAME", "help": "see `minigan objectives`"},
        "hyper": {"action": Pair, "metavar": "NAME=VALUE", "help": what},
        "real_label": {"type": float, "help": "smoothed target of real samples, such as 0.9"},
        "penalty": {"choices": PENALTIES, "help": "a penalty on D's gradient, added to D's loss"},
        "penalty_weight": {"type": float, "help": "weight of --penalty (default: that of its paper)"},
    }
    _add(group, {name: flag for name, flag in flags.items() if name in entry.fields})
    group.add_argument("--data", default=REST, help=known)
    what = "pixels along a side, for pictures of your own and captioned-mnist"
    group.add_argument("--size", type=int, default=REST, help=what)
    what = "colour of transparent pixels, such as white or #c0ffee (default black)"
    group.add_argument("--background", default=REST, metavar="COLOUR", help=what)


def _add(group: argparse._ArgumentGroup, flags: Mapping[str, Mapping[str, Any]]) -> None:
    for name, flag in flags.items():
        group.add_argument(f"--{name.replace('_', '-')}", **{"default": REST, **flag})


def _add_options(group: argparse._ArgumentGroup, entry: Entry) -> None:
    """A system's own choices: the flag --name sets options[name]."""
    for option in entry.options:
        flag = f"--{option.name.replace('_', '-')}"
        how: dict[str, Any] = {"dest": f"options.{option.name}", "default": REST, "help": _with_default(option)}
        if isinstance(option.default, bool):
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **how)
            continue
        how |= {"choices": option.choices} if option.choices else {"metavar": option.name.upper()}
        group.add_argument(flag, type=str if option.default is None else type(option.default), **how)


def _with_default(option: Option) -> str:
    """The help of an option, with its default where there is one."""
    if option.default is None or option.default == "":
        return option.help
    yes_or_no = ("no", "yes")[option.default] if isinstance(option.default, bool) else None
    shown = f"{option.default:.3g}" if isinstance(option.default, float) else option.default
    return f"{option.help} (default {yes_or_no or shown})"


def _add_training(group: argparse._ArgumentGroup, entry: Entry) -> None:
    group.add_argument("--epochs", type=float, default=REST, help="passes over the data")
    group.add_argument("--batch-size", type=int, default=REST, help="samples per step")
    group.add_argument("--lr", type=float, default=REST, help="learning rate of all players")
    group.add_argument("--decay", type=float, default=REST, help="share of the run in which the rates fall to zero")
    flags: dict[str, dict[str, Any]] = {
        "n_critic": {"type": int, "help": "D steps per G step"},
        "same_noise": {"action": "store_true", "help": "G's update uses the samples of D's: faster"},
        "average": {"type": float, "help": "decay of the average of G's weights that samples are drawn with; 0: none"},
    }
    _add(group, {name: flag for name, flag in flags.items() if name in entry.fields})
    group.add_argument("--seed", type=int, default=REST, help="number that all randomness depends on")
    if "paper" in entry.fields:
        what = "the numbers of the objective's paper: a run of hours on a GPU"
        group.add_argument("--paper", action="store_true", help=what)


def _add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--threads", type=int, default=REST, help="threads of the CPU (default: all cores, up to 4)")
    what = "share the work among threads of one process, not among processes"
    group.add_argument("--no-fork", dest="fork", action="store_false", default=REST, help=what)
    group.add_argument("--device", default=REST, help="cpu, cuda, cuda:N or auto; default $MINIGAN_DEVICE, then cpu")
    what = "on a GPU: launch every operation separately"
    group.add_argument("--no-graph", dest="graph", action="store_false", default=REST, help=what)
    group.add_argument("--precision", default=REST, choices=precision.PRECISIONS, help="precision of products on a GPU")


def _add_run(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--out", type=Path, default=None, help="folder of the run; default runs/<time>-<names>")
    group.add_argument("--score-every", type=int, default=REST, metavar="STEPS", help="score samples every STEPS steps")
    group.add_argument(
        "--keep", type=int, default=REST, metavar="N", help="checkpoints to keep beside the best (default 3)"
    )
    group.add_argument("--resume", type=Path, default=None, metavar="RUN", help="continue with the run in this folder")
    group.add_argument("--allow-changes", action="store_true", help="let --resume change the choices of the run")


# What a Python user may write where JSON has another word.
_PYTHON = {"True": "true", "False": "false", "None": "null", "inf": "Infinity"}


class Pair(argparse.Action):
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
    known = {*DEFAULTS, "lr"}
    choices = {name: value for name, value in vars(flags).items() if name in known and value is not None}
    options = {name.removeprefix("options."): value for name, value in vars(flags).items() if "." in name}
    if options:
        choices["options"] = options
    if "real_label" in choices.get("hyper", {}):
        choices["hyper"] = dict(choices["hyper"])
        choices["real_label"] = choices["hyper"].pop("real_label")
    if "lr" in choices:
        choices["d_lr"] = choices["g_lr"] = choices.pop("lr")
    if "data" in choices:
        choices["data"] = _lasting("--data", choices["data"])
    if "data_b" in options:
        options["data_b"] = _lasting("--data-b", options["data_b"])
    return choices


def _lasting(flag: str, name: str) -> str:
    """The data to be found again from another folder; a warning where a folder has the name of a data set."""
    if name in data.NAMES and Path(name).is_dir():
        warnings.warn(f"{flag} {name} is the data set of this name; the folder here is {flag} ./{name}", stacklevel=2)
    return data.lasting(name)


def from_flags(flags: argparse.Namespace, recipe: Config) -> Config:
    """The config that the flags ask for, starting from `recipe`."""
    if flags.allow_changes:
        raise ValueError("--allow-changes goes with --resume: a new run has nothing to change yet")
    choices = chosen(flags)
    choices["device"] = str(device.choose(choices.get("device")))
    choices.setdefault("threads", parallel.cores())
    if choices["device"] == "cpu" and choices.get("precision", "float32") != "float32":
        raise ValueError(f"--precision {choices['precision']} is for a GPU: products on the CPU are float32")
    if getattr(flags, "paper", False):
        base: dict[str, Any] = {"system": recipe.system, "data": recipe.data}
        if registry.entry(recipe.system).paper is None:
            base |= {"model": recipe.model, "objective": recipe.objective, "epochs": recipe.epochs}
        return Config(paper=True, **base | choices)
    return recipe.but(**choices)


def changes(flags: argparse.Namespace) -> dict[str, Any]:
    """The changes to the run that --resume names; ValueError for flags that only a new run can have."""
    if flags.out is not None:
        raise ValueError(f"--resume continues in {flags.resume}; leave out --out")
    if getattr(flags, "paper", False):
        raise ValueError(f"--resume continues with the numbers of {flags.resume}; leave out --paper")
    choices = chosen(flags)
    if choices.get("system") == DEFAULTS["system"]:
        del choices["system"]  # the flag's default: the run has its own system
    if "device" in choices or os.environ.get("MINIGAN_DEVICE"):
        choices["device"] = str(device.choose(choices.get("device")))
    return choices
