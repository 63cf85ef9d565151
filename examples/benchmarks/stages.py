"""Stages of a measurement that has to end in time: what no longer fits is left out, which is reported."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[1]
Report = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """A part of a measurement: `run(seconds)` gives its findings one by one and ends after so many seconds.

    least, most: seconds below which it is not worth beginning, and that it may take.
    """

    name: str
    least: float
    most: float
    run: Callable[[float], Iterable[Report]]


def play(
    stages: Sequence[Stage],
    budget: float,
    keep: Callable[[Report], object],
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Run the stages one after the other within `budget` seconds; `keep` is given the report after each of them.

    The report holds for every stage its `found`, its `seconds` and, where it did not come to its end, `cut`: why.
    """
    began, report = clock(), {}
    for stage in stages:
        left, started = budget - (clock() - began), clock()
        part: Report = {"found": [], "cut": None}
        report[stage.name] = part
        if left < stage.least:
            part["cut"] = f"it takes {stage.least:.0f} s at least, and {max(0, left):.0f} s were left"
        else:
            try:
                for line in stage.run(min(left, stage.most)):
                    part["found"].append(line)
            except (RuntimeError, OSError) as error:
                part["cut"] = str(error)
        part["seconds"] = round(clock() - started, 1)
        keep(report)
    return report


def answers(command: Sequence[str], seconds: float) -> Iterator[Report]:
    """The lines of JSON that a program prints, each as soon as it is there.

    RuntimeError where it fails, and where it has to be ended because its time is over; what came before holds.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        over = Timer(seconds, process.kill)
        over.start()
        try:
            assert process.stdout is not None and process.stderr is not None
            for line in process.stdout:
                if line.startswith("{"):  # libraries print, too
                    yield json.loads(line)
            errors = process.stderr.read()
        finally:
            late = not over.is_alive()
            over.cancel()
            process.kill()
    if late:
        raise RuntimeError(f"ended after {seconds:.0f} s")
    if process.returncode:
        raise RuntimeError(f"code {process.returncode}: {_last(errors)}")


def worker(script: str, *arguments: str) -> list[str]:
    """The command of one of the programs beside `benchmark.py`."""
    return [sys.executable, str(EXAMPLES / script), *arguments]


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
