"""Run: the folder of one training run."""

from __future__ import annotations

import json
import os
import shlex
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from minigan.atomic import replacing
from minigan.device import Array
from minigan.runs import changes, checkpoint, lines, notebook, origin
from minigan.runs.lock import NAME, Lock
from minigan.training.config import Config

COMMAND, VERSIONS = "command.txt", "versions.json"
BEGUN = ("config.json", COMMAND, VERSIONS)  # what a run has from its beginning on


class Run:
    """A folder with

    config.json                     the choices
    changes.jsonl                   those that are not what they were at first, and from which step on
    imported.json                   the files that its first weights came from, where they were not drawn
    command.txt                     the command that began it
    versions.json                   of Python and of the libraries that it began with
    run.lock                        the process that works on it, while one does
    log.jsonl                       one JSON object per log point; in very long runs they come further apart
    samples/step-000500.png         samples of always the same noise
    checkpoints/step-000500.npz     all that is needed to continue
    checkpoints/best.npz            the checkpoint with the best score, where scores were asked for
    scores.json                     the closing scores with what they were measured with
    samples.png losses.png ...      the pictures of a finished run
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config, self.lock = folder, config, Lock(folder)
        self._existed = True  # was there a folder before `begin`?

    @classmethod
    def create(cls, folder: Path | None, config: Config) -> Run:
        """A new run, on disk from `begin` on; ValueError where `folder` holds something already.

        None: runs/<time>-<system>-<model>-<objective>, a GAN without the first.
        """
        if folder is None:
            parts = [config.system if config.system != "gan" else "", config.model, config.objective]
            name = "-".join([time.strftime("%Y%m%d-%H%M%S"), *filter(None, parts)])
            folder = _unused(Path("runs") / name)
        if folder.exists() and not (folder.is_dir() and _is_free(folder)):
            raise _taken(folder)
        return cls(folder, config)

    def begin(self) -> None:
        """Make the folder, lock it and write the config; ValueError where somebody else has been quicker."""
        self._existed = self.folder.is_dir()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock.take()
        if not _is_free(self.folder):
            self.lock.release()
            raise _taken(self.folder)
        self._sweep()
        for name, content in ((COMMAND, origin.command()), (VERSIONS, origin.versions())):
            with replacing(self.folder / name) as file:
                file.write(content)
        self.write()  # last: with a config it is a run

    @classmethod
    def open(cls, folder: Path | str) -> Run:
        """The run in `folder`; FileNotFoundError where there is none."""
        folder = Path(folder)
        path = folder / "config.json"
        if not path.is_file():
            why = "" if folder.is_dir() else ", because there is no such folder"
            if folder.exists() and (folder.parent / "config.json").is_file():
                why = f"; {folder.parent} has"
            raise FileNotFoundError(f"{folder} is not the folder of a run: it has no config.json{why}")
        return cls(folder, Config.load(path.read_text(errors="replace"), path))

    def _repr_html_(self) -> str:
        return notebook.shown(self)

    def change(self, choices: Mapping[str, Any], *, allowed: bool = False, moved: bool = False) -> None:
        """Take other choices for a run that has begun, on disk from `write` on; ValueError where they rewrite its past
        and that was not `allowed`, or is impossible. Hyper-parameters and options that are not named stay.

        moved   may the data lie elsewhere? Whether they are the same is for `settle` to know
        """
        nested = {
            name: {**getattr(self.config, name), **choices[name]} for name in ("hyper", "options") if name in choices
        }
        config = replace(self.config, **{**choices, **nested})
        changes.check(self.folder, changes.between(self.config, config), allowed=allowed, moved=moved)
        self.config = config

    def settle(
        self,
        step: int,
        before: Config,
        *,
        allowed: bool = False,
        data: changes.Changes | None = None,
        moved: bool = False,
    ) -> None:
        """Compare the choices with those of the past, until `step`; ValueError where they differ, and neither are
        `allowed` to nor were before. Differences are recorded, then the config is written.

        data    what changed about the data (fingerprint.changed)
        moved   are they the same, wherever they lie?
        """
        changed = {**changes.between(before, self.config), **(data or {})}
        allowed = allowed or changes.were_allowed(self.folder, changed)
        changes.check(self.folder, changed, allowed=allowed, moved=moved)
        changes.record(self.folder, step, changed)
        self.write()

    def write(self) -> None:
        """Write the config, and make the folders where there are none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / "config.json") as file:
            file.write(self.config.dump().encode())
        for subfolder in ("samples", "checkpoints"):
            (self.folder / subfolder).mkdir(exist_ok=True)

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add a log point."""
        with open(self.folder / "log.jsonl", "a") as file:
            file.write(json.dumps(entry) + "\n")

    def log(self) -> list[dict[str, Any]]:
        """All log points. A last line that a crash cut short is left out; ValueError names a damaged one."""
        return lines.read(self.folder / "log.jsonl", _is_point, "a log point")

    def forget_after(self, step: int) -> None:
        """Drop log points and pictures after `step`: the run continues from there and makes them again.

        Checkpoints after it are damaged ones, or `step` would be theirs: they are renamed to .damaged. What a
        killed process left unfinished goes, and what it had no time to remove.
        """
        kept = [entry for entry in self.log() if entry["step"] <= step]
        with replacing(self.folder / "log.jsonl") as file:
            file.writelines(json.dumps(entry).encode() + b"\n" for entry in kept)
        for path in self.pictures():
            if _step(path) > step:
                path.unlink()
        for path in self.checkpoints():
            if _step(path) > step:
                path.replace(path.with_suffix(".damaged"))
        self._retire()
        self._sweep()

    @property
    def quoted(self) -> str:
        """Its folder as a shell takes it, for commands in messages."""
        return quoted(self.folder)

    @property
    def holds_nothing(self) -> bool:
        """Would nothing be lost without it? It has no checkpoint, and no log point yet."""
        return not (self.ways_back() or self.log())

    def discard(self) -> None:
        """Remove the folder of a run that failed in its beginning, so that the next try can have its name; what is not
        the run's own stays."""
        for path in (self.folder / name for name in (*BEGUN, "log.jsonl", "changes.jsonl", "imported.json")):
            path.unlink(missing_ok=True)
        for path in self.folder.glob("*/step-*.png"):
            path.unlink()
        self._sweep()
        self.lock.release()
        for folder in (*(path for path in self.folder.glob("*/") if path.is_dir()), self.folder):
            if not any(folder.iterdir()) and not (folder == self.folder and self._existed):
                folder.rmdir()

    def _sweep(self) -> None:
        for path in self.folder.rglob(".*.part"):
            path.unlink()

    def picture(self, step: int, kind: str = "samples") -> Path:
        """Where a picture of `step` belongs."""
        return self.folder / kind / f"step-{step:06d}.png"

    def pictures(self) -> list[Path]:
        """The pictures of samples, in order."""
        return _numbered(self.folder / "samples", ".png")

    def checkpoints(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return _numbered(self.folder / "checkpoints", ".npz")

    def save(self, step: int, arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> Path:
        """Write the checkpoint of `step`; older ones than the last few go once it is whole."""
        path = self.folder / "checkpoints" / f"step-{step:06d}.npz"
        self._keep_log()
        checkpoint.save(path, arrays, {"step": step, **numbers, "config": asdict(self.config)})
        self._retire()
        return path

    def _retire(self) -> None:
        for old in self.checkpoints()[: -self.config.keep]:
            old.unlink()

    def _keep_log(self) -> None:
        """Force the log to the disk: no checkpoint is to survive the log points before it."""
        if (path := self.folder / "log.jsonl").exists():
            with open(path, "rb+") as file:
                os.fsync(file.fileno())

    def keep_best(self, path: Path, score: Mapping[str, Any]) -> None:
        """Keep a copy of the checkpoint `path` as the best one, with its `score`; it outlives all others."""
        arrays, numbers = checkpoint.load(path)
        checkpoint.save(self._best(), arrays, {**numbers, "score": dict(score)})

    def best(self) -> tuple[Path, dict[str, np.ndarray], dict[str, Any]]:
        """Path, arrays and numbers (with "step" and "score") of the best checkpoint; FileNotFoundError where none was
        kept, ValueError for a damaged one."""
        path = self._best()
        if not path.is_file():
            every = self.config.score_every
            why = (
                "it was not trained with --score-every" if every is None else f"no step was scored (every {every}) yet"
            )
            raise FileNotFoundError(f"{self.folder} has no best checkpoint: {why}")
        return path, *checkpoint.load(path)

    def _best(self) -> Path:
        return self.folder / "checkpoints" / "best.npz"

    def ways_back(self) -> list[Path]:
        """Where the run can continue from, newest first; the best checkpoint is the last resort."""
        return [*reversed(self.checkpoints()), *filter(Path.is_file, [self._best()])]

    def latest(self) -> tuple[Path, dict[str, np.ndarray], dict[str, Any]]:
        """Path, arrays and numbers of the first of the `ways_back` that can be read; a damaged one is named in a
        warning. FileNotFoundError: none can be read."""
        why = ""
        for path in self.ways_back():
            try:
                arrays, numbers = checkpoint.load(path)
                checkpoint.require(path, numbers, step=int, counts=dict)
                return path, arrays, numbers
            except ValueError as error:
                why = f": {error}"
                warnings.warn(f"{error}; falling back to the checkpoint before", RuntimeWarning, stacklevel=2)
        raise FileNotFoundError(f"{self.folder} has no readable checkpoint{why}")


def _numbered(folder: Path, suffix: str) -> list[Path]:
    """The files step-<number><suffix> in the order of their numbers; not what else somebody keeps there."""
    return sorted((path for path in folder.glob(f"step-*{suffix}") if path.stem[5:].isdecimal()), key=_step)


def _is_free(folder: Path) -> bool:
    """Is the folder empty, but for what a process leaves that was killed before it had written a config?"""
    names = {path.name for path in folder.iterdir()}
    left = {NAME, COMMAND, VERSIONS} if NAME in names else set()
    parts = [f".{name}.*.part" for name in BEGUN]
    return all(name in left or any(fnmatch(name, pattern) for pattern in parts) for name in names)


def _is_point(entry: Mapping[str, Any]) -> bool:
    """Is it a log point: a step, and numbers?"""
    numbers = [value for name, value in entry.items() if name not in ("vitals", "health") and value is not None]
    known = type(entry.get("step")) is int and isinstance(entry.get("vitals", {}), dict)
    return known and all(lines.is_number(value) for value in numbers)


def _taken(folder: Path) -> ValueError:
    if (folder / "config.json").is_file():
        way = f"choose another --out, or continue it by --resume {quoted(folder)}"
        return ValueError(f"{folder} exists already: {way}")
    what = "a folder with other content" if folder.is_dir() else "a file"
    return ValueError(f"{folder} exists already, and is {what}: choose another --out")


def quoted(path: Path) -> str:
    """A path as a shell takes it; one that is not UTF-8 as Bash does, with a byte as \\xe9 (which output.py prints)."""
    text = str(path)
    if any("\udc80" <= character <= "\udcff" for character in text):
        return "$'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return shlex.quote(text)


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def _unused(folder: Path) -> Path:
    """`folder`, or the first of folder-2, folder-3, ... that does not exist."""
    count, candidate = 1, folder
    while candidate.exists():
        count += 1
        candidate = folder.with_name(f"{folder.name}-{count}")
    return candidate
