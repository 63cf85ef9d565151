"""Checkpoints: named arrays and a few numbers in one .npz file, without pickle, whole or absent."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan.atomic import replacing
from minigan.device import Array, to_host

VERSION = 2
_META = "minigan"  # the array that holds the numbers, as JSON text
# What reading a damaged or foreign file may end in; zipfile raises RuntimeError for features that no checkpoint uses.
_DAMAGED = (ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, RuntimeError)


def save(path: Path, arrays: Mapping[str, Array], numbers: Mapping[str, Any]) -> None:
    """Write arrays and JSON numbers. An array with a NaN or infinity raises FloatingPointError and writes nothing."""
    host = {name: to_host(array) for name, array in arrays.items()}
    broken = not_finite(host)
    if broken:
        raise FloatingPointError(f"{', '.join(broken)} hold NaN or infinite values; {path.name} is not written")
    meta = np.array(json.dumps({"version": VERSION, "arrays": len(host), **numbers}))
    with replacing(path) as file:
        np.savez(file, **{_META: meta}, **host)  # type: ignore[arg-type]


def not_finite(arrays: Mapping[str, Array]) -> list[str]:
    """The names of the arrays that hold a NaN or an infinity."""
    return [name for name, array in arrays.items() if not np.isfinite(array).all()]


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What `save` wrote. ValueError names the file and what is wrong with it."""
    try:
        with open(path, "rb") as stream:
            if not zipfile.is_zipfile(stream):
                raise ValueError("it is no .npz archive")  # NumPy would take it for a pickle and say so
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        numbers = json.loads(str(arrays.pop(_META)))
        version = numbers.pop("version")
    except FileNotFoundError:
        raise
    except (*_DAMAGED, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: not a checkpoint of minigan, or a damaged one ({error})") from error
    if version != VERSION:
        raise ValueError(f"{path}: checkpoint of version {version}; this minigan reads version {VERSION}")
    if numbers.pop("arrays", None) != len(arrays):
        raise ValueError(f"{path}: not a checkpoint of minigan, or a damaged one (it has lost arrays)")
    return arrays, numbers


def restore(path: Path, saved: Mapping[str, np.ndarray], arrays: Mapping[str, Array]) -> None:
    """Copy the saved arrays into the live ones of their names; ValueError lists all differences and changes nothing."""
    wrong = [f"{name} is missing" for name in arrays.keys() - saved.keys()]
    wrong += [f"{name} is unknown" for name in saved.keys() - arrays.keys()]
    for name in arrays.keys() & saved.keys():
        have, want = saved[name], arrays[name]
        if have.shape != want.shape or have.dtype != want.dtype:
            wrong.append(f"{name} is {have.dtype} {have.shape}, expected {want.dtype} {tuple(want.shape)}")
    if wrong:
        raise ValueError(f"{path}: does not fit this run: " + "; ".join(sorted(wrong)))
    for name, array in arrays.items():
        if isinstance(array, np.ndarray):
            array[...] = saved[name]
        else:
            array.set(saved[name])
