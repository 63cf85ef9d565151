"""Pages: the formulas of layers and objectives as their docstrings state them, and where their methods are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from minigan import docpages
from minigan.explain.events import Spot, file_name
from minigan.layers import Layer
from minigan.objectives import Objective

LABELS = {"forward": "Forward", "backward": "Backward", "slope": "Backward", "third": "Twice", "home": "Backward"}


@dataclass(frozen=True)
class Page:
    """A layer's class: its name, its idea, its formulas by label, and its methods by label."""

    name: str
    idea: str
    formulas: dict[str, str]  # Forward, Backward, Twice
    methods: dict[str, list[tuple[str, Spot]]]  # under the same labels: (forward, minigan/layers/linear.py:52)


def page(layer: Layer, labels: Collection[str] = tuple(LABELS.values())) -> Page:
    """The page of a layer, as far as it is written: what it leaves to its family is taken from there."""
    kind = type(layer)
    own = [docpages.paragraphs(base) for base in kind.__mro__ if issubclass(base, Layer)]
    shared = docpages.shared_paragraphs(kind, LABELS.values())
    formulas = {}
    for label in (label for label in dict.fromkeys(LABELS.values()) if label in labels):
        stated = next((found[label] for found in own if label in found), None)
        texts = [text for text in (shared.get(label), stated) if text]
        if texts:
            formulas[label] = "\n".join(texts)
    return Page(kind.__name__, docpages.idea(kind), formulas, {label: _methods(kind, label) for label in formulas})


def with_inner(layer: Layer) -> Iterator[Layer]:
    """The layer, and the one that it wraps where it does: formulas of SpectralNorm are said in those of a Linear."""
    yield layer
    inner = getattr(layer, "layer", None)
    if isinstance(inner, Layer):
        yield from with_inner(inner)


def _methods(kind: type[Layer], label: str) -> list[tuple[str, Spot]]:
    """The methods that answer, with the place where each is written."""
    if label == "Backward":
        names = ["backward"] if _writes(kind, "backward") else ["input_grad", "param_grads"]
    else:
        names = ["forward"] if label == "Forward" else ["double_backward"]
    return [(name, spot(getattr(kind, name))) for name in names if _writes(kind, name)]


def _writes(kind: type[Layer], name: str) -> bool:
    return getattr(kind, name) is not getattr(Layer, name)


def spot(function: Callable[..., Any]) -> Spot:
    """Where a function begins."""
    code = inspect.unwrap(function).__code__
    return Spot(file_name(code.co_filename), code.co_firstlineno)


def game_formulas(game: Objective, labels: tuple[str, ...], method: str) -> list[tuple[str, str]]:
    """What an objective's page says under these labels, and those of its family up to the class that writes `method`:
    (class, text)."""
    told = []
    for kind in type(game).__mro__:
        found = docpages.paragraphs(kind) if issubclass(kind, Objective) else {}
        told += [(kind.__name__, found[label]) for label in labels if label in found]
        if method in vars(kind):
            break
    return told
