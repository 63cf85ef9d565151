"""Small saved runs of every kind of system, on pictures of 8 x 8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigan import Trainer
from minigan.training.config import Config

KINDS: dict[str, dict[str, Any]] = {
    "gan": {"model": "dcgan", "width": 0.05, "z_dim": 12},
    "energy": {"model": "dcgan", "width": 0.05, "z_dim": 12, "objective": "ebgan"},
    "codes": {"model": "dcgan", "width": 0.05, "objective": "gmmn", "hyper": {"space": "codes", "passes": 1}},
    "conditional": {"system": "conditional", "model": "dcgan", "width": 0.05, "z_dim": 12},
    "stylegan": {"system": "stylegan", "width": 0.25, "z_dim": 6, "options": {"w_dim": 5}},
    "stackgan": {"system": "stackgan", "width": 0.1, "z_dim": 4, "epochs": 0.003, "batch_size": 8},
    "vae": {"system": "vae", "width": 0.05, "z_dim": 4},
    "ring": {"model": "points", "data": "ring", "hidden": 8, "epochs": 0.01},
    "cyclegan": {"system": "cyclegan", "width": 0.1, "epochs": 0.2, "batch_size": 2},
}


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a run of this kind; each is trained once, for a few large steps."""
    from PIL import Image

    folder, made = tmp_path_factory.mktemp("lab"), dict[str, Path]()
    rng = np.random.default_rng(0)
    for i in range(24):
        place = folder / "pictures" / ("dark", "light")[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(128 * (i % 2), 128 + 128 * (i % 2), (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{i:02}.png")

    def run(kind: str) -> Path:
        if kind not in made:
            common: dict[str, Any] = {
                "data": str(folder / "pictures"),
                "size": 8,
                "epochs": 3.0,
                "batch_size": 12,
                "g_lr": 0.05,
            }
            choices = {**common, **KINDS[kind]}
            if kind in ("ring", "stackgan"):
                choices.pop("size")
            if kind == "stackgan":
                choices.pop("data")
            if kind == "cyclegan":
                choices["data"] = str(folder / "pictures" / "dark")
                choices["options"] = {"data_b": str(folder / "pictures" / "light")}
            trainer = Trainer.start(Config(**choices), folder / kind, quiet=True, judge=lambda name: None)
            trainer.train()
            made[kind] = trainer.run.folder
        return made[kind]

    return run
