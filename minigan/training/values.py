"""Values: what may stand in a field of a Config, and how it is kept there.

Python has more than one kind of whole number, of text and of pair. Config keeps those that JSON has, so that a run
reads the same again: NumPy's numbers and 64.0 where 64 is meant are taken, anything else is refused here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, get_args, get_origin

import numpy as np

from minigan import data
from minigan.data import Dataset
from minigan.device import Device
from minigan.layers import Layer
from minigan.objectives import Objective

WORDS = {int: "an integer", float: "a number", str: "a name", bool: "True or False", dict: "a dict of names and values"}


def taken(name: str, value: Any, kind: Any) -> Any:
    """The value of the field `name`, of the type `kind`, as a Config keeps it; TypeError for any other."""
    value = _plain(name, value)
    if kind == tuple[float, float]:
        if isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value)):
            return tuple(value)
        raise TypeError(f"{name} must be two numbers, got {came(value)}")
    kinds = [get_origin(one) or one for one in (get_args(kind) if get_origin(kind) is not dict else ()) or (kind,)]
    if int in kinds and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not _fits(value, kinds):
        expected = " or ".join(WORDS.get(one, "None") for one in kinds)
        is_object = isinstance(value, Layer | Objective | Dataset)
        way = "; objects train through Trainer(system, data, out)" if is_object else ""
        raise TypeError(f"{name} must be {expected}, got {came(value)}{way}")
    return value


def came(value: Any) -> str:
    """A value and its type, for the end of a message."""
    return f"{' '.join(repr(value).split()):.80} ({type(value).__name__})"


def _fits(value: Any, kinds: list[Any]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, tuple(kinds)) or (float in kinds and isinstance(value, int))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(name: str, value: Any) -> Any:
    """The value in Python's own types, as deep as it goes; a path by its text, absolute."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return value.tolist()
    if isinstance(value, Device):
        return str(value)
    if isinstance(value, os.PathLike):
        return data.lasting(value)
    if isinstance(value, Mapping):
        return {_key(name, key): _plain(name, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(name, inner) for inner in value) if type(value) in (list, tuple) else list(value)
    return value


def _key(name: str, key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the names in {name} must be texts, got {came(key)}")
    return key
