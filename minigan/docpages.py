"""Docpages: what the docstrings of layers and objectives state, paragraph by paragraph.

A labelled paragraph has its label in the first 12 columns and its text after them; further lines of the text are
indented by 12 columns. "D, G" labels the text as that of both.

    Forward     y = x W + b
    D, G        L = mean of both
                over all samples
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Collection

INDENT = 12  # columns of a label


def text(kind: type) -> str:
    """The docstring of a class, without the indentation of the code around it.

    RuntimeError where Python was asked to drop docstrings: a page without its formulas would look like a whole one.
    """
    if sys.flags.optimize > 1:
        raise RuntimeError("formulas stand in docstrings, which python -OO drops: leave out -OO (PYTHONOPTIMIZE=2)")
    return inspect.cleandoc(kind.__doc__ or "")


def idea(kind: type) -> str:
    """Its first paragraph, as one line."""
    return " ".join(text(kind).partition("\n\n")[0].split())


def paragraphs(kind: type) -> dict[str, str]:
    """The labelled paragraphs of a class, label to text."""
    return labelled(text(kind))


def shared_paragraphs(kind: type, labels: Collection[str]) -> dict[str, str]:
    """Those that a module states for all its classes, such as dx = f'(x) · dy, in the indented lines of its docstring.

    The module of the class, or the nearest one of its bases, that has one of these labels; empty where none has.
    """
    for base in kind.__mro__:
        lines = (sys.modules[base.__module__].__doc__ or "").splitlines()
        indented = "\n".join(line for line in lines if line.startswith("    "))
        in_module = labelled(inspect.cleandoc("\n" + indented))
        if in_module.keys() & set(labels):
            return in_module
    return {}


def labelled(page: str) -> dict[str, str]:
    """The labelled paragraphs of a text, label to text."""
    texts: dict[str, list[str]] = {}
    current: list[str] = []
    for line in page.splitlines():
        label, rest = line[:INDENT], line[INDENT:]
        if rest and re.fullmatch(r"\w[\w, ]* {2}", label):
            current = [rest]
            texts |= dict.fromkeys(label.strip().split(", "), current)
        elif rest and not label.strip():
            current.append(rest)
        elif line:
            current = []
    return {label: "\n".join(lines) for label, lines in texts.items()}
