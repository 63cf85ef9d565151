"""Checks of the files that a command is to write, made before it works: a mistake shows at once, and costs no file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FLAGS = {"out": "--out", "to": "--to", "html": "--html"}  # by the names that flags have in a namespace
NOT_READ = ("than",)  # an earlier file of scores, which the new one may replace
OWN = ("config.json", "changes.jsonl", "imported.json", "command.txt", "versions.json", "log.jsonl", "run.lock")


def check(values: Mapping[str, Any], *, folders: bool) -> None:
    """ValueError where an output would replace what is read, or what belongs to a run; for files (not `folders`) also
    where none can be written."""
    for name, flag in FLAGS.items():
        path = values.get(name)
        if not isinstance(path, Path):
            continue
        inputs = {key: value for key, value in values.items() if key not in (*FLAGS, *NOT_READ)}
        if any(isinstance(value, Path) and _same(value, path) for value in inputs.values()):
            raise ValueError(f"{flag} {path} is what the command reads: choose another name, or it would be lost")
        if path.name in OWN and (path.parent / "config.json").is_file():
            raise ValueError(f"{flag} {path} is a file of the run in {path.parent}: choose another name")
        if path.suffix and not folders:
            _check_file(flag, path)
        if values.get("command") in ("study", "translate") and (path / "config.json").is_file():
            raise ValueError(f"{flag} {path} is the folder of a run: choose another one")


def _check_file(flag: str, path: Path) -> None:
    if not path.parent.is_dir():
        what = "is not a folder" if path.parent.exists() else "does not exist: create it first"
        raise ValueError(f"{flag} {path}: there is no folder {path.parent} (it {what})")
    if not path.is_dir() and not os.access(path.parent, os.W_OK):
        raise ValueError(f"{flag} {path}: nothing can be written into the folder {path.parent}")


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except (OSError, ValueError):
        return False
