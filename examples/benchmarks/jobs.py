"""The jobs of a benchmark: what is measured, on which sides, about how long that takes; and the measuring itself."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import growth, memory, report
from benchmarks.cases import MODELS, PEAK, PEAK_BATCH, Kernel, is_step, model
from benchmarks.line import ALONE, OURS, PYTORCH, measure, workers
from minigan.atomic import replacing

START = {OURS: 1.0, ALONE: 1.0, PYTORCH[0]: 4.0, PYTORCH[1]: 4.0}  # seconds, about, until a worker is ready
Job = tuple[str, int]  # a model or kernel, and its batch


def jobs(options: argparse.Namespace) -> list[Job]:
    """Names and batches, in order."""
    if options.layer:
        return [(name, batch) for name in options.kernels for batch in options.batch or (64,)]
    if options.growth:
        return growth.jobs([name for name in options.models if name in growth.GROWING])
    return [(name, batch) for name in options.models for batch in options.batch or MODELS[name].batches]


def sides_of(name: str, sides: Sequence[str]) -> list[str]:
    """Those of the sides that have the case: not every step has an official example."""
    return [side for side in sides if side != PYTORCH[0] or not is_step(name) or model(name).example]


def work(job: Job, measured: dict[str, Any]) -> tuple[float, str]:
    """The content of one step of a job, and the unit."""
    name, batch = job
    return (measured["tally"]["flops"], "FLOP") if is_step(name) else Kernel.named(name).work(batch)


def peak(threads: int) -> float:
    """Operations per second of the best of ten large products."""
    with workers([OURS], threads) as (worker,):
        worker.ask("use", PEAK.name, PEAK_BATCH)
        best = min(worker.ask("run", 1) for _ in range(10))
    return PEAK.work(PEAK_BATCH)[0] / best


def estimate(todo: Sequence[Job], options: argparse.Namespace, sides: Sequence[str], rate: float) -> float:
    """About how many seconds it takes: blocks, or steps at a third of the peak where those are longer."""
    seconds = 0.0 if not options.layer else sum(START[side] for side in sides)
    for name, batch in todo:
        here = sides_of(name, sides)
        step = 3e9 * model(name).gigaflops * batch / rate if is_step(name) else 0.0
        blocks = memory.STEPS * step if options.memory else (options.blocks + 0.5) * max(options.seconds, step)
        seconds += len(here) * (blocks + 2 * step)
        seconds += 0.0 if options.layer else sum(START[side] for side in here)
    return seconds


def measured_rows(
    todo: Sequence[Job], options: argparse.Namespace, sides: Sequence[str], rate: float, bar: tqdm
) -> Iterator[list[report.Row]]:
    """The rows of each job; fresh workers for each model, the same for all kernels."""

    def show(text: str) -> None:
        bar.set_description(text)
        bar.update()

    groups = [todo] if options.layer else [[job] for job in todo]
    for group in groups:
        bar.set_description(f"{group[0][0]}: starting the workers")
        here = sides_of(group[0][0], sides)
        if options.memory:
            yield list(memory.rows_of(*group[0], here, options.threads, options.same_noise))
            continue
        with workers(here, options.threads, options.same_noise, options.clock) as crew:
            for job in group:
                measured = measure(crew, *job, options.blocks, options.seconds, show)
                yield report.rows_of(*job, measured, work(job, measured), rate)


def conditions(options: argparse.Namespace) -> dict[str, Any]:
    """The facts that the numbers of one file have in common."""
    about = {"machine": {name: report.machine()[name] for name in ("cpu", "cores")}, "versions": report.versions()}
    return about | {"threads": options.threads, "same_noise": options.same_noise, "clock": options.clock}


def kept(path: Path, common: dict[str, Any]) -> list[report.Row]:
    """The rows that a file holds already; ValueError where they were measured under other conditions."""
    if not path.exists():
        return []
    stored = json.loads(path.read_text())
    for name, value in common.items():
        if stored.get(name) != value:
            raise ValueError(
                f"--out {path} holds numbers with {name} {stored.get(name)}, now {value}: name another file"
            )
    rows: list[report.Row] = stored["rows"]
    return rows


def write(path: Path, common: dict[str, Any], rows: Sequence[report.Row]) -> None:
    """Add rows to a file; they replace older ones of the same cases."""
    new = {(row["name"], row["batch"]) for row in rows}
    older = [row for row in kept(path, common) if (row["name"], row["batch"]) not in new]
    with replacing(path) as file:
        file.write((json.dumps(common | {"rows": [*older, *rows]}, indent=1) + "\n").encode())
