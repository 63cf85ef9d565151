"""Checkpoints: all that a run needs to continue, in one file of arrays (minigan/arrays.py), whole or absent.

Version 4, now     arrays are named after their player: "D/0.weight", "D_optimizer/m/0.weight", "G_average/0.weight"
Version 3          had "d_optimizer/", "average/" and "objective/" in their place; read, and renamed
Version 2          as 3, but its header has the number of arrays and no digest; read as well
Version 1          counted the updates of D and not the batches; refused
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan import arrays as files
from minigan.device import Array, to_host

VERSION = 4
READ = (2, 3, 4)
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
    """Load what `save` wrote. FileNotFoundError; ValueError names the file and what is wrong with it."""
    arrays, header = files.read(path, "checkpoint of minigan")
    version = header.pop("version", None)
    if not isinstance(version, int) or header.pop("kind", KIND) != KIND:
        raise ValueError(f"{path}: not a checkpoint of minigan, or a damaged one (its header names none)")
    if version not in READ:
        known = f"{', '.join(map(str, READ[:-1]))} and {READ[-1]}"
        raise ValueError(f"{path}: checkpoint of version {version}; this minigan reads versions {known}")
    stated = header.pop("arrays", None)
    if header.pop("sha256", None) is None and (version > 2 or stated != len(arrays)):
        raise ValueError(
            f"{path}: not a checkpoint of minigan, or a damaged one (it has no digest, or has lost arrays)"
        )
    return _present(arrays, header) if version < 4 else (arrays, header)


# Parts of names in versions 2 and 3, and what they are called now.
OLD = {
    "d_optimizer": "D_optimizer",
    "g_optimizer": "G_optimizer",
    "average": "G_average",
    "objective": "saved/objective",
}


def _present(arrays: dict[str, np.ndarray], numbers: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and numbers of versions 2 and 3 under their present names."""
    counts = numbers.get("counts")
    if not isinstance(counts, dict):
        return arrays, numbers  # whoever needs them refuses
    # What an objective counted is an array now.
    counted = {name for name, n in counts.items() if name.startswith("objective/") and type(n) is int}
    arrays = {**arrays, **{name: np.array(counts[name], np.int64) for name in counted}}
    counts = {_renamed(name): n for name, n in counts.items() if name not in counted}
    return {_renamed(name): array for name, array in arrays.items()}, {**numbers, "counts": counts}


def _renamed(name: str) -> str:
    first, slash, rest = name.partition("/")
    return OLD.get(first, first) + slash + rest


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
