"""How long is one step of training? minigan beside PyTorch, on the CPU or on a GPU.

    python examples/benchmark.py                            all models, all cores
    python examples/benchmark.py --models mlp --threads 1   one model, one thread
    python examples/benchmark.py --growth                   by batch, width and pixels, with exponents
    python examples/benchmark.py --memory                   the peak of memory
    python examples/benchmark.py --layer correlate adam     single kernels, whose names begin so; "all" for all
    python examples/benchmark.py --out speed.json           the same numbers for a program, added to those of the file
    python examples/benchmark.py --device cuda              on a GPU, tests included, in ten minutes at most

A step of a GAN is one update of D and one of G (Adam, float32, noise drawn inside); those of the other systems are on
their pages. Every side runs in a process of its own, because two BLAS thread pools in one process disturb each other.
The sides take turns in blocks, and a ratio compares two neighbouring blocks, so that whatever else the machine does
hits both. Printed are medians, with the least and the greatest value in brackets. Ratios below 1: minigan is faster.

Share in products: how much of a step its busiest thread spends inside np.matmul, seen in extra steps that are not
timed. Of peak: the operations in those products, by what the machine would do in that time at the best rate of a
large product on as many threads. Memory: by how much the process's peak has grown since its imports.

minigan plays the turns of its systems as a run does, with the same batch of data again and again; single kernels give
the threads to BLAS. A GAN generates new samples for each update, unless it has --same-noise; the PyTorch sides
generate once for both, as the official example does. With several threads, minigan on one of them is a side, too: its
ratio shows what the others are worth. The PyTorch sides (described in `benchmark_torch.py`) are left out where PyTorch
is not installed, and the example's where there is no official one.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import gpu, growth, memory, report
from benchmarks.cases import MODELS, chosen
from benchmarks.jobs import conditions, estimate, jobs, kept, measured_rows, peak, sides_of, write
from benchmarks.line import ALONE, CLOCKS, OURS, PYTORCH
from tqdm import tqdm

BUSY = 0.5  # load from which a word of warning is due


def flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The jobs to measure; bad flags end the program here, before anything is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--layer", nargs="+", metavar="NAME", help='single kernels whose names begin so, or "all"')
    what.add_argument("--growth", action="store_true", help="time per image by batch, width and pixels")
    what.add_argument("--memory", action="store_true", help="the most memory that a new process with some steps has")
    parser.add_argument("--models", nargs="+", choices=tuple(MODELS), help="some of them")
    parser.add_argument("--batch", nargs="+", type=int, help="instead of those of the recipes")
    parser.add_argument("--threads", type=int, default=report.cores(), help="of each side (default: all cores)")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: of one thread, beside other programs")
    parser.add_argument("--blocks", type=int, default=9, help="blocks of each side (default 9)")
    parser.add_argument("--seconds", type=float, help="length of a block (default 0.5, for kernels 0.1)")
    parser.add_argument("--sides", nargs="+", choices=PYTORCH, default=PYTORCH, help="PyTorch's forms to compare with")
    parser.add_argument("--same-noise", action="store_true", help="minigan's GANs, too, generate once for both updates")
    parser.add_argument("--markdown", action="store_true", help="also print the table as Markdown")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON, beside those of other cases")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda: another measurement (benchmarks/gpu.py)")
    parser.add_argument("--budget", type=float, default=570, help="seconds that it may take on a GPU (default 570)")
    options = parser.parse_args(arguments)
    _check(parser, options)
    return options


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the program for flags that do not fit together; fill in what was left out."""
    if options.layer and options.models:
        parser.error("argument --models: not allowed with argument --layer")
    options.models = options.models or list(growth.GROWING if options.growth else MODELS)
    if options.growth and (options.batch or not set(options.models) <= set(growth.GROWING)):
        parser.error(f"--growth has its own batches, and the models {', '.join(growth.GROWING)}")
    if options.clock == "cpu" and options.threads > 1:
        parser.error("--clock cpu needs --threads 1: what threads wait for each other takes no CPU time")
    if min(options.threads, options.blocks, *(options.batch or ())) < 1:
        parser.error("--batch, --threads and --blocks must be at least 1")
    options.seconds = (0.1 if options.layer else 0.5) if options.seconds is None else options.seconds
    if not 0 < options.seconds < math.inf:
        parser.error(f"--seconds must be positive, got {options.seconds}")
    if not 0 < options.budget < math.inf:
        parser.error(f"--budget must be positive, got {options.budget}")
    if options.device != "cpu" and (options.layer or options.growth or options.memory):
        parser.error("--growth, --memory and the single kernels of the CPU are measured without --device")
    if options.out is not None and (options.out.is_dir() or not options.out.parent.is_dir()):
        parser.error(f"--out {options.out}: a file in a folder that exists is needed")
    try:
        options.kernels = [kernel.name for kernel in chosen(options.layer or ())]
        if options.out is not None and options.device == "cpu":
            kept(options.out, conditions(options))
    except ValueError as error:
        parser.error(str(error))


def sides(options: argparse.Namespace) -> list[str]:
    """Those that are measured."""
    ours = [OURS, ALONE] if options.threads > 1 and not (options.layer or options.growth) else [OURS]
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: minigan alone is measured.")
        return ours
    theirs = [PYTORCH[1]] if options.growth else options.sides
    return [*ours, *dict.fromkeys(theirs)]


def introduce(options: argparse.Namespace, there: Sequence[str], rate: float) -> None:
    """Print the machine, and how long it will take."""
    machine, todo = report.machine(), jobs(options)
    print(f"{machine['cpu']}, {machine['cores']} core(s), Python {platform.python_version()}")
    if machine["load"] is not None and machine["load"] > BUSY:
        print(f"Other programs are at work here (load {machine['load']:.1f}): times, and ratios of all cores, mislead.")
    print(f"{options.threads} thread(s); the best product of minigan's BLAS: {rate / 1e9:.0f} GFLOP/s")
    minutes = estimate(todo, options, there, rate) / 60
    print(f"{len(todo)} case(s), {len(there)} side(s): about {max(0.1, minutes):.1f} minutes\n")
    print(memory.HEADER if options.memory else report.KERNELS if options.layer else report.STEPS, flush=True)


def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    there, todo, rate = sides(options), jobs(options), peak(options.threads)
    introduce(options, there, rate)
    rows: list[report.Row] = []
    blocks = 0 if options.memory else options.blocks * sum(len(sides_of(name, there)) for name, _ in todo)
    with tqdm(total=blocks, disable=None, leave=False, unit="block") as bar:
        for new in measured_rows(todo, options, there, rate, bar):
            rows += new
            bar.write("\n".join(map(memory.line if options.memory else report.line, new)))
            sys.stdout.flush()
            if options.out is not None:
                write(options.out, conditions(options), rows)
    libraries = {row["side"]: f"{row['side']}: {row['library']}, {row['threads']} thread(s)" for row in rows}
    print("", *libraries.values(), sep="\n")
    if options.markdown:
        form = growth if options.growth else memory if options.memory else report
        print("\n" + form.markdown(rows))


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
