"""Checkpoints: all that a run needs to go on, in one file of arrays (minigan/arrays.py), whole or absent.

Version 3, now     the header has "kind", "version" and "config", the shapes and data types of all arrays, and a digest
Version 2          the header has "version" and the number of arrays; still read
Version 1          counted the updates of D and not the batches; refused
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan import arrays as files
from minigan.device import Array, to_host

VERSION = 3
READ = (2, 3)
KIND = "checkpoint"


def save(path: Path, arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> None:
    """Write arrays and JSON numbers. An array with a NaN or infinity raises FloatingPointError and writes nothing."""
    host = {name: to_host(array) for name, array in arrays.items()}
    broken = not_finite(host)
    if broken:
        raise FloatingPointError(f"{', '.join(broken)} hold NaN or infinite values; {path.name} is not written")
    files.write(path, host, {"kind": KIND, "version": VERSION, **numbers})


def not_finite(arrays: Mapping[str, Array]) -> list[str]:
    """The names of the arrays that hold a NaN or an infinity."""
    return [name for name, array in arrays.items() if not np.isfinite(array).all()]


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What `save` wrote. FileNotFoundError; ValueError names the file and what is wrong with it."""
    arrays, header = files.read(path, "checkpoint of minigan")
    version = header.pop("version", None)
    if not isinstance(version, int) or header.pop("kind", KIND) != KIND:
        raise ValueError(f"{path}: not a checkpoint of minigan, or a damaged one (its header names none)")
    if version not in READ:
        known = " and ".join(map(str, READ))
        raise ValueError(f"{path}: checkpoint of version {version}; this minigan reads versions {known}")
    told = header.pop("arrays", None)
    if header.pop("sha256", None) is None and (version > 2 or told != len(arrays)):
        raise ValueError(
            f"{path}: not a checkpoint of minigan, or a damaged one (it has no digest, or has lost arrays)"
        )
    return arrays, header


def require(path: Path, numbers: Mapping[str, Any], **kinds: type) -> None:
    """ValueError lists the numbers of a checkpoint that are missing, or not of the kind that they should be."""
    wrong = [
        f"{name} is {numbers.get(name)!r}, expected {kind.__name__}"
        for name, kind in kinds.items()
        if not isinstance(numbers.get(name), kind) or isinstance(numbers[name], bool)
    ]
    if wrong:
        raise ValueError(f"{path}: not a checkpoint of a run: {'; '.join(wrong)}")


def restore(
    path: Path,
    saved: Mapping[str, np.ndarray],
    arrays: Mapping[str, Array],
    counts: tuple[Mapping[str, Any], Mapping[str, int]] = ({}, {}),
) -> None:
    """Copy the saved arrays into the live ones of their names; ValueError lists all differences and changes nothing.

    counts  those saved, and live ones of the same names, for comparison
    """
    wrong = [f"{name} is missing" for name in arrays.keys() - saved.keys()]
    wrong += [f"{name} is unknown" for name in saved.keys() - arrays.keys()]
    for name in arrays.keys() & saved.keys():
        have, want = saved[name], arrays[name]
        if have.shape != want.shape or have.dtype != want.dtype:
            wrong.append(f"{name} is {have.dtype} {have.shape}, expected {want.dtype} {tuple(want.shape)}")
    have_counts, want_counts = counts
    wrong += [f"the count {name} is missing" for name in want_counts.keys() - have_counts.keys()]
    wrong += [f"the count {name} is unknown" for name in have_counts.keys() - want_counts.keys()]
    wrong += [f"the count {name} is {n!r}" for name, n in have_counts.items() if type(n) is not int]
    if wrong:
        raise ValueError(f"{path}: does not fit this run: " + "; ".join(sorted(wrong)))
    for name, array in arrays.items():
        if isinstance(array, np.ndarray):
            array[...] = saved[name]
        else:
            array.set(saved[name])
