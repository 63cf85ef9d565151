from __future__ import annotations

from pathlib import Path

import pytest
from support.cupy_names import complaints

PACKAGE = Path(__file__).parents[1] / "minigan"
GPU_PAGES = (
    "layers/**/*.py",
    "kernels/**/*.py",
    "objectives/**/*.py",
    "penalties.py",
    "gradcheck.py",
    "optim/**/*.py",
    "models/**/*.py",
    "metrics/**/*.py",
    "training/**/*.py",
    "device.py",
)
# These meet NumPy arrays alone; of metrics, pages that copy what they are given to the host first, and files of
# weights.
CPU_ONLY = (
    "kernels/cpu_*.py",
    "kernels/cpu/**/*.py",
    "metrics/frechet.py",
    "metrics/inception_score.py",
    "metrics/prd.py",
    "metrics/hiding.py",
    "metrics/references.py",
    "metrics/swd.py",
    "metrics/features/lenet.py",
    "metrics/features/resize.py",
    "metrics/features/sanity.py",
    "metrics/features/inception/tensors.py",
    "metrics/captions.py",
    "metrics/hiding.py",
    "metrics/pairs.py",
    "optim/finite.py",
    "training/trainer.py",  # its np.errstate is for losses and gradients on the CPU
    "metrics/captions.py",
    "metrics/hiding.py",
    "metrics/pairs.py",
    "training/trainer.py",
)
# Of arrays on the host alone.
EXCEPTIONS = ("minigan/optim/optimizer.py", "np.errstate")


def gpu_pages(package: Path) -> list[Path]:
    cpu_only = {path for pattern in CPU_ONLY for path in package.glob(pattern)}
    return sorted({path for pattern in GPU_PAGES for path in package.glob(pattern)} - cpu_only)


def test_pages_use_only_what_cupy_has() -> None:
    pages = {path.relative_to(PACKAGE.parent): path.read_text() for path in gpu_pages(PACKAGE)}
    assert pages
    found = [complaint for path, source in pages.items() for complaint in complaints(source, str(path))]
    assert [complaint for complaint in found if not all(part in complaint for part in EXCEPTIONS)] == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("y = np.insert(x, 0, 1)", "cupy has no insert"),
        ("f = np.spacing", "cupy has no spacing"),
        ("y = np.linalg.svdvals(x)", "cupy.linalg has no svdvals"),
        ("y = np.ma.masked", "cupy has no ma"),
        ("y = np.add.reduce(x)", "methods of a few ufuncs"),
        ("np.add.at(x, i, 1)", "methods of a few ufuncs"),
        ("y = np.clip(x, min=0)", "cupy.clip has no keyword min"),
        ("y = np.add(x, x, order='C')", "cupy.add has no keyword order"),
        ("y = np.linalg.norm(x, 2, dim=1)", "cupy.linalg.norm has no keyword dim"),
        ("y = np.zeros(3, like=x)", "cupy.zeros has no keyword like"),
        ("y = np.maximum(x, 0, where=m)", "where="),
        ("np.copyto(x, y, where=m)", "where="),
        ("y = (x + 1).sum(where=m)", "where="),
        ("y = x.max(initial=0)", "cupy.ndarray.max has no keyword initial"),
        ("y = np.sum(x, initial=0)", "cupy.sum has no keyword initial"),
        ("y = np.where(x > 0, x, 0)", "multiply and maximum"),
        ("with np.errstate(all='ignore'): pass", "errstate"),
        ("y = np.random.standard_normal(3)", "passed in"),
        ("rng = np.random.default_rng(0)", "passed in"),
        ("import numpy", "import numpy as np"),
        ("import numpy.linalg as la", "import numpy as np"),
        ("from numpy import tanh", "np.NAME"),
        ("from numpy.linalg import norm", "np.NAME"),
        ("def f(a=np.spacing): pass", "cupy has no spacing"),
        ("y: np.ndarray = np.spacing(x)", "cupy has no spacing"),
        ("def f():\n    return [np.tanh(np.spacing(x)) for x in y]", "cupy has no spacing"),
    ],
)
def test_a_bad_line_is_found(line: str, words: str) -> None:
    found = complaints(line)
    assert len(found) == 1
    assert words in found[0]


def test_a_complaint_names_file_and_line() -> None:
    assert complaints("x = 1\ny = np.spacing(x)", "layers/a.py") == ["layers/a.py:2: np.spacing: cupy has no spacing"]


def test_good_lines_pass() -> None:
    source = """
import numpy as np
from minigan.kernels import where
from numpy.typing import DTypeLike
def f(x: np.ndarray, rng: np.random.Generator, *, dtype=np.float32, **rest) -> np.ma.MaskedArray:
    state: np.random.BitGenerator = rng
    y = np.pad(x, 1, mode="constant", constant_values=0) + np.einsum("ij->i", x, optimize=True)[:, np.newaxis]
    np.add(x, np.tanh(y, **rest), out=y, casting="same_kind")
    z = np.zeros_like(y, shape=(2, 2)).sum(axis=(0, 1), keepdims=True) + np.linalg.norm(x, axis=1)
    np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)
    return where(z, initial=np.finfo(np.float32).eps) if isinstance(x, np.ndarray) else x.clip(min=0, max=np.inf)
"""
    assert complaints(source) == []


def test_cpu_only_kernels_are_not_among_the_pages(tmp_path: Path) -> None:
    names = ("layers/a.py", "kernels/b.py", "kernels/cpu_c.py", "kernels/cpu/d.py", "kernels/cuda/e.py", "cli.py")
    for name in (*names, "metrics/sqrtm/f.py", "metrics/prd.py", "training/g.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in gpu_pages(tmp_path)]
    assert found == ["kernels/b.py", "kernels/cuda/e.py", "layers/a.py", "metrics/sqrtm/f.py", "training/g.py"]


def test_every_exception_is_a_file() -> None:
    assert [name for name in CPU_ONLY if "*" not in name and not (PACKAGE / name).is_file()] == []
