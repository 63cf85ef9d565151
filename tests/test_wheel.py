"""A built wheel: one version, all files of the package, and a run from outside the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from minigan.version import __version__

ROOT = Path(__file__).parent.parent
SCRIPT = """
import minigan
from minigan import GAN, Streams, Trainer, data, models, objectives

assert minigan.__version__ == {version!r} and {target!r} in minigan.__file__, minigan.__file__
model = models.get("infogan", Streams(0), width=0.05)
system = GAN(model.G, model.D, objectives.get("nonsaturating"), z_dim=model.z_dim)
trainer = Trainer(system, data.load("mnist-10k"), "own", epochs=0.02, quiet=True)
trainer.train()
print(trainer.finish())
"""


def test_the_version_is_stated_once() -> None:
    states = re.compile(r"""^(__version__|version) *[:=] *["']?\d""", re.MULTILINE)
    files = [ROOT / "setup.cfg", ROOT / "pyproject.toml", *(ROOT / "minigan").rglob("*.py")]
    stating = [path.name for path in files if states.search(path.read_text(encoding="utf-8"))]
    assert stating == ["version.py"]
    assert "version = attr: minigan.version.__version__" in (ROOT / "setup.cfg").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what a wheel is made of, so that the checkout stays as it is."""
    pytest.importorskip("setuptools", minversion="64", reason="building a wheel needs setuptools")
    pytest.importorskip("wheel", reason="building a wheel needs the package wheel; pip install wheel")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    names = subprocess.run(
        ["git", "ls-files", "-z", "minigan", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(source))
    (path,) = out.glob("*.whl")
    return path


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    assert wheel.name == f"minigan-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    tracked = subprocess.run(["git", "ls-files", "minigan"], cwd=ROOT, capture_output=True, text=True, check=True)
    expected = {name for name in tracked.stdout.split() if not name.endswith("README.md") and (ROOT / name).is_file()}
    assert expected - inside == set()
    assert {
        name for name in inside if name.split("/")[0] not in ("minigan", f"minigan-{__version__}.dist-info")
    } == set()


@pytest.mark.slow
def test_what_the_wheel_installs_runs_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    pip("install", "--no-deps", "--target", str(target), str(wheel))
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        # The packages that minigan needs are those of the tests; the installed minigan comes first.
        "PYTHONPATH": os.pathsep.join([str(target), sysconfig.get_path("purelib"), *filter(None, sys.path)]),
        "OPENBLAS_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
    }
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "script.py").write_text(SCRIPT.format(version=__version__, target=str(target)), encoding="utf-8")

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "samples of the trained networks" in run(sys.executable, "script.py")
    thin = ["--model", "dcgan", "--width", "0.05", "--epochs", "0.02", "--out", "run"]
    minigan = [sys.executable, str(target / "bin" / "minigan")]
    assert run(*minigan, "--version").split() == ["minigan", __version__]
    run(*minigan, "train", *thin)
    assert (place / "run" / "samples.png").is_file()
    run(*minigan, "report", "run")  # its style and script are files of the package
    assert (place / "run" / "report.html").is_file()
    assert "study" in run(*minigan, "--help")
