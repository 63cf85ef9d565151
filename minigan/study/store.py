"""Store: the folder of a study. Every result has a place that follows from its task, and appears whole or not at all.

spec.json             the size of the study
tasks.jsonl           one task per line
runs/KEY/             of a task: task.json, log.csv, scores.jsonl, samples.png, and last of all done.json
runs/KEY/error.json   in place of done.json, if the run ended by an error of the program: no result
runs/KEY/run.lock     while a process works on the task
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from minigan.atomic import replacing
from minigan.plots.files import save_png
from minigan.runs.lock import Busy, Lock
from minigan.study import tasks
from minigan.study.tasks import Spec, Task
from minigan.study.work import Result
from minigan.version import __version__

WINDOW = 128  # pixels of a picture of points


class Store:
    """The folder of a study; several processes may use it at the same time."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "tasks.jsonl").is_file():
            raise FileNotFoundError(f"{folder}: there is no tasks.jsonl; minigan study generate writes one")

    @classmethod
    def create(cls, folder: Path, spec: Spec) -> Store:
        """A new folder with the tasks of all searches; FileExistsError where another study is in it."""
        folder.mkdir(parents=True, exist_ok=True)
        path, content = folder / "spec.json", json.dumps(spec.as_json(), indent=1) + "\n"
        if path.is_file() and path.read_text("utf-8") != content:
            raise FileExistsError(f"{folder} has another study: its spec.json differs; choose another folder")
        _write(path, content)
        if not (folder / "tasks.jsonl").is_file():
            _write(folder / "tasks.jsonl", tasks.text(tasks.search(spec)))
        return cls(folder)

    def spec(self) -> Spec:
        """The size of the study."""
        return Spec.from_json(json.loads((self.folder / "spec.json").read_text("utf-8")))

    def tasks(self) -> dict[str, Task]:
        """All tasks by their keys."""
        return {tasks.key(task): task for task in tasks.read(self.folder / "tasks.jsonl")}

    def add(self, more: list[Task]) -> None:
        """Add tasks that are not there yet."""
        _write(self.folder / "tasks.jsonl", tasks.text([*self.tasks().values(), *more]))

    def run(self, key: str) -> Path:
        """The folder of a task's result."""
        return self.folder / "runs" / key

    def done(self, key: str) -> bool:
        """Is there a result?"""
        return (self.run(key) / "done.json").is_file()

    def tried(self, key: str) -> bool:
        """Is there a result, or an error since `forget_errors`?"""
        return self.done(key) or (self.run(key) / "error.json").is_file()

    def forget_errors(self) -> None:
        """Let runs that ended by an error be tried again."""
        for path in self.folder.glob("runs/*/error.json"):
            path.unlink(missing_ok=True)

    @contextmanager
    def taking(self, key: str) -> Iterator[bool]:
        """Take a task for this process. False: another process works on it, or it has a result by now."""
        folder = self.run(key)
        folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(folder)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # one that was killed: its task is simply done again
                lock.take()
        except Busy:
            yield False
            return
        try:
            yield not self.tried(key)
        finally:
            lock.release()

    def write(self, key: str, task: Task, result: Result) -> None:
        """Write the result of a task; done.json is the last file."""
        folder = self.run(key)
        folder.mkdir(parents=True, exist_ok=True)
        end = {"status": result.status, "seconds": round(result.seconds, 3), "error": result.error}
        end |= {"cpu_seconds": round(result.cpu_seconds, 3), "megabytes": result.megabytes, **machine()}
        if result.status == "error":
            _write(folder / "error.json", json.dumps(end, indent=1) + "\n")
            return
        _write(folder / "task.json", tasks.canonical(task) + "\n")
        _write(folder / "log.csv", _csv(result.log))
        _write(folder / "scores.jsonl", "".join(json.dumps(point) + "\n" for point in result.scores))
        if result.picture is not None:
            save_png(folder / "samples.png", _picture(result.picture))
        _write(folder / "done.json", json.dumps(end, indent=1) + "\n")

    def read(self, key: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The scores of a result, and how it ended."""
        lines = (self.run(key) / "scores.jsonl").read_text("utf-8").splitlines()
        end: dict[str, Any] = json.loads((self.run(key) / "done.json").read_text("utf-8"))
        return [json.loads(line) for line in lines], end


def machine() -> dict[str, str]:
    """Where and with which versions a run was computed."""
    versions = {name: metadata.version(name) for name in ("numpy", "scipy")}
    return {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "minigan": __version__, **versions}


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())


def _csv(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _picture(samples: np.ndarray) -> np.ndarray:
    """A grid of images, or where points are dense."""
    if samples.ndim == 4:
        n, (_, H, W, C) = int(np.sqrt(len(samples))), samples.shape
        grid = samples[: n * n].reshape(n, n, H, W, C).swapaxes(1, 2)
        return grid.reshape(n * H, n * W, C)
    reach = 5.0
    counts, _, _ = np.histogram2d(-samples[:, 1], samples[:, 0], WINDOW, ((-reach, reach), (-reach, reach)))
    return np.rint(255 * np.minimum(1, np.sqrt(counts / max(1, counts.max())))).astype(np.uint8)
