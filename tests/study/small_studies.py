"""Small studies for tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from minigan.study import space
from minigan.study.tasks import Spec


def small(steps: int = 40, repeats: int = 1) -> Spec:
    """The spec `smoke`, shorter."""
    spec = Spec.load("smoke")
    sizes = {name: {**size, "steps": steps, "samples": 300} for name, size in spec.sizes.items()}
    return dataclasses.replace(spec, sizes=sizes, repeats=repeats)


def results(folder: Path) -> dict[str, str]:
    """The text of every file of scores, by the key of its task."""
    return {path.parent.name: path.read_text() for path in folder.glob("runs/*/scores.jsonl")}


def task(model: str = "ns", data: str = "ring8", **changes: Any) -> dict[str, Any]:
    """A task of a few steps; `changes` of its parameters and sizes."""
    size = {"width": 0.125, "steps": 4, "batch": 8, "checkpoints": 1, "samples": 100, "scores": {}, "timeout": 600}
    params = space.sample(model, data, "wide", 0)
    params |= {name: value for name, value in changes.items() if name in params}
    size |= {name: value for name, value in changes.items() if name in size}
    return {"role": "wide", "model": model, "data": data, "sample": 0, "seed": 0, "params": params, "size": size}
