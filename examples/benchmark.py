"""How long is one GAN step? minigan beside PyTorch, on the CPU or on a GPU.

    python examples/benchmark.py                            all models, all cores
    python examples/benchmark.py --models mlp --threads 1   one model, one thread
    python examples/benchmark.py --layer correlate adam     single kernels, whose names begin so; "all" for all
    python examples/benchmark.py --out speed.json           the same numbers for a program, and every block's seconds
    python examples/benchmark.py --device cuda              on a GPU, tests included, in ten minutes at most

A step is one update of D and one of G (Adam, float32, noise drawn inside). Every side runs in a process of its own,
because two BLAS thread pools in one process disturb each other. The sides take turns in blocks, and a ratio compares
two neighbouring blocks, so that whatever else the machine does hits both. Printed are medians, with the least and the
greatest value in brackets. Ratios below 1: minigan is faster.

Share in products: how much of a step its busiest thread spends inside np.matmul, seen in extra steps that are not
timed. Of peak: the operations in those products, by what the machine would do in that time at the best rate of a
large product on as many threads. Memory: by how much the process's peak has grown since its imports.

minigan uses its threads as a run does; single kernels give them to BLAS. A run generates new samples for each update,
unless it has --same-noise; the PyTorch sides generate once for both, as the official example does. With several
threads, minigan on one of them is a side, too: its ratio shows what the others are worth. The PyTorch sides
(described in `benchmark_torch.py`) are left out where PyTorch is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import gpu, report
from benchmarks.cases import MODELS, PEAK, PEAK_BATCH, Kernel, chosen
from benchmarks.line import ALONE, OURS, PYTORCH, measure, workers
from tqdm import tqdm

from minigan.atomic import replacing

START = {OURS: 1.0, ALONE: 1.0, "torch-example": 4.0, "torch-tuned": 4.0}  # seconds, about, until a worker is ready
BUSY = 0.5  # load from which a word of warning is due
Job = tuple[str, int]  # a model or kernel, and its batch


def flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The jobs to measure; bad flags end the program here, before anything is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--models", nargs="+", choices=tuple(MODELS), default=tuple(MODELS))
    what.add_argument("--layer", nargs="+", metavar="NAME", help='single kernels whose names begin so, or "all"')
    parser.add_argument("--batch", nargs="+", type=int, help="instead of 64, and 128 too for the mlp")
    parser.add_argument("--threads", type=int, default=report.cores(), help="of each side (default: all cores)")
    parser.add_argument("--blocks", type=int, default=9, help="blocks of each side (default 9)")
    parser.add_argument("--seconds", type=float, help="length of a block (default 0.5, for kernels 0.1)")
    parser.add_argument("--sides", nargs="+", choices=PYTORCH, default=PYTORCH, help="PyTorch's forms to compare with")
    parser.add_argument(
        "--same-noise", action="store_true", help="minigan, too, generates once for both updates of a step"
    )
    parser.add_argument("--markdown", action="store_true", help="also print the table as Markdown")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda: another measurement (benchmarks/gpu.py)")
    parser.add_argument("--budget", type=float, default=570, help="seconds that it may take on a GPU (default 570)")
    options = parser.parse_args(arguments)
    if min(options.threads, options.blocks, *(options.batch or ())) < 1:
        parser.error("--batch, --threads and --blocks must be at least 1")
    options.seconds = (0.1 if options.layer else 0.5) if options.seconds is None else options.seconds
    if not 0 < options.seconds < math.inf:
        parser.error(f"--seconds must be positive, got {options.seconds}")
    if not 0 < options.budget < math.inf:
        parser.error(f"--budget must be positive, got {options.budget}")
    if options.device != "cpu" and options.layer:
        parser.error("--layer measures single kernels of the CPU; leave out --device")
    if options.out is not None and (options.out.is_dir() or not options.out.parent.is_dir()):
        parser.error(f"--out {options.out}: a file in a folder that exists is needed")
    try:
        options.kernels = [kernel.name for kernel in chosen(options.layer or ())]
    except ValueError as error:
        parser.error(str(error))
    return options


def jobs(options: argparse.Namespace) -> list[Job]:
    """Names and batches, in order."""
    if options.layer:
        return [(name, batch) for name in options.kernels for batch in options.batch or (64,)]
    return [(name, batch) for name in options.models for batch in options.batch or MODELS[name].batches]


def work(job: Job, measured: dict[str, Any]) -> tuple[float, str]:
    """The content of one step of a job, and the unit."""
    name, batch = job
    return (measured["tally"]["flops"], "FLOP") if name in MODELS else Kernel.named(name).work(batch)


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
        step = 3e9 * MODELS[name].gigaflops * batch / rate if name in MODELS else 0.0
        seconds += len(sides) * ((options.blocks + 0.5) * max(options.seconds, step) + 2 * step)
        seconds += 0.0 if options.layer else sum(START[side] for side in sides)
    return seconds


def measured_jobs(
    todo: Sequence[Job], options: argparse.Namespace, sides: Sequence[str], bar: tqdm
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Each job with what was measured; fresh workers for each model, the same for all kernels."""

    def show(text: str) -> None:
        bar.set_description(text)
        bar.update()

    groups = [todo] if options.layer else [[job] for job in todo]
    for group in groups:
        bar.set_description(f"{group[0][0]}: starting the workers")
        with workers(sides, options.threads, options.same_noise) as crew:
            for job in group:
                yield job, measure(crew, *job, options.blocks, options.seconds, show)


def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    ours = [OURS, ALONE] if options.threads > 1 and not options.layer else [OURS]
    sides, todo = [*ours, *dict.fromkeys(options.sides)], jobs(options)
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: minigan alone is measured.")
        sides = ours
    machine, rate = report.machine(), peak(options.threads)
    print(f"{machine['cpu']}, {machine['cores']} core(s), Python {platform.python_version()}")
    if machine["load"] is not None and machine["load"] > BUSY:
        print(f"Other programs are at work here (load {machine['load']:.1f}): times, and ratios of all cores, mislead.")
    print(f"{options.threads} thread(s); the best product of minigan's BLAS: {rate / 1e9:.0f} GFLOP/s")
    minutes = estimate(todo, options, sides, rate) / 60
    print(f"{len(todo)} case(s), {len(sides)} side(s): about {max(0.1, minutes):.1f} minutes\n")
    print(report.KERNELS if options.layer else report.STEPS, flush=True)
    rows: list[report.Row] = []
    with tqdm(total=len(todo) * options.blocks * len(sides), disable=None, leave=False, unit="block") as bar:
        for job, measured in measured_jobs(todo, options, sides, bar):
            rows += report.rows_of(*job, measured, work(job, measured), rate)
            bar.write("\n".join(map(report.line, rows[-len(sides) :])))
            sys.stdout.flush()
    print("", *(f"{row['side']}: {row['library']}, {row['threads']} thread(s)" for row in rows[: len(sides)]), sep="\n")
    if options.markdown:
        print("\n" + report.markdown(rows))
    if options.out is not None:
        about = {"machine": machine, "versions": report.versions(), "peak_flops": rate}
        about |= {"threads": options.threads, "same_noise": options.same_noise}
        with replacing(options.out) as file:
            file.write(json.dumps(about | {"rows": rows}, indent=2).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the flags ask for; a worker that dies, or Ctrl-C, is reported in one line."""
    options = flags(arguments)
    try:
        if options.device == "cpu":
            run(options)
        else:
            gpu.measure(options)
    except RuntimeError as error:
        sys.exit(f"benchmark: {error}")
    except KeyboardInterrupt:
        print("\nbenchmark: interrupted; the workers have ended", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
