"""How long is one GAN step? minigan beside PyTorch, on the CPU.

    python examples/benchmark.py                            all models, one thread
    python examples/benchmark.py --models mlp --threads 2   one model, two threads
    python examples/benchmark.py --out speed.json           the same numbers for a program

A step is one update of D and one of G (Adam 2e-4, betas 0.5 and 0.999, float32, noise drawn inside). Every side runs
in a process of its own, because two BLAS thread pools in one process disturb each other. The sides take turns in
blocks of about half a second, and a ratio compares two neighbouring blocks, so that whatever else the machine does
hits both. Printed are medians, with the least and the greatest value in brackets. Ratios below 1: minigan is faster.

The PyTorch sides (`benchmark_torch.py` tells what they do) are left out where PyTorch is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

import minigan.models
from minigan.atomic import replacing
from minigan.objectives import NonSaturating
from minigan.optim import Adam
from minigan.random import Streams
from minigan.training.steps import discriminator_step, generator_step

HERE = Path(__file__).resolve().parent
MODELS = ("mlp", "dcgan", "dcgan64")
OURS, PYTORCH = "minigan", ("torch-example", "torch-tuned")


def serve(step: Callable[[], object], **facts: Any) -> None:
    """The worker's end of the line: tell the facts, then answer each number of steps with the seconds they took."""
    step()
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        print(time.perf_counter() - start, flush=True)


def serve_minigan(name: str, batch: int, threads: int) -> None:
    """Be the worker of minigan's side."""
    streams = Streams(0)
    model = minigan.models.get(name, streams)
    objective, noise = NonSaturating(), streams("noise")
    optimizers = [Adam(network.named_params(), 2e-4, betas=(0.5, 0.999)) for network in (model.D, model.G)]
    real = streams("data").uniform(-1, 1, (batch, *model.sample_shape)).astype(np.float32)

    def z() -> np.ndarray:
        return noise.standard_normal((batch, model.z_dim), np.float32)

    def step() -> None:
        discriminator_step(model.D, model.G, objective, optimizers[0], real, z())
        generator_step(model.D, model.G, objective, optimizers[1], z())

    with threadpoolctl.threadpool_limits(threads):
        blas = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
        library = " and ".join(f"{b['internal_api']} {b['version']} ({b.get('architecture', '?')})" for b in blas)
        used = max((pool["num_threads"] for pool in blas), default=1)
        parameters = [minigan.models.count(network) for network in (model.G, model.D)]
        serve(step, parameters=parameters, library=f"NumPy {np.__version__}, {library}", threads=used)


class Worker:
    """One side in a process of its own; `facts` are its parameters (G, D), library and threads."""

    def __init__(self, side: str, model: str, batch: int, threads: int) -> None:
        program = [str(HERE / "benchmark.py"), "--serve"] if side == OURS else [str(HERE / "benchmark_torch.py"), side]
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self.side = side
        self.process = subprocess.Popen(
            [sys.executable, *program, model, str(batch), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | limits,
        )
        self.facts = json.loads(self._answer())

    def seconds(self, steps: int) -> float:
        """Seconds per step, over so many steps."""
        assert self.process.stdin is not None
        print(steps, file=self.process.stdin, flush=True)
        return float(self._answer()) / steps

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError(f"worker of {self.side} ended with code {self.process.returncode}; its error is above")
        return line

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def measure(model: str, batch: int, threads: int, sides: Sequence[str], blocks: int, block: float) -> dict[str, Any]:
    """Seconds per step of every side in every block: {"facts": {side: ...}, "seconds": {side: [...]}}."""
    workers: list[Worker] = []
    try:
        for side in sides:
            workers.append(Worker(side, model, batch, threads))
        facts = {worker.side: worker.facts for worker in workers}
        if len({tuple(fact["parameters"]) for fact in facts.values()}) > 1:
            raise RuntimeError(f"the sides built different networks for {model}: {facts}")
        steps = {worker: max(1, round(block / worker.seconds(2))) for worker in workers}
        rounds = [[worker.seconds(steps[worker]) for worker in workers] for _ in range(blocks)]
    finally:
        for worker in workers:
            worker.close()
    return {"facts": facts, "seconds": dict(zip(sides, map(list, zip(*rounds, strict=True)), strict=True))}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summary(model: str, batch: int, measured: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per side; `ratio` is minigan's time by that side's, block by block."""
    rows = []
    ours = measured["seconds"][OURS]
    for side, seconds in measured["seconds"].items():
        time_ = spread(seconds)
        row = {"model": model, "batch": batch, "side": side, **measured["facts"][side], "seconds_per_step": time_}
        row |= {"steps_per_second": 1 / time_["median"], "images_per_second": batch / time_["median"]}
        if side != OURS:
            row["ratio"] = spread([a / b for a, b in zip(ours, seconds, strict=True)])
        rows.append(row)
    return rows


def line(row: dict[str, Any]) -> str:
    """A row as text."""
    t = {key: 1e3 * value for key, value in row["seconds_per_step"].items()}
    text = f"{row['model']:8s} {row['batch']:5d}  {row['side']:13s}  {t['median']:8.2f}  "
    text += (
        f"{'[{min:.2f} .. {max:.2f}]'.format(**t):20s} {row['steps_per_second']:8.1f} {row['images_per_second']:9.0f}"
    )
    return text + ("   {median:.2f} [{min:.2f} .. {max:.2f}]".format(**row["ratio"]) if "ratio" in row else "")


def cpu_name() -> str:
    """What the processor calls itself."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [entry.partition(":")[2].strip() for entry in lines if entry.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=9, help="blocks of each side (default 9)")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a block (default 0.5)")
    parser.add_argument("--sides", nargs="+", choices=PYTORCH, default=PYTORCH, help="PyTorch's forms to compare with")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    options = parser.parse_args(arguments)
    if min(options.batch, options.threads, options.blocks) < 1:
        parser.error("--batch, --threads and --blocks must be at least 1")
    sides = [OURS, *options.sides]
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: minigan alone is measured.")
        sides = [OURS]
    print(f"{cpu_name()}, Python {platform.python_version()}, {options.threads} thread(s)\n")
    print("model    batch  side           ms/step  [min .. max]          steps/s  images/s   minigan / side")
    rows = []
    for model in options.models:
        measured = measure(model, options.batch, options.threads, sides, options.blocks, options.seconds)
        rows += summary(model, options.batch, measured)
        print(*map(line, rows[-len(sides) :]), sep="\n", flush=True)
    print("", *(f"{row['side']}: {row['library']}, {row['threads']} thread(s)" for row in rows[: len(sides)]), sep="\n")
    if options.out is not None:
        machine = {"cpu": cpu_name(), "system": platform.platform(), "python": platform.python_version()}
        with replacing(options.out) as file:
            file.write(json.dumps({"machine": machine, "rows": rows}, indent=2).encode())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve_minigan(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
