"""Wishes: where in the latent space of a run, and under which conditions, a sample is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minigan.lab.directions import WAYS

FARTHEST = 6.0  # along a way
SEEDS = 2**53


@dataclass(frozen=True)
class Wish:
    """A place: the latent of a seed, or between two, moved along the ways.

    offsets     along each of the ways
    walk        another seed, and how far towards its latent, from 0 to 1
    conditions  class, age, text, psi, mix {"seed", "layer"}, noise: as far as the run has them
    answer      of a quiz: "left" or "right"
    """

    seed: int = 0
    offsets: tuple[float, ...] = ()
    walk: tuple[int, float] | None = None
    conditions: Mapping[str, Any] = field(default_factory=dict)
    answer: str | None = None


def read_wish(values: object, run: Mapping[str, Any]) -> Wish:
    """A wish from what JSON contains; ValueError where it does not fit the run (Explored.described)."""
    if not isinstance(values, dict):
        raise ValueError("a question must be a JSON object")
    unknown = values.keys() - {"seed", "offsets", "walk", "answer", "class", "age", "text", "psi", "mix", "noise"}
    if unknown:
        raise ValueError(f"{sorted(unknown)[0]} is unknown")
    seed, walk = values.get("seed", 0), None
    if "walk" in values and values["walk"] is not None:
        given = values["walk"]
        if not isinstance(given, dict):
            raise ValueError("walk must have a seed and a t")
        walk = _seed(given.get("seed")), _number("walk.t", given.get("t"), 0, 1)
    offsets = values.get("offsets", [])
    if not isinstance(offsets, list) or len(offsets) > WAYS:
        raise ValueError(f"offsets must be at most {WAYS} numbers")
    answer = values.get("answer")
    if answer not in (None, "left", "right"):
        raise ValueError(f"answer must be left or right, got {answer!r}")
    moved = tuple(_number("offsets", value, -FARTHEST, FARTHEST) for value in offsets)
    return Wish(_seed(seed), moved, walk, _conditions(values, run), answer)


def _conditions(values: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions that this run takes, checked; ValueError for one that it does not take."""
    takes = {"class": "classes", "age": "age", "text": "texts", "psi": "layers", "mix": "layers", "noise": "layers"}
    conditions: dict[str, Any] = {}
    for name, needed in takes.items():
        if values.get(name) is None:
            continue
        if not run.get(needed):
            raise ValueError(f"this run takes no {name}")
        conditions[name] = _CHECKS[name](values[name], run)
    return conditions


def _seed(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= SEEDS:
        raise ValueError(f"seed must be a whole number from 0 to 2^53, got {value!r}")
    return value


def _number(name: str, value: Any, low: float, high: float) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
    return float(value)


def _whole(name: str, value: Any, below: int) -> int:
    if type(value) is not int or not 0 <= value < below:
        raise ValueError(f"{name} must be a whole number from 0 to {below - 1}, got {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError("text must be a caption of at most 200 characters")
    return value


def _mix(value: Any, run: Mapping[str, Any]) -> dict[str, int]:
    if not isinstance(value, dict):
        raise ValueError("mix must have a seed and a layer")
    return {"seed": _seed(value.get("seed")), "layer": _whole("mix.layer", value.get("layer"), run["layers"] + 1)}


def _noise(value: Any) -> str:
    if value not in ("fixed", "random", "none"):
        raise ValueError(f"noise must be fixed, random or none, got {value!r}")
    return str(value)


_CHECKS: dict[str, Any] = {
    "class": lambda value, run: _whole("class", value, len(run["classes"])),
    "age": lambda value, run: _number("age", value, run["age"]["knots"][0], run["age"]["knots"][-1]),
    "text": lambda value, run: _text(value),
    "psi": lambda value, run: _number("psi", value, -2, 2),
    "mix": _mix,
    "noise": lambda value, run: _noise(value),
}
