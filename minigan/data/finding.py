"""Which files of a folder are pictures, and which are left out, and why."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from minigan.data.pictures import SUFFIXES

TABLES = ("attributes.csv", "captions.csv", "captions.jsonl", "scores.json")  # of pictures, or made of them
CLOSED = "folders that may not be opened"
LINKS, BROKEN, RUNS = "links to folders that are read already", "broken links", "folders of runs"
ONE = {
    LINKS: "link to a folder that is read already",
    BROKEN: "broken link",
    RUNS: "folder of a run",
    CLOSED: "folder that may not be opened",
}


@dataclass(frozen=True)
class Found:
    """The pictures under a folder, in the order of their names, and how many other files there are, by reason."""

    folder: Path
    paths: list[Path]
    left_out: Mapping[str, int]

    @property
    def note(self) -> str:
        """A sentence about what was left out; "" where nothing was."""
        counts = sorted(self.left_out.items(), key=lambda one: (-one[1], one[0]))
        parts = [f"{n:,} {ONE.get(reason, reason) if n == 1 else reason}" for reason, n in counts]
        return f"left out: {', '.join(parts)}" if parts else ""


def find(folder: Path) -> Found:
    """All pictures under a folder. Links are followed, and no folder is read twice.

    Left out are files of other kinds, broken links, hidden files and folders (a leading dot), and the folders of runs:
    their samples are not part of the data.

    FileNotFoundError, NotADirectoryError: the folder; ValueError: it holds no picture.
    """
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such folder; expected a folder of pictures")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder of pictures, got a file")
    left_out: Counter[str] = Counter()
    paths, others = list[Path](), list[Path]()
    for path in _files(folder, left_out):
        (paths if path.suffix.lower() in SUFFIXES and path.is_file() else others).append(path)
    stems = {path.with_suffix("") for path in paths}
    left_out.update(_reason(path) for path in others if not _belongs(path, folder, stems))
    files = Found(folder, sorted(paths, key=lambda path: path.relative_to(folder).parts), left_out)
    if not paths:
        there = f"; {files.note}" if left_out else ""
        there += "; arrays are read by the path of their own file" if {".npy", ".npz"} & left_out.keys() else ""
        raise ValueError(f"{folder}: no pictures found; expected files that end in {', '.join(SUFFIXES)}{there}")
    return files


def is_run(folder: Path) -> bool:
    """Is this the folder of a run?"""
    return (folder / "config.json").is_file() and any(
        (folder / name).exists() for name in ("command.txt", "checkpoints")
    )


def _files(folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    """All visible files; links to folders come last, so that a folder has the name of its own place."""
    seen, pending = set(), deque([folder])
    while pending:
        now = pending.popleft()
        place = os.path.realpath(now)
        if place in seen:
            left_out[LINKS] += 1
            continue
        seen.add(place)
        try:
            with os.scandir(now) as entries:
                content = sorted(entries, key=lambda entry: entry.name)
        except PermissionError:
            left_out[CLOSED] += 1
            continue
        for entry in content:
            path = now / entry.name
            if entry.name.startswith("."):
                left_out["hidden"] += path.is_dir() or path.suffix.lower() in SUFFIXES
            elif not entry.is_dir():
                yield path
            elif is_run(path):
                left_out[RUNS] += 1
            elif entry.is_symlink():
                pending.append(path)
            else:
                pending.appendleft(path)


def _belongs(path: Path, folder: Path, stems: set[Path]) -> bool:
    """Is this a table of the folder, or the text of a picture?"""
    return (path.parent == folder and path.name in TABLES) or (path.suffix == ".txt" and path.with_suffix("") in stems)


def _reason(path: Path) -> str:
    if not path.exists():
        return BROKEN
    if not path.is_file():
        return "not files"
    return path.suffix.lower() if path.suffix else "without a suffix"
