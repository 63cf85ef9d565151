"""Evidence: what can be read of a run, and a sentence for each thing that cannot."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minigan import data
from minigan.data import Dataset
from minigan.metrics.score import Score, read_scores
from minigan.random import Streams
from minigan.runs.folder import Run
from minigan.scoring.saved_generator import Painter
from minigan.training.config import Config
from minigan.watch.judge import Sight, sight_for

# What reading a damaged, foreign or unfinished part of a run may end in.
DAMAGED: tuple[type[Exception], ...] = (ValueError, OSError, EOFError, LookupError, TypeError, AttributeError)
DAMAGED += (RuntimeError, ArithmeticError, SyntaxError)  # Pillow calls a broken PNG a wrong syntax
T = TypeVar("T")


class Evidence:
    """The parts of a run, each read when it is first asked for. A part that is missing or damaged is None, or empty,
    and `missing` has a sentence about it. FileNotFoundError: `folder` is not the folder of a run.

    config    its choices            log       its log points        scores   of scores.json
    pictures  step and samples       painter   its generator         dataset  what it was trained on
    sight     what its samples are seen with
    """

    def __init__(self, folder: Path, *, best: bool = False) -> None:
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(f"{folder} is not the folder of a run: it has no config.json")
        self.folder, self.best = folder, best
        self.name = folder.resolve().name
        self.missing: dict[str, str] = {}
        self.files = Run(folder, Config())  # knows where things lie, whatever the choices of this run were

    def attempt(self, part: str, read: Callable[[], T]) -> T | None:
        """What `read` returns; None, and a sentence in `missing`, where it fails."""
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                found: T | None = read()
            except DAMAGED as error:
                found, self.missing[part] = None, self.said(error)
        if warned:
            told = "; ".join(dict.fromkeys(self.said(warning.message) for warning in warned))
            self.missing[part] = "; ".join(filter(None, [self.missing.get(part), told]))
        return found

    def said(self, error: BaseException | Warning | str) -> str:
        """The words of an error, without the folders in which this person keeps the run and the data."""
        words = f"there is no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        for folder in (self.folder, self.folder.resolve()):
            words = words.replace(f"{folder}/", "").replace(str(folder), self.name) if str(folder) != "." else words
        source = self.config.data if "config" in vars(self) and self.config is not None else ""
        return words.replace(source, Path(source).name) if len(Path(source).parts) > 1 else words

    @cached_property
    def config(self) -> Config | None:
        return self.attempt("config", lambda: Run.open(self.folder).config)

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        return self.attempt("log", self.files.log) or []

    @cached_property
    def scores(self) -> list[Score]:
        path = self.folder / "scores.json"
        return (self.attempt("scores", lambda: read_scores(path)) or []) if path.exists() else []

    @cached_property
    def scores_are_old(self) -> bool:
        """Is there a checkpoint that was written after the scores?"""
        newest = self.files.checkpoints()[-1:]
        written = (self.folder / "scores.json").stat().st_mtime
        return any(path.stat().st_mtime > written for path in newest)

    def picture(self, path: Path) -> np.ndarray | None:
        """One picture of samples: uint8 (H, W) or (H, W, 3)."""
        from PIL import Image

        def read() -> np.ndarray:
            with Image.open(path) as image:
                return np.asarray(image.convert("L" if image.mode == "L" else "RGB"))

        return self.attempt(f"samples/{path.name}", read)

    @cached_property
    def painter(self) -> Painter | None:
        if self.config is None:
            self.missing["painter"] = "without its configuration the networks cannot be built"
            return None
        return self.attempt("painter", lambda: Painter(self.folder, best=self.best))

    @cached_property
    def dataset(self) -> Dataset | None:
        config = self.config
        if config is None:
            self.missing["dataset"] = "without its configuration nobody knows the data"
            return None
        if config.data in data.NAMES and not data.here(config.data):
            self.missing["dataset"] = f"{config.data} is not on this machine"
            return None
        rng = Streams(config.seed)("data")
        return self.attempt("dataset", lambda: data.load(config.data, size=config.size, rng=rng))

    @cached_property
    def sight(self) -> Sight:
        config = self.config
        return None if config is None else self.attempt("sight", lambda: sight_for(config.data))
