"""Evidence: what can be read of a run, and a sentence for each thing that cannot."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minigan import data
from minigan.data import Dataset
from minigan.metrics.score import Score, read_scores
from minigan.runs import changes
from minigan.runs.folder import Run
from minigan.scoring.saved_generator import SavedGenerator
from minigan.training import build
from minigan.training.config import OWN, Config
from minigan.watch.judge import Judge, judge_for

# What reading a damaged, foreign or unfinished part of a run may end in.
DAMAGED: tuple[type[Exception], ...] = (ValueError, OSError, EOFError, LookupError, TypeError, AttributeError)
DAMAGED += (RuntimeError, ArithmeticError, SyntaxError)  # Pillow calls a broken PNG a wrong syntax
T = TypeVar("T")


class Evidence:
    """The parts of a run, each read when it is first asked for. A part that is missing or damaged is None, or empty,
    and `missing` has a sentence about it. FileNotFoundError: `folder` is not the folder of a run.

    config     its choices                log       its log points          scores    of scores.json
    command    that began it              versions  that it began with      changes   of its choices
    generator  its system, to generate    dataset   the first that it was trained on
    judge      what its samples are recognised by
    """

    def __init__(self, folder: Path, *, best: bool = False) -> None:
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(f"{folder} is not the folder of a run: it has no config.json")
        self.folder, self.best = folder, best
        self.name = folder.resolve().name
        self.missing: dict[str, str] = {}
        self.files = Run(folder, Config())  # for the places of the files, which the choices of a run do not change

    def attempt(self, part: str, read: Callable[[], T]) -> T | None:
        """The result of `read`; None, and a sentence in `missing`, where it fails."""
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                content: T | None = read()
            except DAMAGED as error:
                content, self.missing[part] = None, self.message(error)
        if warned:
            messages = "; ".join(dict.fromkeys(self.message(warning.message) for warning in warned))
            self.missing[part] = "; ".join(filter(None, [self.missing.get(part), messages]))
        return content

    def message(self, error: BaseException | Warning | str) -> str:
        """The message of an error, without the folders in which this person keeps the run and the data."""
        text = f"there is no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        for folder in (self.folder, self.folder.resolve()):
            text = text.replace(f"{folder}/", "").replace(str(folder), self.name) if str(folder) != "." else text
        source = self.config.data if "config" in vars(self) and self.config is not None else ""
        return text.replace(source, Path(source).name) if len(Path(source).parts) > 1 else text

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
    def command(self) -> str:
        """The line of command.txt; "" where there is none."""
        path = self.folder / "command.txt"
        if not path.exists():
            return ""
        return self.attempt("command", lambda: path.read_text("utf-8", "surrogateescape")) or ""

    @cached_property
    def versions(self) -> dict[str, str]:
        """Of versions.json; empty where there is none."""
        path = self.folder / "versions.json"
        return (self.attempt("versions", lambda: _texts(path)) or {}) if path.exists() else {}

    @cached_property
    def changes(self) -> list[dict[str, Any]]:
        return self.attempt("changes", lambda: changes.recorded(self.folder)) or []

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

        return self.attempt(f"{path.parent.name}/{path.name}", read)

    @cached_property
    def generator(self) -> SavedGenerator | None:
        if self.config is None:
            self.missing["generator"] = "without its configuration the networks cannot be built"
            return None
        if self.config.system == OWN:
            self.missing["generator"] = "this run was started with objects: only its own script can build the networks"
            return None
        return self.attempt("generator", lambda: SavedGenerator(self.folder, best=self.best))

    @cached_property
    def dataset(self) -> Dataset | None:
        config = self.config
        if config is None:
            self.missing["dataset"] = "without its configuration the data are not known"
            return None
        if config.system == OWN:
            self.missing["dataset"] = "this run was started with objects: only its own script can load the data"
            return None
        if config.data in data.NAMES and not data.here(config.data):
            self.missing["dataset"] = f"{config.data} is not on this machine"
            return None
        return self.attempt("dataset", lambda: next(iter(build.datasets(config).values())))

    @cached_property
    def judge(self) -> Judge:
        if self.config is None:
            return None
        name = self.config.data.split(", ")[0] if self.config.system == OWN else self.config.data
        return self.attempt("judge", lambda: judge_for(name))


def _texts(path: Path) -> dict[str, str]:
    """A JSON object of texts."""
    content = json.loads(path.read_text("utf-8"))
    if not (isinstance(content, dict) and all(isinstance(value, str) for value in content.values())):
        raise ValueError(f"{path}: not an object of texts")
    return content
