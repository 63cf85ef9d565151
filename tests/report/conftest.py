"""Small runs to be reported: digits with scores on the way, and points."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from read_page import Page

from minigan.metrics import Protocol, Score
from minigan.metrics.score import write_scores
from minigan.report import copying, write_report
from minigan.report.loaded import Evidence
from minigan.training.config import Config
from minigan.training.trainer import Trainer

RULER = {"perfect": 0.12, "real": 0.4, "one_missing": 4.0, "half_missing": 24.0}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    for name in ("MINIGAN_DEVICE", "MINIGAN_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def brief() -> Iterator[None]:
    """Few training images are searched: they are what takes time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "SEEN", 100)
        patch.setattr(copying, "NUMBERS", 500 * 28 * 28)
        yield


@pytest.fixture
def all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """All training images are searched, as in a report of a person's."""
    monkeypatch.setattr(copying, "NUMBERS", 60_000 * 28 * 28)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of digits, 13 steps, with scores."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    Trainer.start(Config(model="dcgan", width=0.05, batch_size=16, epochs=0.02), folder, quiet=True).train()
    seen = Protocol("fid", {}, "lenet-mnist-v1:22a5", "x/255-0.5", "mnist/test:6d87", 10_000, 10_000, True, "0.1.0")
    write_scores(folder / "scores.json", [Score(19.126, seen, RULER)])
    return folder


@pytest.fixture
def digits(finished: Path, tmp_path: Path) -> Path:
    """A copy of that run, to be damaged."""
    return shutil.copytree(finished, tmp_path / "digits")


@pytest.fixture(scope="session")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of points, 7 steps."""
    folder = tmp_path_factory.mktemp("runs") / "points"
    config = Config(model="points", data="ring", hidden=8, batch_size=1000, epochs=0.07, score_every=3)
    Trainer.start(config, folder, quiet=True).train()
    return folder


@pytest.fixture(scope="session")
def page_of() -> Callable[[Path], Page]:
    """Writes the report of a run, and reads it."""
    return lambda folder: Page(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def digits_page(finished: Path, page_of: Callable[[Path], Page]) -> Page:
    return page_of(finished)


@pytest.fixture(scope="session")
def points_page(points: Path, page_of: Callable[[Path], Page]) -> Page:
    return page_of(points)


@pytest.fixture
def evidence(digits: Path) -> Evidence:
    return Evidence(digits)
