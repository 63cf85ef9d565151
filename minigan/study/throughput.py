"""How fast a study is on this machine: runs per hour by processes and by Dask, and what Dask itself costs.

python -m minigan.study.throughput
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from minigan.study import cluster, workers
from minigan.study.store import Store
from minigan.study.tasks import Spec

RUNS, STEPS = 40, 1000  # enough that the start of the workers does not count


def main() -> None:
    """Print a table."""
    spec = dataclasses.replace(Spec.load("smoke"), models=("ns",), searches={"wide": RUNS}, repeats=0)
    sizes = {name: {**size, "steps": STEPS} for name, size in spec.sizes.items()}
    spec = dataclasses.replace(spec, sizes=sizes)
    print(f"{RUNS} runs of {STEPS} steps\n{'workers':>8} {'processes':>10} {'Dask':>10}   runs per hour")
    rates = {}
    for n in (1, 2):
        rates[n] = _by_processes(spec, n), _by_dask(spec, n)
        print(f"{n:8} {rates[n][0]:10,.0f} {rates[n][1]:10,.0f}")
    print(f"{'ratio':>8} {rates[2][0] / rates[1][0]:10.2f} {rates[2][1] / rates[1][1]:10.2f}")
    with cluster.connected(None, 2) as client:
        print(f"Dask takes {1000 * cluster.overhead(client):.1f} ms per task")


def _by_processes(spec: Spec, n: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "study", spec)
        return _rate(lambda: workers.run(store.folder, n, quiet=True))


def _by_dask(spec: Spec, n: int) -> float:
    with tempfile.TemporaryDirectory() as folder, cluster.connected(None, n) as client:
        store = Store.create(Path(folder) / "study", spec)
        return _rate(lambda: workers.run(store.folder, runner=cluster.runner(client), quiet=True))


def _rate(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return RUNS / (time.perf_counter() - started) * 3600


if __name__ == "__main__":
    main()
