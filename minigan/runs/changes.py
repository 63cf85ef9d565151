"""Changes: what may change about a run that continues, and the record of what did."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minigan.atomic import replacing
from minigan.runs import fingerprint, lines
from minigan.training.config import Config

FREELY = ("epochs", "device", "fork", "graph", "score_every", "keep")  # they do not rewrite the past of a run
NEVER = ("system", "objective", "data", "size", "batch_size", "n_critic")  # its steps and epochs are counted by them
FILE = "changes.jsonl"

Changes = Mapping[str, list[Any]]  # [before, after] by the name of the choice


def between(before: Config, after: Config) -> dict[str, list[Any]]:
    """The differences, as JSON."""
    a, b = (json.loads(json.dumps(asdict(config))) for config in (before, after))
    return {name: [a[name], b[name]] for name in a if a[name] != b[name]}


def check(folder: Path, changed: Changes, *, allowed: bool, moved: bool = False) -> None:
    """ValueError for changes that are not possible, and for those that are where they were not `allowed`.

    moved   are the data at another path the same ones?
    """
    changed = {name: pair for name, pair in changed.items() if not (moved and name == "data")}
    data = [fingerprint.in_words(name, *pair) for name, pair in changed.items() if name.startswith(fingerprint.NAME)]
    if data and not allowed:
        raise ValueError(
            f"the data of {folder} have changed since its newest checkpoint: {'; '.join(data)}; restore them, or "
            f"continue with the new ones by --allow-changes ({FILE} then records the step)"
        )
    never = [name for name in NEVER if name in changed]
    if never:
        raise ValueError(
            f"{folder} cannot change {', '.join(never)}: its steps and epochs are counted by that; start a new run"
        )
    fixed = sorted(set(changed) - set(FREELY))
    if fixed and not allowed:
        raise ValueError(
            f"{folder} continues with its own choices; only {', '.join(FREELY[:-1])} and {FREELY[-1]} may change, not "
            f"{', '.join(fixed)}; --allow-changes allows the others too ({FILE} then records the step)"
        )


def recorded(folder: Path) -> list[dict[str, Any]]:
    """The record, oldest first: {"step", "time", "changed"}. A last line that a crash cut short is left out."""
    return lines.read(folder / FILE, _is_change, "a record of changes")


def _is_change(entry: Mapping[str, Any]) -> bool:
    changed = entry.get("changed")
    pairs = changed.values() if isinstance(changed, dict) else [None]
    return type(entry.get("step")) is int and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)


def record(folder: Path, step: int, changed: Changes) -> None:
    """Add what changes from `step` on, unless the record contains it already."""
    entries = recorded(folder)
    if changed and not (entries and (entries[-1]["step"], entries[-1]["changed"]) == (step, changed)):
        entries.append({"step": step, "time": time.strftime("%Y-%m-%d %H:%M:%S"), "changed": changed})
        with replacing(folder / FILE) as file:
            file.writelines(json.dumps(entry).encode() + b"\n" for entry in entries)


def were_allowed(folder: Path, changed: Changes) -> bool:
    """Does the record say that all of this was allowed to change to what it is now?"""
    newest = {name: pair[1] for entry in recorded(folder) for name, pair in entry["changed"].items()}
    return all(name in FREELY or newest.get(name, pair[0]) == pair[1] != pair[0] for name, pair in changed.items())
