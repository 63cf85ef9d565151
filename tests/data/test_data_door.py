"""One door for pictures: every system reads a folder in the size and on the background of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minigan.training import build
from minigan.training.config import Config
from minigan.training.registry import SYSTEMS

N = 24


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of transparent pictures of two sizes with a block in the middle: classes, captions and ages."""
    home = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for side in "AB":
        rows = ["file,age"]
        for i in range(N):
            path = home / side / ("odd" if i % 2 else "even") / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            W, H = (40, 60) if i % 3 else (50, 33)
            image = Image.new("RGBA", (W, H), (255, 0, 255, 0))
            image.paste((*map(int, rng.integers(0, 190, 3)), 255), (W // 3, H // 3, 2 * W // 3, 2 * H // 3))
            image.save(path)
            path.with_suffix(".txt").write_text(f"a block number {i}")
            rows.append(f"{path.relative_to(home / side).as_posix()},{i}")
        (home / side / "attributes.csv").write_text("\n".join(rows))
    return home


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_reads_pictures_as_its_run_states(system: str, folders: Path) -> None:
    options: dict[str, Any] = {"cyclegan": {"data_b": str(folders / "B"), "pool": 0}, "ageing": {"age": "age"}}.get(
        system, {}
    )
    choices = {"data": str(folders / "A"), "size": 16, "background": "#fefdfc", "batch_size": 4, "options": options}
    for dataset in build.datasets(Config(system=system, **choices)).values():
        assert dataset.shape == (16, 16, 3)
        np.testing.assert_array_equal(dataset.images[:, 0, 0], np.full((len(dataset), 3), (254, 253, 252)))
        assert dataset.images[:, 8, 8].max() <= 200


def test_a_background_that_is_not_a_colour_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ValueError, match="background must be a colour such as black"):
        Config(background="glass")
