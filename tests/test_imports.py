from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from support.imports import Import, Module, find_cycle, imports_of, modules_in

ROOT = Path(__file__).parents[1]
PACKAGE, EXAMPLES, TESTS = (modules_in(ROOT / folder) for folder in ("minigan", "examples", "tests"))
KNOWN = {module.name for module in PACKAGE}

# A room is a module or package directly inside minigan; `__init__` is minigan itself. Three rings: the book, which
# shows how it works; the engine, which makes it fast; the tools, which make it usable.
BOOK: dict[str, set[str]] = {
    "device": set(),
    "random": set(),
    "init": {"device", "random"},
    "kernels": {"device", "random"},
    "layers": {"device", "init", "kernels", "random"},
    "optim": {"device", "kernels", "random"},
    "losses": {"device", "kernels", "layers", "metrics"},
    "penalties": {"device", "kernels", "layers", "random"},
    "models": {"device", "init", "layers", "random"},
    "objectives": {"device", "init", "kernels", "layers", "models", "penalties", "random"},
    "gradcheck": {"device", "layers", "optim"},
}
MAY_SEE: dict[str, set[str]] = {
    **BOOK,
    "atomic": set(),
    "arrays": {"atomic", "foreign"},
    "version": set(),
    "parallel": set(),
    "places": set(),
    "docpages": set(),
    "foreign": set(),
    "html": set(),
    "plots": {"atomic"},
    "data": {"arrays", "atomic", "device", "foreign", "parallel", "places", "random"},
    "metrics": {
        "arrays",
        "atomic",
        "data",
        "device",
        "foreign",
        "init",
        "layers",
        "parallel",
        "places",
        "random",
        "version",
    },
}
# A system is a page of the book that stands on the base classes of training.
MAY_SEE["systems"] = {*MAY_SEE, "training"}
MAY_SEE["engine"] = {*BOOK, "training"}
TOOLS = {*MAY_SEE, "training", "runs", "watch", "engine"}
MAY_SEE |= {room: {*TOOLS} for room in ("training", "runs", "watch", "scoring", "report", "study")}
MAY_SEE["report"] |= {"scoring", "styles"}
MAY_SEE["styles"] = {*TOOLS, "scoring", "html"}
MAY_SEE["lab"] = {*TOOLS, "docpages", "explain", "report", "scoring", "styles"}
MAY_SEE["exchange"] = {"atomic", "device", "foreign", "layers", "scoring", "training", "runs"}
MAY_SEE["objective_cards"] = {"docpages", "objectives", "training"}
MAY_SEE["explain"] = {
    "atomic",
    "data",
    "device",
    "docpages",
    "html",
    "layers",
    "models",
    "objectives",
    "optim",
    "random",
    "training",
    "engine",
}
MAY_SEE["checks"] = {*MAY_SEE, "__init__"}
MAY_SEE["__init__"] = {*MAY_SEE}
MAY_SEE["cli"] = {*MAY_SEE}
MAY_SEE["__main__"] = {*MAY_SEE}

CUPY = {"cupy", "cupyx", "cupy_backends"}
AUTOGRAD = {
    "autograd",
    "chainer",
    "flax",
    "haiku",
    "jax",
    "keras",
    "lightning",
    "mindspore",
    "mxnet",
    "optax",
    "paddle",
}
AUTOGRAD |= {"equinox", "pytensor", "pytorch_lightning", "tensorflow", "theano", "tinygrad", "torch", "torchvision"}
HEAVY = {"PIL", "cupy", "matplotlib", "pooch", "safetensors", "scipy"}


def room(name: str) -> str:
    return [*name.split("."), "__init__"][1]


def may_import(module: Module, target: str) -> bool:
    folder, own_room = module.name.split(".")[0], room(module.name)
    top = target.split(".")[0]
    if top in AUTOGRAD:
        return module.name.startswith("examples.benchmark_torch")
    if folder == "tests":
        return True
    if top in CUPY:
        return own_room == "device" or module.name.startswith("minigan.kernels.cuda.")
    if top == "minigan" and folder == "minigan":
        return room(target) in {own_room, *MAY_SEE.get(own_room, ())}
    return top not in {"examples", "tests", "support"} and room(target) != "cli"


def too_early(module: Module, found: Import) -> bool:
    """Does the package ask for CuPy as soon as it is imported? Most machines have none."""
    return module.name.startswith("minigan.") and found.target.split(".")[0] in CUPY and not found.later


def forbidden_imports(module: Module, known: Collection[str]) -> list[str]:
    """Each import that the table or the lists above do not allow, with its line."""
    found = [i for i in imports_of(module, known) if not may_import(module, i.target) or too_early(module, i)]
    return [f"{module.name}:{i.line} may not import {i.target}" for i in found]


def test_every_module_belongs_to_a_room_of_the_table() -> None:
    assert {room(name) for name in KNOWN} - set(MAY_SEE) == set()


def test_rooms_import_only_what_they_may_see() -> None:
    assert [complaint for module in PACKAGE for complaint in forbidden_imports(module, KNOWN)] == []


def test_examples_and_tests_use_no_autograd_and_examples_import_no_command_line() -> None:
    assert [complaint for module in EXAMPLES + TESTS for complaint in forbidden_imports(module, KNOWN)] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module.name: [i.target for i in imports_of(module, KNOWN) if i.target in KNOWN and not i.later]
        for module in PACKAGE
    }
    assert find_cycle(graph) is None


