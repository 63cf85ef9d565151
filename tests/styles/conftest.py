from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minigan import Trainer
from minigan.models.stylegan import StyleGenerator, generator
from minigan.training.config import Config

SMALL = {"width": 0.25, "z_dim": 6, "epochs": 1.0, "batch_size": 12, "data": "FOLDER", "size": 8}


@pytest.fixture(scope="session")
def G() -> StyleGenerator:
    """A generator whose noise and biases are not zero."""
    rng = np.random.default_rng(0)
    made = generator(rng, sample_shape=(16, 16, 1), z_dim=6, w_dim=5, width=0.3)
    for name, array in made.named_params():
        if name.endswith(("strength", "bias")):
            array += rng.normal(0, 0.1, array.shape)
    return made


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 2 steps on 24 grey pictures of 8 x 8."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("styles")
    pixels = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    (folder / "pictures").mkdir()
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(folder / "pictures" / f"{i:02}.png")
    choices = {**SMALL, "data": str(folder / "pictures"), "options": {"w_dim": 5, "discriminator": "plain"}}
    trainer = Trainer.start(Config(system="stylegan", **choices), folder / "run", quiet=True)
    trainer.train()
    return trainer.run.folder


@pytest.fixture
def minigan(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command: its exit code, what it prints, and its errors."""
    from minigan.cli import main

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            code = main([str(one) for one in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call
