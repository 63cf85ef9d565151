"""Runs that are killed between any two things that they ask of the operating system, and in the midst of a write.

The processes are forks of one that has imported everything. Whatever a run does to files is an event, and so are its
steps; a process counts them, and at one of them it sends SIGKILL to itself. As a script:

    python -m support.killing FOLDER CONFIG SEED TRIALS     prints JSON: what was killed where, and what came of it
"""

from __future__ import annotations

import io
import json
import mmap
import os
import signal
import stat
import struct
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import minigan.atomic
import minigan.runs.folder
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.training.config import Config
from minigan.training.trainer import Trainer
from support.tiny_runs import assert_same_arrays, assert_same_run

MAY_WARN = ("takes over", "falling back")


class Events:
    """The events of this process, by name; at number `last`, it is killed. In memory that its parent sees too:
    the number of events, and the step of the last checkpoint that was saved."""

    def __init__(self, last: int = -1) -> None:
        self.last, self.names, self.shared = last, list[str](), mmap.mmap(-1, 16)
        self.note(0, -1)

    def note(self, count: int, saved: int) -> None:
        self.shared[:] = struct.pack("<qq", count, saved)

    def seen(self) -> tuple[int, int]:
        count, saved = struct.unpack("<qq", self.shared[:])
        return count, saved

    def __call__(self, name: str) -> None:
        if len(self.names) == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.names.append(name)
        self.note(len(self.names), self.seen()[1])


def kind(path: Any) -> str:
    """The role of a file in a run."""
    if isinstance(path, int):
        return "folder" if stat.S_ISDIR(os.fstat(path).st_mode) else "file"
    name = Path(path).name.lstrip(".")
    words = {
        "step-": "checkpoint",
        "best": "best",
        "config": "config",
        "log": "log",
        "run.lock": "lock",
        "chang": "record",
        "command": "origin",
        "versions": "origin",
    }
    found = next((word for start, word in words.items() if name.startswith(start)), "folder")
    return "picture" if ".png" in name else found


def watch(events: Events) -> None:
    """Make events of what this process does to files."""

    class Watched(io.FileIO):
        def write(self, data: Any, /) -> int:
            view = memoryview(data).cast("B")
            events(f"write {kind(self.name)}")
            super().write(view[: len(view) // 2])
            events(f"write {kind(self.name)}, half of it")
            super().write(view[len(view) // 2 :])
            return len(view)

    def opened(path: Any, mode: str = "r", **options: Any) -> Any:
        if mode == "xb":
            return Watched(path, "xb")
        return io.TextIOWrapper(Watched(path, "ab"), write_through=True) if mode == "a" else open(path, mode, **options)

    for module in (minigan.atomic, minigan.runs.folder):
        module.open = opened  # type: ignore[attr-defined]
    for name in ("fsync", "replace", "unlink", "mkdir", "ftruncate", "write"):
        setattr(os, name, between(events, name, getattr(os, name)))
    save = Run.save

    def noted(run: Run, step: int, *rest: Any) -> Path:
        path = save(run, step, *rest)
        events.note(events.seen()[0], step)
        return path

    Run.save = noted  # type: ignore[method-assign]


def between(events: Events, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
    def acted(first: Any, *rest: Any, **options: Any) -> Any:
        events(f"{name} {kind(first)}")
        return act(first, *rest, **options)

    return acted


def live(folder: Path, config: Config, events: Events) -> None:
    """Start the run, or continue it, to its end or to the last event; never returns."""
    code = 1
    try:
        warnings.simplefilter("error")
        for words in MAY_WARN:
            warnings.filterwarnings("ignore", f".*{words}", RuntimeWarning)
        watch(events)
        options: dict[str, Any] = {"hooks": [lambda trainer: events("step")], "quiet": True}
        known = (folder / "config.json").is_file()
        trainer = Trainer.resume(folder, **options) if known else Trainer.start(config, folder, **options)
        events("begin")
        trainer.train()
        folder.with_suffix(".events").write_text(json.dumps(events.names))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def fork(folder: Path, config: Config, last: int = -1, seconds: float | None = None) -> Events | None:
    """One life of the run in the folder; its events where it was killed, None where it came to its end."""
    events = Events(last)
    child = os.fork()
    if child == 0:
        live(folder, config, events)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        return events
    assert os.WEXITSTATUS(status) == 0, f"{folder}: the run failed"
    return None


def lost(folder: Path, saved: int) -> bool:
    """Is a checkpoint damaged that has its name, or is one gone that had been saved?"""
    run = Run.open(folder) if (folder / "config.json").is_file() else None
    kept = [] if run is None else [*run.checkpoints(), *filter(Path.is_file, [folder / "checkpoints" / "best.npz"])]
    steps = [checkpoint.load(path)[1]["step"] for path in kept]
    return max(steps, default=-1) < saved


def compare(a: Path, b: Path) -> None:
    """Both runs to the last bit, with their best checkpoints and without debris."""
    assert_same_run(a, b)
    if (a / "checkpoints" / "best.npz").exists():
        assert_same_arrays(Run.open(a).best()[1], Run.open(b).best()[1])
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in (a, b)]
    assert names[0] == names[1], names


def main(folder: Path, config: Config, seed: int, trials: int) -> dict[str, Any]:
    """Kill so many runs, each at one event and perhaps at another after it continued; every fifth by the clock."""
    rng = np.random.default_rng(seed)
    started = time.perf_counter()
    assert fork(folder / "whole", config) is None
    seconds = time.perf_counter() - started
    names = json.loads((folder / "whole.events").read_text())
    phases = sorted(set(names))
    killed: Counter[str] = Counter()
    losses = 0
    for trial in range(trials):
        run = folder / f"killed-{trial}"
        phase = phases[(trial + seed) % len(phases)]
        last = int(rng.choice([i for i, name in enumerate(names) if name == phase]))
        clock = float(rng.uniform(0, seconds)) if trial % 5 == 4 else None
        saved = -1
        for again in range(3):  # the third life lasts
            life = {"seconds": clock} if clock is not None and again == 0 else {"last": last}
            ended = fork(run, config, **({} if again == 2 else life))  # type: ignore[arg-type]
            if ended is None:
                break
            count, step = ended.seen()
            saved = max(saved, step)
            killed["by the clock" if clock is not None and again == 0 else phase if again == 0 else "once more"] += 1
            losses += lost(run, saved)
            last = int(rng.integers(0, max(len(names) - count, 1))) if rng.random() < 0.5 else -1
        compare(folder / "whole", run)
    return {"kills": sum(killed.values()), "lost": losses, "events": len(names), "phases": dict(sorted(killed.items()))}


if __name__ == "__main__":
    out, path, number, many = sys.argv[1:]
    config = Config.load(Path(path).read_text(), Path(path))
    print(json.dumps(main(Path(out), config, int(number), int(many))))
