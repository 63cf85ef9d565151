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
from minigan.systems.stackgan import StackGAN, Weights
from minigan.training.config import Config
from minigan.training.datasets import dataset_of
from minigan.training.registry import About, Entry, Option
from minigan.training.stages import Stage, Stages

TEXT_RATE = 2e-3  # of the encoder of captions
FOLDERS = 64  # pixels along a side of one's own pictures, without --size
LARGE = 56  # pixels from which the second generator enlarges four times


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    numbers: dict[str, Any] = {"objective": "nonsaturating", "data": data.CAPTIONED}
    if choices.get("objective", "nonsaturating") in ("nonsaturating", "minimax"):
        numbers["real_label"] = 0.9
    numbers |= {"d_lr": 1e-3, "g_lr": 1e-3, "batch_size": 64, "epochs": 10.5}
    numbers |= {"decay": 0.5, "average": 0.99}
    small = 28 if choices.get("data", data.CAPTIONED) == data.CAPTIONED else FOLDERS
    if (choices.get("size") or small) < LARGE:
        return numbers
    options = {"scale": 4, "skip": True, "half": True, "text": 0.28, "first": 0.44}
    return numbers | {"epochs": 11.4, "options": options}


def _datasets(config: Config) -> dict[str, Dataset]:
    if config.data == data.CAPTIONED:
        return {"real": dataset_of(config)}
    if config.data in data.NAMES:
        raise ValueError(
            f"data {config.data!r} has no captions: take {data.CAPTIONED}, or a folder of pictures "
            "with captions.csv (columns file and caption), or with photo.txt beside each photo.jpg"
        )
    size = FOLDERS if config.size is None else config.size
    dataset = captions.load(config.data, size, config.background)
    base_of(dataset.shape, config.options["scale"])
    return {"real": dataset}


def _build(config: Config, about: Mapping[str, About], on: Device) -> StackGAN:
    from minigan.training.build import objective_of  # here: build imports the systems

    options, streams, real = config.options, Streams(config.seed), about["real"]
    if "captions" not in real:
        raise ValueError(f"data {config.data!r} has no captions")
    objective = objective_of(config, streams)
    several = objective.penalty is not None or objective.compares or objective.passes
    if objective.output != "score" or several:
        raise ValueError(
            "stackgan needs an objective with one score for each picture and without a penalty, "
            f"such as nonsaturating, hinge or lsgan; got {objective.name}"
        )
    vocabulary = Vocabulary(tuple(real["captions"]["words"]), real["captions"]["length"])
    shape, z_dim = tuple(real["shape"]), 32 if config.z_dim is None else config.z_dim
    sizes: dict[str, Any] = {
        "scale": options["scale"],
        "z_dim": z_dim,
        "width": config.width or 1.0,
        "skip": options["skip"],
    }
    sizes |= {"words": len(vocabulary), "length": vocabulary.length}
    networks = stackgan(streams, sample_shape=shape, **sizes)
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
        weights=Weights(**{name: options[name] for name in Weights._fields}),
        average=config.average,
        half=options["half"],
    )


def _stages(config: Config) -> Stages:
    text, first = config.options["text"], config.options["first"]
    if min(text, first) <= 0 or text + first >= 1:
        expected = "text and first are shares of a run, together less than 1"
        raise ValueError(f"{expected}, got {text} and {first}")
    pairs = [{f"D{number}": config.d_lr, f"G{number}": config.g_lr} for number in (1, 2)]
    shares = first, 1 - text - first
    encoder = Stage(text, {"text": TEXT_RATE, "view": TEXT_RATE}, (0.9, 0.999))
    both = [Stage(share, rates, config.betas) for share, rates in zip(shares, pairs, strict=True)]
    return Stages(encoder, *both, decay=config.decay)


ENTRY = Entry(
    about="makes pictures of captions, small ones first, then larger ones of these",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=("objective", "hyper", "real_label", "z_dim", "width", "average"),
    options=(
        Option("scale", 2, "times that the second generator enlarges; 4 from 56 pixels on", (2, 4)),
        Option("skip", False, "add G2's input, enlarged, to what its layers compute"),
        Option("half", False, "of half a batch, and each caption once, in the turns of D2 and G2"),
        Option("text", 0.3, "share of the run that trains the encoder of captions"),
        Option("first", 0.48, "share of the run that trains the first generator"),
        Option("kl", 0.05, "weight that keeps the conditions near a standard Gaussian"),
        Option("match", 1.0, "weight that makes captions find generated pictures"),
        Option("vary", 0.2, "weight that keeps two pictures of a caption apart"),
        Option("pull", 40.0, "weight that keeps the large picture near the small one"),
    ),
)
