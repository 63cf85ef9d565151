"""SRGAN from names and numbers: its recipe, its data, its networks, stages and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minigan import data
from minigan.data import Dataset
from minigan.data.held import rows, test_images, with_held_out
from minigan.device import Device
from minigan.layers import Network
from minigan.losses import Content
from minigan.metrics import features
from minigan.models.srresnet import SCALES, enlarged_or_real, srresnet
from minigan.random import Streams
from minigan.systems.srgan import SRGAN
from minigan.training import build
from minigan.training.config import Config
from minigan.training.registry import About, Entry, Option
from minigan.training.stages import Stage, Stages

CHANNELS = 32  # of G and of D's first layer, at width 1
LAYERS = {"conv1": 2, "conv2": 5, "features": 9}  # of LeNet's body, up to the ReLU that is compared


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    """1,000 steps of the first stage and 500 of the second, on digits.

    Folders have few images: G begins as nearest neighbours, and running statistics of small batches
    are left out. They have no content loss that keeps outlines in their places: there the objective
    has a tenth of its weight.
    """
    numbers: dict[str, Any] = {
        "model": "",
        "objective": "nonsaturating",
        "d_lr": 2e-4,
        "g_lr": 2e-4,
        "betas": (0.5, 0.999),
    }
    numbers |= {"width": 1.0, "batch_size": 32, "decay": 0.5}
    if choices.get("data", "mnist-10k") == "mnist-10k":
        return numbers | {"epochs": 16 / 3}
    if choices["data"] in data.NAMES:
        return numbers | {"epochs": 0.8}
    options = {"content": 0.0, "adversarial": 0.0005, "skip": True, "norm": False}
    return numbers | {"epochs": 40.0, "batch_size": 8, "options": options}


def _datasets(config: Config) -> dict[str, Dataset]:
    weight, points = config.options["content"], config.data in data.MIXTURES
    if weight > 0 and not points and features.for_data(config.data) is None:
        problem = f"there is no feature network for {config.data}"
        raise ValueError(f"{problem}: leave --content at 0, got {weight:g}")
    scale = config.options["scale"]
    kinds = {"size": config.size, "background": config.background, "multiple": scale}
    pair = with_held_out(config.data, least=config.batch_size, **kinds)
    return dict(zip(SRGAN.data, pair, strict=True))


def _held_out(config: Config, n: int) -> dict[str, Dataset]:
    """Test images where they are on this machine, else those that the run holds out."""
    images = test_images(config.data, n)
    if images is None:
        held = _datasets(config)["held out"]
        images = rows(held, np.arange(min(n, len(held))))
    return {"held out": images}


def _build(config: Config, about: Mapping[str, About], on: Device) -> SRGAN:
    options, streams = config.options, Streams(config.seed)
    H, W, C = shape = tuple(about["real"]["shape"])
    wide = max(1, round(CHANNELS * (config.width or 1.0)))
    sizes = {"scale": options["scale"], "blocks": options["blocks"], "batch_norm": options["norm"]}
    sizes["skip"] = options["skip"]
    G = srresnet(C, width=wide, rng=streams("init"), **sizes)
    D = enlarged_or_real((H, W, C), width=wide, rng=streams("init"))
    objective = build.objective_of(config, streams)
    objective.check(D, np.zeros((2, *shape), np.float32))
    content = _content_of(config, on) if options["content"] > 0 else None
    for part in (G, D, objective):
        part.convert(on.asarray)
    rates = {"D": config.d_lr, "G": config.g_lr}
    first = Stage(options["first"], {"G": options["first_lr"]}, (0.9, 0.999))
    stages = Stages(first, Stage(1 - options["first"], rates, config.betas), decay=config.decay)
    weights = {name: options[name] for name in ("pixel", "adversarial", "content")}
    shapes = {"scale": options["scale"], "shape": (H, W, C), "content": content}
    return SRGAN(G, D, objective, weights=weights, stages=stages, **shapes)


def _content_of(config: Config, on: Device) -> Content:
    name = features.for_data(config.data)
    if name is None:
        raise ValueError(f"there is no feature network for {config.data}: leave --content at 0")
    extractor: Any = features.get(name)  # a LeNet, which is trained on x / 255 - 0.5
    phi = Network(*extractor.body.layers[: LAYERS[config.options["layer"]]])
    phi.convert(on.asarray)
    return Content(phi, 0.5)


ENTRY = Entry(
    about="enlarges images: a first stage by squared error, a second with a discriminator",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=("width", "objective", "hyper", "real_label"),
    held_out=_held_out,
    use="Enlarge other images: minigan translate {run} picture.png --out large.png",
    options=(
        Option("scale", 4, "factor by which the sides grow", SCALES),
        Option("blocks", 4, "residual blocks of G; the paper has 16"),
        Option("norm", True, "batch norm in G; for folders: no"),
        Option("skip", False, "G adds a difference to nearest neighbours; for folders: yes"),
        Option("first", 2 / 3, "share of the steps in the first stage"),
        Option("first_lr", 1e-3, "learning rate of the first stage"),
        Option("pixel", 1.0, "weight of the squared error in the second stage"),
        Option("adversarial", 0.005, "weight of the objective; for folders: 0.0005"),
        Option("content", 0.1, "weight of the squared error of a network's features"),
        Option("layer", "conv2", "layer of that network", tuple(LAYERS)),
    ),
)
