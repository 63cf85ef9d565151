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

LABELS = {"forward": "Forward", "backward": "Backward", "slope": "Backward", "twice": "Twice", "back": "Backward"}


@dataclass(frozen=True)
class Page:
    """A layer's class: its name, its idea, its formulas by label, and its methods by label."""

    name: str
    idea: str
    formulas: dict[str, str]  # Forward, Backward, Twice
    methods: dict[str, list[tuple[str, Spot]]]  # under the same labels: (forward, minigan/layers/linear.py:52)


def page(layer: Layer, labels: Collection[str] = tuple(LABELS.values())) -> Page:
    """The page of a layer; what its docstring leaves out, or has "as" a base class, is taken from its base classes."""
    kind = type(layer)
    pages = [docpages.paragraphs(base) for base in kind.__mro__ if issubclass(base, Layer)]
    references = {f"as {base.__name__}" for base in kind.__mro__}
    shared = docpages.shared_paragraphs(kind, LABELS.values())
    formulas = {}
    for label in (label for label in dict.fromkeys(LABELS.values()) if label in labels):
        written = [paragraphs[label] for paragraphs in pages if label in paragraphs]
        layer_text = next((text for text in written if text not in references), None)
        texts = [text for text in (shared.get(label), layer_text) if text]
        if texts:
            formulas[label] = "\n".join(texts)
    return Page(kind.__name__, docpages.idea(kind), formulas, {label: _methods(kind, label) for label in formulas})


def with_inner(layer: Layer) -> Iterator[Layer]:
    """The layer, and the one that it wraps where it does: formulas of SpectralNorm refer to those of a Linear."""
    yield layer
    inner = getattr(layer, "layer", None)
    if isinstance(inner, Layer):
        yield from with_inner(inner)


def _methods(kind: type[Layer], label: str) -> list[tuple[str, Spot]]:
    """The methods that compute it, with the place where each is written."""
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


def objective_formulas(objective: Objective, labels: tuple[str, ...], method: str) -> list[tuple[str, str]]:
    """The paragraphs under these labels of an objective's page, and of its base classes up to the one that writes
    `method`: (class, text)."""
    formulas = []
    for kind in type(objective).__mro__:
        paragraphs = docpages.paragraphs(kind) if issubclass(kind, Objective) else {}
        formulas += [(kind.__name__, paragraphs[label]) for label in labels if label in paragraphs]
        if method in vars(kind):
            break
    return formulas
