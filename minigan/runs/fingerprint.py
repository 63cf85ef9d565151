"""Fingerprint: what a run must find again of its data to continue as if it had never stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigan.data import Dataset

NAME = "data of "  # begins the names of changed data in the record of changes
ROWS = 4096  # samples that are read at a time: images may lie in a file larger than the memory

Print = dict[str, Any]  # {"samples": N, "shape": [...], "sha256": "..."}


def of(datasets: Mapping[str, Dataset]) -> dict[str, Print]:
    """Of each data set, by name: how many samples it has, their shape, and a digest of all that is known of them."""
    return {name: _of_one(dataset) for name, dataset in datasets.items()}


def _of_one(dataset: Dataset) -> Print:
    sha = hashlib.sha256()
    arrays = {"images": dataset.images, "labels": dataset.labels, **dataset.attributes}
    for name, array in arrays.items():
        if array is not None:
            sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
            for start in range(0, len(array), ROWS):
                sha.update(np.ascontiguousarray(array[start : start + ROWS]).data)
    sha.update(json.dumps([dataset.captions, dataset.classes]).encode())
    return {"samples": len(dataset), "shape": list(dataset.shape), "sha256": sha.hexdigest()}


def changed(before: object, now: Mapping[str, Print]) -> dict[str, list[Any]]:
    """[before, now] for each data set that is not the same; none for a checkpoint that kept no fingerprints, as those
    until version 0.1."""
    if not isinstance(before, dict):
        return {}
    return {NAME + name: [before[name], new] for name, new in now.items() if before.get(name, new) != new}


def in_words(name: str, before: Any, now: Print) -> str:
    """The change of a data set, in words: "real had 30 samples and has 29"."""
    name = name.removeprefix(NAME)
    had = before if isinstance(before, dict) else {}
    for key, what in (("samples", "samples"), ("shape", "as the shape of a sample")):
        if had.get(key) != now[key]:
            a, b = (" x ".join(map(str, n)) if isinstance(n, list) else f"{n:,}" for n in (had.get(key, 0), now[key]))
            return f"{name} had {a} {what} and has {b}"
    return f"{name} has as many samples as before, but not the same ones"


def check_kinds(folder: Path, before: object, now: Mapping[str, Any]) -> None:
    """ValueError where a data set has other classes, or captions of other words, than those that the networks of a run
    with conditions were made for; `before` and `now`: of each data set what `Dataset.about` returns."""
    for name, about in now.items():
        was = before.get(name, {}) if isinstance(before, dict) else {}
        kinds = {"classes": (was.get("names"), about.get("names")), "words": (_words(was), _words(about))}
        for kind, (old, new) in kinds.items():
            if old and old != new:
                raise ValueError(
                    f"{folder} was trained on {len(old)} {kind}, and its data have {len(new or ())}: "
                    f"{_difference(old, new or ())}. Put them back, or start a new run"
                )


def _words(about: Mapping[str, Any]) -> Any:
    return about.get("captions", {}).get("words")


def _difference(old: Sequence[str], new: Sequence[str]) -> str:
    """The names that are new and those that are missing, as text."""
    changes = {"new": [one for one in new if one not in old], "missing": [one for one in old if one not in new]}
    parts = [f"{how}: {', '.join(map(repr, names[:5]))}" for how, names in changes.items() if names]
    return "; ".join(parts) or "in another order"
