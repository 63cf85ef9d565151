"""Runs small enough for a test: 48 images of 8 x 8 pixels in batches of 8 make six steps an epoch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import minigan
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.training.config import DEFAULTS, Config
from minigan.training.trainer import Trainer

IMAGES, SIZE, PER_EPOCH = 48, 8, 6
HOME = Path(minigan.__file__).parents[1]

KINDS: dict[str, dict[str, Any]] = {
    "mlp with dropout": {"model": "mlp", "epochs": 1.5},
    "infogan": {"model": "infogan"},
    "dcgan, wgan-gp": {"objective": "wgan-gp", "n_critic": 2, "epochs": 4},
    "infogan, dragan, smoothed labels": {"model": "infogan", "objective": "dragan", "real_label": 0.9},
    "average and falling rates": {"average": 0.9, "decay": 0.5},
    "rmsprop": {"optimizer": "rmsprop", "objective": "lsgan"},
    "sgd, batches across epochs": {"optimizer": "sgd", "batch_size": 7},
    "began": {"objective": "began"},
    "magan, prepared": {"objective": "magan", "optimizer": "adamax"},
    "fisher": {"objective": "fisher", "n_critic": 2, "epochs": 4, "hyper": {"rho": 0.001}},
    "r1, lazy": {"objective": "r1", "optimizer": "rmsprop", "hyper": {"every": 3}},
    "rpgan, lazy": {"objective": "rpgan", "epochs": 4},
    "cramer": {"objective": "cramer", "n_critic": 2, "epochs": 6, "hyper": {"features": 4}},
    "gmmn of samples": {"objective": "gmmn", "hyper": {"weight": 1.0}},
    "gmmn of codes": {
        "objective": "gmmn",
        "model": "gmmn",
        "average": 0.9,
        "hyper": {"space": "codes", "features": 4, "passes": 2},
    },
    "mmd-gan": {"objective": "mmd-gan", "epochs": 4, "hyper": {"warmup": False}},
    "ragan": {"objective": "ragan", "epochs": 4},
    "hinge, spectral norm": {"objective": "hinge", "spectral_norm": True},
    "hinge, penalty of dragan": {"objective": "hinge", "penalty": "dragan", "penalty_weight": 3.0},
    "a team of two": {"threads": 2},
    "a team of two, products split": {"threads": 2, "model": "mlp", "average": 0.9},
    "a team of two, same noise": {"threads": 2, "same_noise": True, "n_critic": 2, "epochs": 4},
    "a team of three, wgan-gp": {"threads": 3, "objective": "wgan-gp", "n_critic": 2, "epochs": 4},
    "points": {"model": "points", "data": "ring", "size": None, "hidden": 8, "batch_size": 9000, "epochs": 1},
}


def draw_images(folder: Path) -> Path:
    """Write the data set: bright squares on a dark ground, each somewhere else."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(IMAGES):
        image = rng.integers(0, 60, (SIZE, SIZE), dtype=np.uint8)
        y, x = rng.integers(0, 5, 2)
        image[y : y + 4, x : x + 4] = 220
        Image.fromarray(image).save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 48 images of 8 x 8 pixels; a conftest.py imports this fixture."""
    return draw_images(tmp_path_factory.mktemp("data") / "pictures")


def plain(**choices: Any) -> Config:
    """A config without a recipe: what is not chosen is the default of the field."""
    return Config(**DEFAULTS | choices)


def tiny(data: Path, /, **choices: Any) -> Config:
    """Two epochs, that is twelve steps, of a very thin DCGAN unless `choices` say otherwise."""
    base: dict[str, Any] = {
        "model": "dcgan",
        "data": str(data),
        "size": SIZE,
        "epochs": 2,
        "batch_size": 8,
        "width": 0.05,
    }
    if choices.get("model", "dcgan") in ("mlp", "gmmn", "points"):
        del base["width"]
    return plain(**base | choices)


def trained(config: Config, out: Path | str, **options: Any) -> Trainer:
    """A run from its first step to its last, without closing pictures."""
    trainer = Trainer.start(config, out, quiet=True, **options)
    trainer.train()
    return trainer


def resumed(folder: Path | str, **options: Any) -> Trainer:
    """The run in the folder, to its end."""
    trainer = Trainer.resume(folder, quiet=True, **options)
    trainer.train()
    return trainer


def last_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of the newest checkpoint."""
    return checkpoint.load(Run.open(folder).checkpoints()[-1])[0]


def assert_same_arrays(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    """The same names, data types, shapes and bits."""
    assert a.keys() == b.keys()
    for name, array in a.items():
        assert array.dtype == b[name].dtype and array.shape == b[name].shape, name
        assert array.tobytes() == b[name].tobytes(), name


def assert_same_run(a: Path, b: Path) -> None:
    """The newest checkpoints, the logs without their seconds and the pictures of samples agree bit for bit."""
    assert Run.open(a).checkpoints()[-1].name == Run.open(b).checkpoints()[-1].name
    assert_same_arrays(last_arrays(a), last_arrays(b))
    numbers_a, numbers_b = (checkpoint.load(Run.open(folder).checkpoints()[-1])[1] for folder in (a, b))
    assert numbers_a | {"seconds": 0} == numbers_b | {"seconds": 0}
    assert timeless_log(a) == timeless_log(b)
    pictures_a, pictures_b = Run.open(a).pictures(), Run.open(b).pictures()
    assert [path.name for path in pictures_a] == [path.name for path in pictures_b]
    assert [path.read_bytes() for path in pictures_a] == [path.read_bytes() for path in pictures_b]


def timeless_log(folder: Path) -> list[dict[str, Any]]:
    """The log without `seconds`."""
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in Run.open(folder).log()]


def spawn(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Python in a process of its own that finds this minigan and `support`, with one BLAS thread."""
    path = os.pathsep.join(filter(None, [str(HOME), str(HOME / "tests"), os.environ.get("PYTHONPATH")]))
    surroundings = os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"} | environment
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *arguments], env=surroundings, stdout=pipe, stderr=pipe, text=True)
