"""StyleGAN from names and numbers: its recipe, its data, its networks and its objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minigan import data
from minigan.data import Dataset
from minigan.data.mnist import COLLECTIONS
from minigan.device import Device
from minigan.layers.styled import STYLES
from minigan.models.stylegan import generator, levels, plain_discriminator, residual_discriminator
from minigan.objectives import Objective
from minigan.random import Streams
from minigan.systems.stylegan import StyleGAN
from minigan.training.build import objective_of, optimizer_of
from minigan.training.config import Config
from minigan.training.datasets import dataset_of
from minigan.training.registry import About, Entry, Option

GROUP = 16  # samples that a residual D compares, without --paper
OF_G = ("w_dim", "depth", "lr_mul", "style", "first", "mixing", "skip")


def _build(config: Config, about: Mapping[str, About], on: Device) -> StyleGAN:
    options, shape = config.options, tuple(about["real"]["shape"])
    streams = Streams(config.seed)
    objective = objective_of(config, streams)
    width = 1.0 if config.width is None else config.width
    rng, plain = streams("init"), options["discriminator"] == "plain"
    G = generator(
        rng,
        sample_shape=shape,
        z_dim=config.z_dim or 16,
        tanh=plain,
        width=width,
        **{name: options[name] for name in OF_G},
    )
    if plain:
        D = plain_discriminator(rng, sample_shape=shape, width=width, kind=_norm(config, objective))
    else:
        D = residual_discriminator(rng, sample_shape=shape, width=width, group=_group(config))
    for part in (G, D, objective):
        part.convert(on.asarray)
    return StyleGAN(
        G,
        D,
        objective,
        path_length=options["path_length"],
        g_optimizer=optimizer_of(config, G.named_params(), config.g_lr),
        d_optimizer=optimizer_of(config, D.named_params(), config.d_lr),
        n_critic=config.n_critic,
        same_noise=config.same_noise,
        average=config.average,
        sample_shape=shape,
    )


def _norm(config: Config, objective: Objective) -> str | None:
    """The norm that suits a plain D: batch norm is forbidden under a penalty per sample."""
    suited = objective.critic_norm
    return "layer" if config.penalty is not None and suited == "batch" else suited


def _group(config: Config) -> int:
    """The size of D's groups; ValueError where batches are not made of whole ones."""
    group: int = config.options["group"]
    if group < 0 or (group > 0 and config.batch_size % group):
        raise ValueError(
            f"MinibatchStd compares groups of {group}: the batch size must be a multiple of it, "
            f"got {config.batch_size} (--group 0: no groups)"
        )
    return group


def _datasets(config: Config) -> dict[str, Dataset]:
    dataset = dataset_of(config)
    levels(dataset.images.shape[1:])
    return {"real": dataset}


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Digits within minutes, in 3,125 steps: D has batch norm, and no penalty.

    The hinge loss stops D where it is right by a margin. A D that becomes ever more certain drives
    all of G's pixels to one end of tanh in the first steps of some seeds. With pictures of one's
    own, which are few and large, this happens with the hinge loss too: they have the papers' D, and
    R1.
    """
    name = choices.get("data", "mnist-10k")
    own_pictures = name not in (*data.NAMES, *COLLECTIONS)
    objective = choices.get("objective", "r1" if own_pictures else "hinge")
    recipe = {
        "model": "",
        "objective": objective,
        "width": 1.0,
        "z_dim": 16,
        "batch_size": 64,
        "g_lr": 3e-3,
        "d_lr": 1e-3,
        "betas": (0.5, 0.999),
        "decay": 0.5,
        "average": 0.998,
        "same_noise": True,
        "epochs": 20.0 if name == "mnist-10k" else 10 / 3,
        "n_critic": 1,
        "real_label": 0.9 if objective == "nonsaturating" else None,
    }
    if own_pictures:
        recipe |= {"width": 0.5, "batch_size": 32, "d_lr": 3e-3, "betas": (0.0, 0.99)}
        recipe |= {"average": 0.995, "epochs": 100.0}
        recipe["options"] = {"discriminator": "residual", "group": 4}
        if objective == "r1":
            recipe["hyper"] = {"gamma": 0.3, "every": 4}
    return recipe


def _papers(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The papers' numbers, for long runs on a GPU."""
    return {
        "model": "",
        "objective": "r1",
        "hyper": {"gamma": 0.05, "every": 16},
        "width": 4.0,
        "z_dim": 512,
        "batch_size": 32,
        "g_lr": 2.5e-3,
        "d_lr": 2.5e-3,
        "betas": (0.0, 0.99),
        "average": 0.998,
        "epochs": 100.0,
        "options": {
            "w_dim": 512,
            "depth": 8,
            "lr_mul": 0.01,
            "first": "constant",
            "mixing": 0.9,
            "discriminator": "residual",
            "group": 4,
            "path_length": 2.0,
        },
    }


ENTRY = Entry(
    about="a generator whose every layer is controlled by a style",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=(
        *("width", "z_dim", "objective", "hyper", "real_label", "penalty", "penalty_weight"),
        *("n_critic", "same_noise", "average", "paper"),
    ),
    options=(
        Option("style", "demod", "how a style scales the channels", STYLES),
        Option("first", "w", "the first map: from w, or a learned constant", ("w", "constant")),
        Option("w_dim", 64, "size of a style w"),
        Option("depth", 2, "layers of the mapping"),
        Option("lr_mul", 0.5, "learning rate of the mapping, relative to the others"),
        Option("mixing", 0.0, "share of training samples that mix two styles"),
        Option("skip", True, "the image is the sum of an image of every size"),
        Option("discriminator", "plain", "batch norm, or residual blocks", ("plain", "residual")),
        Option("group", GROUP, "samples that a residual D compares; 0: none"),
        Option("path_length", 0.0, "weight of the penalty on path lengths"),
    ),
    paper=_papers,
)
