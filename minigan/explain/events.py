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

HOUSE = Path(__file__).parents[2]  # what files are named from
HERE = str(Path(__file__).parent)


@dataclass(frozen=True)
class Size:
    """How large an array is: its shape, and the root mean square of its numbers."""

    shape: tuple[int, ...]
    rms: float

    @property
    def length(self) -> float:
        """The Euclidean norm: the root of the sum of squares."""
        return self.rms * math.sqrt(math.prod(self.shape))


def size(array: Array) -> Size:
    """The size of an array on any device."""
    wide = array.astype(np.float64)
    return Size(tuple(array.shape), math.sqrt(float((wide * wide).mean())))


@dataclass(frozen=True)
class Spot:
    """A line of code: its file, named from the house, the number and the text."""

    file: str
    line: int
    code: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def file_name(path: str) -> str:
    """A file of the house without the way to it; others as they are."""
    return Path(path).relative_to(HOUSE).as_posix() if Path(path).is_relative_to(HOUSE) else path


def caller() -> Spot:
    """The line outside this room that asked."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(HERE):
        frame = frame.f_back
    assert frame is not None, "somebody called"
    path, line = frame.f_code.co_filename, frame.f_lineno
    return Spot(file_name(path), line, linecache.getline(path, line).split("  #")[0].strip())


@dataclass(frozen=True)
class Row:
    """What one layer did in one sweep. `out` is None where nobody wanted the gradient of its input.

    place    the layer's name in its network, as its parameters have it: "3", "encoder.0"; "" for the network itself
    params   the sizes of the gradients of its parameters, as far as they were asked
    owed     third sweep: what it owes its own input; None where it owes nothing
    """

    place: str
    layer: Layer
    into: Size
    out: Size | None
    params: dict[str, Size] = field(default_factory=dict)
    owed: Size | None = None

    @property
    def gain(self) -> float | None:
        """Length of what came out over length of what went in; None where there was nothing to lengthen."""
        return None if self.out is None or self.into.length == 0 else self.out.length / self.into.length


@dataclass
class Sweep:
    """One way through a network.

    kind    forward, backward, slope (backward for a penalty), third (up through the backward sweep), home (down again)
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
    """A player's loss and the gradients at D's outputs, by name. `method` is where the objective states them."""

    player: str
    call: Spot
    method: Spot
    value: float
    gradients: dict[str, Size]


@dataclass
class Penalty:
    """A penalty on D's slope: the sweeps behind it in the record are its own. `value` is known at their end."""

    call: Spot
    value: float = math.nan


@dataclass(frozen=True)
class Move:
    """What an update did to one parameter."""

    name: str
    weight: Size  # before
    grad: Size
    change: Size


@dataclass(frozen=True)
class Update:
    """An optimizer's step."""

    player: str
    call: Spot
    rule: str  # such as Adam
    moves: list[Move]


@dataclass(frozen=True)
class Aftermath:
    """What the objective did behind D's update: shares of each of D's arrays that it changed, and its own numbers."""

    call: Spot
    method: Spot
    changed: dict[str, float]
    numbers: dict[str, tuple[float, float]]  # before and after, where they differ


Event: TypeAlias = Sweep | Loss | Penalty | Update | Aftermath


class Log:
    """The events of a step, and which arrays and caches have been seen: a sweep is told by what it was asked about."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._known: list[tuple[Any, str]] = []  # arrays and caches by identity; kept, so that no other takes their id

    def name(self, thing: Any, words: str) -> None:
        """Remember what this array or cache is."""
        self._known.append((thing, words))

    def words(self, thing: Any) -> str | None:
        """What this very array or cache is called."""
        return next((words for known, words in reversed(self._known) if known is thing and thing is not None), None)

    def begin(self, network: str, kind: str, about: str, into: Array) -> Sweep:
        """A sweep, to which rows are added from now on."""
        sweep = Sweep(network, kind, about, caller(), size(into))
        self.events.append(sweep)
        return sweep

    def add(self, row: Row) -> None:
        """A row of the sweep under way."""
        self.sweep.rows.append(row)

    @property
    def sweep(self) -> Sweep:
        """The newest sweep."""
        return next(event for event in reversed(self.events) if isinstance(event, Sweep))

    @property
    def in_penalty(self) -> bool:
        """Is a penalty being worked out?"""
        last = next((event for event in reversed(self.events) if isinstance(event, Penalty)), None)
        return last is not None and math.isnan(last.value)
