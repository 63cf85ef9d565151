"""Ageing from names and numbers: its recipe, its data, its networks and stages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan import data, models
from minigan.data import Dataset, ages
from minigan.device import Device
from minigan.models import Critic
from minigan.models.conditional import conditional
from minigan.random import Streams
from minigan.systems.ageing import Ageing
from minigan.training.config import Config, gan_recipe
from minigan.training.datasets import dataset_of
from minigan.training.registry import About, Entry, Option
from minigan.training.stages import Stage, Stages


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    return {**gan_recipe(choices), "z_dim": 50, "epochs": 18.5}


def aged(config: Config) -> dict[str, Dataset]:
    """The data set of a run with the attribute that its system is conditioned on."""
    dataset = dataset_of(config)
    if not dataset.is_image:
        raise ValueError(f"ageing needs images; {dataset.name} has points")
    held_out = ages.range_of(config.options["hold_out"])
    name, folder = config.options["age"], None if config.data in data.NAMES else Path(config.data)
    dataset = ages.with_attribute(dataset, name, folder)
    return {"real": dataset if held_out is None else ages.without_range(dataset, name, *held_out)}


def _build(config: Config, about: Mapping[str, About], on: Device) -> Ageing:
    from minigan.training.build import objective_of, optimizer_of  # here: build imports the systems

    real, options, streams = about["real"], config.options, Streams(config.seed)
    shape, z_dim = tuple(real["shape"]), config.z_dim or 50
    names = real["names"] if options["classes"] and real["classes"] else ()
    counts, knots = real["counts"] if names else (), real["knots"][options["age"]]
    objective = objective_of(config, streams)
    sizes: dict[str, Any] = {k: v for k, v in config.model_choices().items() if k != "z_dim"}
    sizes |= {"sample_shape": shape, "z_dim": z_dim}
    vectors, critic = len(knots) + len(names), Critic(**objective.critic())
    places: dict[str, Any] = {"vectors": vectors, "place": "both", "critic": critic}
    model = conditional(config.model, streams, **places, **sizes)
    D = model.D.given(np.zeros((2, vectors), np.float32))
    objective.check(D, np.zeros((2, *shape), np.float32))
    norm = {"critic_norm": "batch"} if "critic_norm" in sizes else {}
    code = Critic(output="features", features=z_dim)
    E = models.get(config.model, streams, **{**sizes, **norm, "critic": code}).D
    for part in (model.D, model.G, E, objective):
        part.convert(on.asarray)
    share = options["encoder"]
    if not 0 < share < 1:
        raise ValueError(f"encoder is the share of the run that trains it, in (0, 1), got {share}")
    gan = Stage(1 - share, {"D": config.d_lr, "G": config.g_lr}, config.betas)
    return Ageing(
        model.G,
        model.D,
        E,
        objective,
        age=options["age"],
        knots=knots,
        names=names,
        counts=counts,
        stages=Stages(gan, Stage(share, {"E": 2e-3}, (0.9, 0.999)), decay=config.decay),
        z_dim=z_dim,
        g_optimizer=optimizer_of(config, model.G.named_params(), config.g_lr),
        d_optimizer=optimizer_of(config, model.D.named_params(), config.d_lr),
        e_optimizer=optimizer_of(config, E.named_params(), 2e-3),
        average=config.average,
        sample_shape=shape,
    )


ENTRY = Entry(
    about="a generator that is given an age, and the way back from an image to its noise",
    recipe=_recipe,
    datasets=aged,
    build=_build,
    fields=(
        *("model", "width", "hidden", "z_dim", "objective", "hyper", "real_label"),
        *("penalty", "penalty_weight", "average"),
    ),
    options=(
        Option("age", "thickness", "thickness or slant, measured; or a column of attributes.csv"),
        Option("classes", True, "give the class as well, where the data have classes"),
        Option("hold_out", "", "ages that are left out of training, for scores: LOW,HIGH"),
        Option("encoder", 0.24, "share of the run that trains the encoder"),
    ),
)
