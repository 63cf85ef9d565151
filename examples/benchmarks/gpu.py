"""How long is a step on a GPU? One measurement of at most ten minutes: is it right, how fast is it, and PyTorch?

machine     what this is: its rate of copies and of products, and what it costs the host to launch something
tests       `pytest -m gpu`: without them the times below mean nothing
memcheck    the kernels' tests under compute-sanitizer, where that is installed
minigan     steps launched operation by operation, and recorded ones
torch       PyTorch in its forms (listed in `benchmark_torch_gpu.py`), the one for reference first, the compiler last

Every stage is a process of its own, ends when its time is over, and keeps what it had found by then. After each the
numbers so far are written to --out. The table comes last.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import shutil
import sys
import xml.etree.ElementTree as xml
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from subprocess import TimeoutExpired, run
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from benchmarks import gpu_table, report
from benchmarks.stages import EXAMPLES, Report, Stage, answers, play, worker
from minigan import device
from minigan.atomic import replacing

ROOT = EXAMPLES.parent
MODELS = ("mlp", "dcgan", "dcgan64")
BATCHES = (64, 128)
PRECISIONS = ("float32", "tf32")
FORMS = ("eager", "graph", "fused", "channels_last", "graph_last")  # of PyTorch, but for the compiler


def cases(models: Sequence[str], batches: Sequence[int]) -> str:
    """The cases as a worker gets them, the larger batches first: they are the ones to compare."""
    ordered = sorted(batches, reverse=True)
    return " ".join(f"{m},{b},{precision}" for b in ordered for m in models for precision in PRECISIONS)


def pytest(seconds: float, *options: str, under: Sequence[str] = ()) -> Iterator[Report]:
    """How many tests passed, failed and were skipped, and the names of the failed ones."""
    with TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        command = [*under, sys.executable, "-m", "pytest", "-m", "gpu", "-n", "0", "--junitxml", str(results), *options]
        try:
            done = run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
        except TimeoutExpired as error:
            raise RuntimeError(f"ended after {seconds:.0f} s") from error
        if not results.exists():
            raise RuntimeError(
                f"pytest ended with code {done.returncode}: {(done.stdout + done.stderr)[-300:].strip()}"
            )
        yield {**counted(results.read_text()), "code": done.returncode}
        if done.returncode not in (0, 1):
            raise RuntimeError(f"code {done.returncode}: {done.stdout[-300:].strip()}")


def counted(results: str) -> Report:
    """The contents of pytest's XML: {"passed", "failed", "skipped"} as numbers, "names" of what failed."""
    suite = next(xml.fromstring(results).iter("testsuite"))
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    broken = [test for test in suite.iter("testcase") if any(part.tag in ("failure", "error") for part in test)]
    names = [str(test.get("name")) for test in broken]
    return {"passed": total - skipped - len(broken), "failed": len(broken), "skipped": skipped, "names": names}


def memcheck(seconds: float) -> Iterator[Report]:
    """The kernels' tests, each access of memory checked."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        raise RuntimeError("compute-sanitizer is not installed")
    under = [tool, "--tool", "memcheck", "--error-exitcode", "9"]
    yield from pytest(seconds, "tests/gpu/test_gpu_kernels.py", "-k", "formula", under=under)


def in_turn(script: str, forms: Sequence[str], todo: str, seconds: float) -> Iterator[Report]:
    """The cases in one form after the other, each form with an equal share of the time that is left."""
    end = monotonic() + seconds
    cut = []
    for i, form in enumerate(forms):
        try:
            yield from answers(worker(script, form, todo), max(1.0, (end - monotonic()) / (len(forms) - i)))
        except RuntimeError as error:
            cut.append(f"{form}: {error}")
    if cut:
        raise RuntimeError("; ".join(cut))


def stages(todo: str, *, torch: bool) -> list[Stage]:
    """All stages in order, with the seconds that they need and may take."""
    minigan = "benchmark_minigan_gpu.py"
    listed = [
        Stage("machine", 5, 30, lambda seconds: answers(worker(minigan, "machine", ""), seconds)),
        Stage("tests", 20, 150, pytest),
        Stage("memcheck", 20, 40, memcheck),
        Stage("minigan", 15, 90, partial(in_turn, minigan, ("graph", "eager"), todo)),
    ]
    if torch:
        pytorch = "benchmark_torch_gpu.py"
        listed += [
            Stage("torch", 20, 140, partial(in_turn, pytorch, FORMS, todo)),
            Stage("compile", 30, 140, partial(in_turn, pytorch, ("compile",), todo)),
        ]
    return listed


def measure(options: argparse.Namespace) -> None:
    """Run the stages, keep the report, print the table; RuntimeError where there is no such GPU."""
    on = device.choose(options.device)
    torch = importlib.util.find_spec("torch") is not None
    todo = cases([model for model in options.models if model in MODELS], options.batch or BATCHES)
    about: dict[str, Any] = {"asked": str(on), "host": report.machine(), "versions": report.versions()}

    def keep(done: Report) -> None:
        name, part = list(done.items())[-1]
        print(gpu_table.printed(name, part), flush=True)
        if options.out is not None:
            with replacing(options.out) as file:
                file.write(json.dumps(about | {"stages": done}, indent=2).encode())

    print(f"{report.machine()['cpu']}, Python {platform.python_version()}, at most {options.budget:.0f} s")
    if not torch:
        print("PyTorch is not installed: minigan alone is measured.")
    done = play(stages(todo, torch=torch), options.budget, keep)
    print("\n" + gpu_table.table(done))