def test_importing_minigan_loads_nothing_heavy() -> None:
    command = [sys.executable, "-c", "import sys, minigan; print(*sys.modules)"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "minigan" in loaded
    assert loaded & HEAVY == set()


# Refuses the named packages, as on a machine that has none of them.
WITHOUT = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


def without(packages: Collection[str], source: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT + source, *packages]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_minigan_works_where_the_optional_packages_are_missing() -> None:
    use = "import minigan, minigan.layers\nprint(minigan.layers.Tanh(), minigan.Adam, minigan.Trainer)"
    done = without(HEAVY, use)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Tanh()")
    assert "No module named 'numpy'" in without(["numpy"], use).stderr


def test_exchange_and_plots_are_imported_on_first_use() -> None:
    use = "import minigan\nloaded = 'minigan.exchange' in sys.modules\nprint(loaded, minigan.exchange, minigan.plots)"
    assert without([], use).stdout.startswith("False <module 'minigan.exchange' from ")
    assert "No module named 'safetensors'" in without(["safetensors"], use).stderr
    assert "module 'minigan' has no attribute 'exhcange'" in without([], "import minigan; minigan.exhcange").stderr


def module(name: str, source: str) -> Module:
    return Module(name, Path(name.replace(".", "/") + ".py"), source)


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("minigan.device", "import minigan.random", "minigan.random"),
        ("minigan.layers.conv", "from minigan.device import Array\nfrom minigan import optim", "minigan.optim"),
        ("minigan.layers.conv", "def f():\n    from ..training import steps", "minigan.training"),
        ("minigan.layers.conv", "import minigan", "minigan"),
        ("minigan.layers.conv", "from .. import Linear", "minigan"),
        (
            "minigan.models.mlp",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import minigan.data",
            "minigan.data",
        ),
        ("minigan.plots.grids", "from minigan.device import Array", "minigan.device"),
        ("minigan.runs.folder", "from minigan.cli import main", "minigan.cli"),
        ("minigan.runs.folder", "from minigan import checks", "minigan.checks"),
        ("minigan.runs.folder", "import importlib\nimportlib.import_module('minigan.cli')", "minigan.cli"),
        ("minigan.checks", "import minigan.cli", "minigan.cli"),
        ("minigan.attic", "import minigan.device", "minigan.device"),
        ("minigan.cli", "import examples.mnist_gan", "examples.mnist_gan"),
        ("minigan.cli", "from tests import conftest", "tests"),
        ("minigan.data.idx", "from support import strict", "support"),
        ("minigan.kernels.general", "import cupy as cp", "cupy"),
        ("minigan.kernels.cuda.launch", "import cupy", "cupy"),
        ("minigan.layers.conv", "from cupyx.scipy import special", "cupyx.scipy"),
        ("minigan.gradcheck", "import torch.nn", "torch.nn"),
        ("minigan.gradcheck", "__import__('jax')", "jax"),
        ("examples.mnist_gan", "from minigan.cli import main", "minigan.cli"),
        ("examples.mnist_gan", "import torch", "torch"),
        ("tests.test_conv", "import pytest\ntorch = pytest.importorskip('torch')", "torch"),
    ],
)
def test_a_forbidden_import_is_found(name: str, source: str, target: str) -> None:
    found = forbidden_imports(module(name, source), {"minigan", "minigan.optim", "minigan.checks"})
    assert found == [f"{name}:{len(source.splitlines())} may not import {target}"]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("minigan.layers.conv", "import numpy as np\nfrom minigan.kernels import match\nfrom .layer import Layer"),
        ("minigan.runs.folder", "from minigan.data import load\nimport minigan.optim"),
        ("minigan.device", "def f():\n    import cupy"),
        ("minigan.kernels.cuda.launch", "def f():\n    import cupy"),
        ("minigan.cli", "import minigan\nfrom minigan.runs.folder import Run\nfrom minigan import checks"),
        ("minigan.__main__", "from minigan.cli import main"),
        ("examples.mnist_gan", "import minigan\nfrom minigan.layers import Linear"),
        ("examples.benchmark_torch", "import torch, minigan"),
        ("tests.test_cli", "from minigan import cli\nimport cupy"),
    ],
)
def test_an_allowed_import_passes(name: str, source: str) -> None:
    assert forbidden_imports(module(name, source), {"minigan", "minigan.checks"}) == []


def test_imports_are_given_their_full_names() -> None:
    source = "import os.path\nfrom . import b, f\nfrom ..x import g\ndef later():\n    import c\n"
    found = imports_of(module("minigan.layers.a", source), known={"minigan.layers.b"})
    assert [(i.target, i.line, i.later) for i in found] == [
        ("os.path", 1, False),
        ("minigan.layers.b", 2, False),
        ("minigan.layers", 2, False),
        ("minigan.x", 3, False),
        ("c", 5, True),
    ]


def test_relative_imports_of_a_package_count_from_the_package() -> None:
    package = Module("minigan.layers", Path("minigan/layers/__init__.py"), "from .conv import Conv2d")
    assert [i.target for i in imports_of(package)] == ["minigan.layers.conv"]


def test_modules_are_found_with_their_names(tmp_path: Path) -> None:
    for name in ("p/__init__.py", "p/a.py", "p/q/__init__.py", "p/q/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [found.name for found in modules_in(tmp_path / "p")] == ["p", "p.a", "p.q", "p.q.b"]


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, None),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
        ({"a": ["a"]}, ["a", "a"]),
    ],
)
def test_a_cycle_is_found(graph: dict[str, list[str]], cycle: list[str] | None) -> None:
    assert find_cycle(graph) == cycle
