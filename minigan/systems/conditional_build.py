"""Conditional GAN from names and numbers: its recipe, its data, its networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minigan.data import Dataset
from minigan.device import Device
from minigan.models import Critic
from minigan.models.conditional import PLACES, conditional
from minigan.objectives.auxiliary import AuxiliaryClasses
from minigan.random import Streams
from minigan.systems.conditional import ConditionalGAN, check_objective
from minigan.training.config import Config, gan_recipe
from minigan.training.datasets import dataset_of
from minigan.training.registry import About, Entry, Option


def labelled(config: Config) -> dict[str, Dataset]:
    """The data set of a run with classes; ValueError without any, or with one of one sample."""
    dataset = dataset_of(config)
    if dataset.labels is None:
        raise ValueError(
            f"data {dataset.name!r} has no classes; for a folder of pictures, put each class into "
            "a subfolder of its name, and no picture beside them"
        )
    about = dataset.about()
    for name, count in zip(about["names"], about["counts"], strict=True):
        if count < 2:
            raise ValueError(f"a class needs at least 2 samples; class {name!r} has {count}")
    return {"real": dataset}


def _build(config: Config, about: Mapping[str, About], on: Device) -> ConditionalGAN:
    from minigan.training.build import objective_of, optimizer_of  # here: build imports the systems

    real, options = about["real"], config.options
    K, streams, place = real["classes"], Streams(config.seed), options["condition"]
    objective = objective_of(config, streams)
    check_objective(objective)
    sizes = {k: v for k, v in config.model_choices().items() if k != "z_dim"}
    model = conditional(
        config.model,
        streams,
        sample_shape=tuple(real["shape"]),
        z_dim=config.z_dim or 62,
        classes=K,
        place=place,
        batchnorm=options["batchnorm"],
        critic=Critic(**objective.critic(), spectral_norm=config.spectral_norm),
        **sizes,
    )
    if place == "auxiliary":
        objective = AuxiliaryClasses(objective, K, options["class_weight"])
    else:
        D = model.D.given(np.zeros(2, np.int64))
        objective.check(D, np.zeros((2, *model.sample_shape), np.float32))
    for part in (model.D, model.G, objective):
        part.convert(on.asarray)
    return ConditionalGAN(
        model.G,
        model.D,
        objective,
        names=real["names"],
        counts=real["counts"],
        z_dim=model.z_dim,
        g_optimizer=optimizer_of(config, model.G.named_params(), config.g_lr),
        d_optimizer=optimizer_of(config, model.D.named_params(), config.d_lr),
        n_critic=config.n_critic,
        average=config.average,
        sample_shape=model.sample_shape,
    )


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    """That of a GAN. With batch norm in G, the non-saturating loss fails with some seeds in the
    first steps, where D becomes certain: the hinge loss stops D where it is right by a margin."""
    recipe = {**gan_recipe(choices), "z_dim": 62}
    if choices.get("options", {}).get("batchnorm") and "objective" not in choices:
        recipe |= {"objective": "hinge", "real_label": None}
    return recipe


ENTRY = Entry(
    about="a generator and a discriminator that are given the class of a sample",
    recipe=_recipe,
    datasets=labelled,
    build=_build,
    fields=(
        *("model", "width", "hidden", "z_dim", "spectral_norm", "objective", "hyper", "real_label"),
        *("penalty", "penalty_weight", "n_critic", "average"),
    ),
    options=(
        Option(
            "condition",
            "projection",
            "where D takes the class",
            tuple(place for place in PLACES if place != "both"),
        ),
        Option("batchnorm", False, "G takes the class in its batch norms, not beside the noise"),
        Option("class_weight", 1.0, "of the classifier's loss, where D takes no class (auxiliary)"),
    ),
)
