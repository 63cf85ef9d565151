"""Reads a page's syntax tree for what a CuPy array would refuse: names and keywords CuPy lacks, and our own rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np

from support import cupy_api

FORBIDDEN = {
    "random": "draw from the generator that is passed in; np.random may stand in annotations only",
    "where": "write it with multiply and maximum; a choice for every element is slow",
    "errstate": "CuPy never warns and has no errstate; write a form that needs none",
}
REDUCTIONS = frozenset({"all", "any", "argmax", "argmin", "max", "mean", "min", "prod", "std", "sum", "var"})


def complaints(source: str, path: str = "page.py") -> list[str]:
    """The places in this source that would fail on a CuPy array or break a rule for pages, as `path:line: what`."""
    tree = ast.parse(source)
    _drop_annotations(tree)
    found = [*_imports(tree), *_names(tree), *_calls(tree)]
    return [f"{path}:{line}: {what}" for line, what in sorted(set(found))]


def _drop_annotations(tree: ast.AST) -> None:
    """Annotations are not executed, so they may name anything."""
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if hasattr(node, field):
                setattr(node, field, None)


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """NumPy under another name than np would escape the other checks; numpy.typing is for annotations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module != "numpy.typing":
            if str(node.module).split(".")[0] == "numpy":
                yield node.lineno, f"from {node.module} import ...: write np.NAME, so that names can be checked"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "numpy" and (alias.name, alias.asname) != ("numpy", "np"):
                    yield node.lineno, f"import {alias.name}: write `import numpy as np`, so that names can be checked"


def _names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner and (names := _after_np(node)):
            section, name, rest = _resolve(names)
            full = ".".join(["np", *names])
            if names[0] in FORBIDDEN:
                yield node.lineno, f"{full}: {FORBIDDEN[names[0]]}"
            elif complaint := cupy_api.complaint(section, name):
                yield node.lineno, f"{full}: {complaint}"
            elif rest and isinstance(getattr(np, name, None), np.ufunc):
                yield node.lineno, f"{full}: CuPy has the methods of a few ufuncs only"


def _calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            keywords = [keyword.arg for keyword in node.keywords if keyword.arg]
            names = _after_np(node.func)
            if names:
                section, name, _ = _resolve(names)
            elif node.func.attr in REDUCTIONS:
                section, name = "cupy.ndarray", node.func.attr
            else:
                continue
            if "where" in keywords:
                yield node.lineno, f"{name}(where=...): masks are not for pages, and CuPy has none in ufuncs and sums"
            elif name in cupy_api.API.get(section, {}) and (complaint := cupy_api.complaint(section, name, keywords)):
                yield node.lineno, complaint


def _after_np(node: ast.expr) -> list[str]:
    """["linalg", "norm"] for np.linalg.norm; nothing for what does not begin with np."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return names if isinstance(node, ast.Name) and node.id == "np" else []


def _resolve(names: list[str]) -> tuple[str, str, list[str]]:
    """The snapshot's section, the name in it, and the attributes that follow."""
    for length in range(len(names) - 1, 0, -1):
        section = ".".join(["cupy", *names[:length]])
        if section in cupy_api.API and section != "cupy.ndarray":
            return section, names[length], names[length + 1 :]
    return "cupy", names[0], names[1:]
