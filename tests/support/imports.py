"""Who imports whom, read from syntax trees: nothing is imported to find out."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

BY_NAME = frozenset({"__import__", "import_module", "importorskip"})


@dataclass(frozen=True)
class Module:
    """One Python file: its dotted name (that of the folder for an `__init__.py`), path and text."""

    name: str
    path: Path
    source: str

    @property
    def package(self) -> str:
        """The package that relative imports count from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Import:
    """One import: the full name of the module and the line; `later` if it does not run when the file is imported."""

    target: str
    line: int
    later: bool = False


def modules_in(folder: Path) -> list[Module]:
    """Every module below a folder; names begin with the folder's own."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path, path.read_text(encoding="utf-8")))
    return found


def imports_of(module: Module, known: Collection[str] = ()) -> list[Import]:
    """Every import of a module, deferred and by-name ones too.

    known: names of modules; they distinguish `from package import module` from `from package import function`.
    """
    found = []
    for node, later in _nodes(ast.parse(module.source)):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno, later) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module.package)
            names = [f"{base}.{alias.name}" for alias in node.names]
            found += [Import(name if name in known else base, node.lineno, later) for name in names]
        elif isinstance(node, ast.Call) and (by_name := _imported_by_name(node)):
            found.append(Import(by_name, node.lineno, later))
    return list(dict.fromkeys(found))


def find_cycle(graph: Mapping[str, Collection[str]]) -> list[str] | None:
    """A way from a module back to itself, first and last being the same; None where there is none."""
    finished: set[str] = set()

    def visit(name: str, way: list[str]) -> list[str] | None:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in finished:
            return None
        for target in graph.get(name, ()):
            if cycle := visit(target, [*way, name]):
                return cycle
        finished.add(name)
        return None

    return next((cycle for name in graph if (cycle := visit(name, []))), None)


def _nodes(node: ast.AST, later: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, with whether it lies in a function or under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        deferred = later or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        deferred = deferred or (isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"))
        yield child, deferred
        yield from _nodes(child, deferred)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    parts = package.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)


def _imported_by_name(call: ast.Call) -> str | None:
    """The X of import_module("X"), __import__("X") or pytest.importorskip("X")."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    first = call.args[0] if call.args else None
    return str(first.value) if called in BY_NAME and isinstance(first, ast.Constant) else None
