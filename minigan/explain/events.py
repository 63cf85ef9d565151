"""Record: what is noted of a training step, in the order in which it happened."""

from __future__ import annotations

import inspect
import linecache
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.objectives import Objective

HOUSE = Path(__file__).parents[2]  # what files are named from
HERE = str(Path(__file__).parent)
PAIR = (Layer.forward_pair.__code__, Layer.backward_pair.__code__)  # they call forward and backward twice


@dataclass(frozen=True)
class Size:
    """How large an array is: its shape, and the root mean square of its numbers."""

    shape: tuple[int, ...]
    rms: float

    @property
    def length(self) -> float:
        """The Euclidean norm: the root of the sum of squares."""
        return self.rms * math.sqrt(math.prod(self.shape))


def size(array: Any) -> Size:
    """The size of an array on any device; of a pair (image, style), that of the image."""
    array = array[0] if isinstance(array, tuple) else array
    wide = array.astype(np.float64)
    return Size(tuple(array.shape), math.sqrt(float((wide * wide).mean())))


@dataclass(frozen=True)
class Spot:
    """A line of code: its file, named from the folder of the project, the number and the text."""

    file: str
    line: int
    code: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def file_name(path: str) -> str:
    """A file of this project without the folders above it; others as they are."""
    return Path(path).relative_to(HOUSE).as_posix() if Path(path).is_relative_to(HOUSE) else path


def caller() -> Spot:
    """The line outside this folder that called."""
    frame = inspect.currentframe()
    while frame is not None and (frame.f_code.co_filename.startswith(HERE) or frame.f_code in PAIR):
        frame = frame.f_back
    assert frame is not None, "somebody called"
    path, line = frame.f_code.co_filename, frame.f_lineno
    return Spot(file_name(path), line, linecache.getline(path, line).split("  #")[0].strip())


@dataclass(frozen=True)
class Row:
    """One layer in one pass. `out` is None where the gradient of its input was not asked for.

    place    the layer's name in its network, as its parameters have it: "3", "encoder.0"; "" for the network itself
    params   the sizes of the gradients of its parameters, as far as they were asked for
    extra    second-order pass: what it adds to the gradient of its own input; None where it adds nothing
    """

    place: str
    layer: Layer
    into: Size
    out: Size | None
    params: dict[str, Size] = field(default_factory=dict)
    extra: Size | None = None

    @property
    def gain(self) -> float | None:
        """Length of what came out over length of what went in; None where either is missing or zero."""
        return None if self.out is None or self.into.length == 0 else self.out.length / self.into.length


@dataclass
class Sweep:
    """One pass through a network.

    kind    forward, backward, slope (backward for a penalty), twice (second-order, forward through the backward pass),
            back (and what that adds to the gradients of the layers' inputs, backward)
    about   the samples of the forward pass that it belongs to, in words
    """

    network: str
    kind: str
    about: str
    call: Spot
    into: Size
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Loss:
    """A loss and its gradients at D's outputs, by name. `method` is where the objective states them.

    side    whose of the objective's two losses it is: "D" or "G"
    """

    side: str
    objective: Objective
    call: Spot
    method: Spot
    value: float
    gradients: dict[str, Size]


@dataclass
class Penalty:
    """A penalty on D's slope: the passes after it in the record are its own. `value` follows at their end."""

    objective: Objective
    call: Spot
    value: float = math.nan


@dataclass(frozen=True)
class Move:
    """The effect of an update on one parameter."""

    name: str
    weight: Size  # before
    grad: Size
    change: Size


@dataclass(frozen=True)
class Update:
    """An optimizer's step."""

    player: str
    call: Spot
    rule: type  # such as Adam
    moves: list[Move]


@dataclass(frozen=True)
class Aftermath:
    """The objective's changes after D's update: shares of each of D's arrays that it changed, and its own numbers."""

    objective: Objective
    call: Spot
    method: Spot
    changed: dict[str, float]
    numbers: dict[str, tuple[float, float]]  # before and after, where they differ


Event: TypeAlias = Sweep | Loss | Penalty | Update | Aftermath


class Log:
    """The events of a turn, and what the arrays and caches in it are: passes are described by them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._names: list[tuple[Any, str]] = []  # arrays and caches by identity; kept, so that no other takes their id

    def name(self, thing: Any, title: str) -> None:
        """Remember what this array or cache is."""
        self._names.append((thing, title))

    def name_of(self, thing: Any) -> str | None:
        """The label of this very array or cache."""
        return next((title for named, title in reversed(self._names) if named is thing and thing is not None), None)

    def begin(self, network: str, kind: str, about: str, into: Array) -> Sweep:
        """A pass, to which rows are added from now on."""
        sweep = Sweep(network, kind, about, caller(), size(into))
        self.events.append(sweep)
        return sweep

    def add(self, row: Row) -> None:
        """A row of the newest pass."""
        self.sweep.rows.append(row)

    @property
    def sweep(self) -> Sweep:
        """The newest pass."""
        return next(event for event in reversed(self.events) if isinstance(event, Sweep))

    @property
    def in_penalty(self) -> bool:
        """Is a penalty being computed?"""
        last = next((event for event in reversed(self.events) if isinstance(event, Penalty)), None)
        return last is not None and math.isnan(last.value)
