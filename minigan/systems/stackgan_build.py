"""StackGAN from names and numbers: its recipe, its data, its networks and stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minigan import data
from minigan.data import Dataset, captions
from minigan.data.vocabulary import Vocabulary
from minigan.device import Device
from minigan.models.stackgan import base_of, stackgan
from minigan.random import Streams
from minigan.systems.stackgan import StackGAN
from minigan.training.config import Config
from minigan.training.datasets import dataset_of
from minigan.training.registry import About, Entry, Option
from minigan.training.stages import Stage, Stages

TEXT_RATE = 2e-3  # of the encoder of captions


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    numbers: dict[str, Any] = {"objective": "nonsaturating", "data": data.CAPTIONED}
    if choices.get("objective", "nonsaturating") in ("nonsaturating", "minimax"):
        numbers["real_label"] = 0.9
    return numbers | {"d_lr": 1e-3, "g_lr": 1e-3, "batch_size": 64, "epochs": 9.0, "decay": 0.5}


def _datasets(config: Config) -> dict[str, Dataset]:
    if config.data == data.CAPTIONED:
        return {"real": dataset_of(config)}
    if config.data in data.NAMES:
        raise ValueError(
            f"data {config.data!r} has no captions: take {data.CAPTIONED}, or a folder of pictures "
            "with captions.csv (columns file and caption), or with photo.txt beside each photo.jpg"
        )
    dataset = captions.load(config.data, 64 if config.size is None else config.size, config.background)
    base_of(dataset.shape, config.options["scale"])
    return {"real": dataset}


def _build(config: Config, about: Mapping[str, About], on: Device) -> StackGAN:
    from minigan.training.build import objective_of  # here: build imports the systems

    options, streams, real = config.options, Streams(config.seed), about["real"]
    if "captions" not in real:
        raise ValueError(f"data {config.data!r} has no captions")
    objective = objective_of(config, streams)
    if objective.output != "score" or objective.penalty is not None or objective.compares or objective.passes:
        raise ValueError(
            "stackgan needs an objective with one score for each picture and without a penalty, "
            f"such as nonsaturating, hinge or lsgan; got {objective.name}"
        )
    vocabulary = Vocabulary(tuple(real["captions"]["words"]), real["captions"]["length"])
    shape, z_dim = tuple(real["shape"]), 32 if config.z_dim is None else config.z_dim
    sizes = {"scale": options["scale"], "z_dim": z_dim, "width": config.width or 1.0}
    networks = stackgan(streams, sample_shape=shape, words=len(vocabulary), length=vocabulary.length, **sizes)
    for part in (*networks, objective):
        part.convert(on.asarray)
    return StackGAN(
        networks,
        objective,
        vocabulary=vocabulary,
        examples=real["captions"]["examples"],
        z_dim=z_dim,
        scale=options["scale"],
        sample_shape=shape,
        stages=_stages(config),
        kl=options["kl"],
        pull=options["pull"],
        match=options["match"],
        vary=options["vary"],
        average=config.average,
    )


def _stages(config: Config) -> Stages:
    text, first = config.options["text"], config.options["first"]
    if min(text, first) <= 0 or text + first >= 1:
        raise ValueError(f"text and first are shares of a run, together less than 1, got {text} and {first}")
    pairs = [{f"D{number}": config.d_lr, f"G{number}": config.g_lr} for number in (1, 2)]
    shares = first, 1 - text - first
    pairs_of = [Stage(share, rates, config.betas) for share, rates in zip(shares, pairs, strict=True)]
    encoder = Stage(text, {"text": TEXT_RATE, "view": TEXT_RATE}, (0.9, 0.999))
    return Stages(encoder, *pairs_of, decay=config.decay)


ENTRY = Entry(
    about="makes pictures of captions, small ones first, then larger ones of these",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=("objective", "hyper", "real_label", "z_dim", "width", "average"),
    options=(
        Option("scale", 2, "times that the second generator enlarges", (2, 4)),
        Option("text", 0.18, "share of the run that trains the encoder of captions"),
        Option("first", 0.55, "share of the run that trains the first generator"),
        Option("kl", 0.05, "weight that keeps the conditions near a standard Gaussian"),
        Option("match", 1.0, "weight that makes captions find generated pictures"),
        Option("vary", 0.3, "weight that keeps two pictures of a caption apart"),
        Option("pull", 40.0, "weight that keeps the large picture near the small one"),
    ),
)
