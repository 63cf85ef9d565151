"""CycleGAN from names and numbers: its recipe, its data, its networks and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minigan.data import Dataset
from minigan.data.domains import domains, has_truth, held_out_pair
from minigan.data.held import rows, test_images
from minigan.device import Device
from minigan.layers import Layer
from minigan.models.resnet import patchgan, translator
from minigan.random import Streams
from minigan.systems.cyclegan import CycleGAN, Weights
from minigan.training import build
from minigan.training.config import Config
from minigan.training.registry import About, Entry, Option

G_WIDTH, D_WIDTH = 16, 32  # channels at width 1


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    """1,200 steps of 8 images of each side of a task."""
    numbers: dict[str, Any] = {
        "model": "",
        "objective": "lsgan",
        "d_lr": 4e-4,
        "g_lr": 4e-4,
        "betas": (0.5, 0.999),
    }
    numbers |= {"width": 1.0, "batch_size": 8, "decay": 0.5}
    if has_truth(choices.get("data", "mnist-10k:blueprint")):
        default = {} if "data" in choices else {"data": "mnist-10k:blueprint"}
        return numbers | default | {"epochs": 32 / 15}
    return numbers | {"epochs": 100.0, "options": {"downs": 2}}


def _datasets(config: Config) -> dict[str, Dataset]:
    options = config.options
    made = domains(
        config.data,
        options["data_b"],
        size=config.size,
        background=config.background,
        seed=config.seed,
        multiple=2 ** options["downs"],
        least=config.batch_size,
    )
    channels = [made[side].shape[2] for side in ("A", "B")]
    if options["identity"] > 0 and channels[0] != channels[1]:
        got = f"{channels[0]} and {channels[1]}"
        raise ValueError(f"--identity needs equal channels on both sides, got {got}")
    pool, least = options["pool"], config.batch_size
    if pool and pool < least:
        raise ValueError(f"--pool must be 0 or at least the batch size {least}, got {pool}")
    return made


def _held_out(config: Config, n: int) -> dict[str, Dataset]:
    """Both sides of test images where they are on this machine, else of what the run holds out."""
    base, _, task = config.data.rpartition(":")
    images = test_images(base, n) if has_truth(config.data) else None
    if images is not None:
        return held_out_pair(images, task, Streams(config.seed))
    made = _datasets(config)
    sides = {side: made[side] for side in ("held out A", "held out B")}
    return {side: rows(held, np.arange(min(n, len(held)))) for side, held in sides.items()}


def _build(config: Config, about: Mapping[str, About], on: Device) -> CycleGAN:
    options, streams, wide = config.options, Streams(config.seed), config.width or 1.0
    shapes = {side: tuple(about[side]["shape"]) for side in ("A", "B")}
    C, rng = {side: shape[2] for side, shape in shapes.items()}, streams("init")
    sizes = {
        "width": max(1, round(G_WIDTH * wide)),
        "downs": options["downs"],
        "blocks": options["blocks"],
    }
    networks: dict[str, Layer] = {
        "G_AB": translator(C["A"], C["B"], rng=rng, **sizes),
        "G_BA": translator(C["B"], C["A"], rng=rng, **sizes),
        "D_A": patchgan(C["A"], width=max(1, round(D_WIDTH * wide)), rng=rng),
        "D_B": patchgan(C["B"], width=max(1, round(D_WIDTH * wide)), rng=rng),
    }
    objective = build.objective_of(config, streams)
    if objective.output != "score" or objective.compares or objective.fakes > 1:
        needed = "cyclegan needs an objective with a score for every patch"
        raise ValueError(f"{needed}; {config.objective} has another form")
    objective.check(networks["D_A"], np.zeros((2, *shapes["A"]), np.float32))
    for network in networks.values():
        network.convert(on.asarray)
    objective.convert(on.asarray)
    cycle = {f"cycle_{side}": options[f"cycle_{side}"] for side in ("a", "b")}
    cycle = {name: options["cycle"] if weight < 0 else weight for name, weight in cycle.items()}
    return CycleGAN(
        networks,
        objective,
        shapes=shapes,
        weights=Weights(**cycle, identity=options["identity"]),
        pool=options["pool"],
        noise=options["noise"],
        d_lr=config.d_lr,
        g_lr=config.g_lr,
        betas=config.betas,
        paired=has_truth(config.data),
    )


ENTRY = Entry(
    about="translates between two domains without pairs: there and back again",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=("width", "objective", "hyper", "real_label"),
    held_out=_held_out,
    use="Translate other images: minigan translate {run} picture.png --to B --out out.png",
    options=(
        Option("data_b", None, "folder of the images of B, where --data is that of A"),
        Option("cycle", 5.0, "weight of both cycles, A to B to A and B to A to B"),
        Option("cycle_a", -1.0, "weight of the cycle A to B to A; negative: that of --cycle"),
        Option("cycle_b", -1.0, "weight of the cycle B to A to B; negative: that of --cycle"),
        Option("identity", 0.0, "weight of |BA(a) - a| and |AB(b) - b|"),
        Option("noise", 0.0, "noise on translations before the way back, in grey levels"),
        Option("pool", 50, "generated images that are kept for each discriminator"),
        Option("downs", 1, "halvings inside the generators"),
        Option("blocks", 3, "residual blocks of the generators"),
    ),
)
