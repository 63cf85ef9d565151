"""The line between `benchmark.py` and its workers: requests and answers, one JSON text each.

["use", name, batch]    build that case and run it once; answers its facts
["clock", name]         from now on seconds are those of this clock, a key of CLOCKS
["run", steps]          answers the seconds that so many steps take
["tally", steps]        answers what `tally` returns for so many untimed steps
["memory"]              answers by how many bytes the peak of memory has grown since the imports
["peak"]                answers the peak of memory, in bytes
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.products import tally

EXAMPLES = Path(__file__).resolve().parents[1]
OURS, PYTORCH = "minigan", ("torch-example", "torch-tuned")
ALONE = f"{OURS}-1-thread"  # minigan again, to see what its other threads are worth
SIDES = (OURS, ALONE, *PYTORCH)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Case:
    """The job of a worker: one step, and facts about it (`library`, `threads`, `parameters` by network)."""

    step: Callable[[], object]
    facts: dict[str, Any]


def peak_memory() -> int | None:
    """The most memory that this process has had resident, in bytes, and what its children have now beside it; None
    where the system does not report it."""
    try:
        import resource
    except ModuleNotFoundError:  # not a Unix
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * (peak + sum(map(_own_memory, _children())))


def _children() -> list[str]:
    """The numbers of the processes that this one has started."""
    listed = Path("/proc/thread-self/children")
    return listed.read_text().split() if listed.exists() else []


def _own_memory(process: str) -> int:
    """Kilobytes that a process shares with no other."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private"))


def serve(build: Callable[[str, int], Case]) -> None:
    """The worker's end: answer requests until the line is closed; build(name, batch) makes a case."""
    before, clock = peak_memory(), time.perf_counter
    step: Callable[[], object] = lambda: None  # noqa: E731
    for request in sys.stdin:
        word, *arguments = json.loads(request)
        answer: Any = None
        if word == "use":
            case = build(*arguments)
            step = case.step
            step()
            answer = case.facts
        elif word == "clock":
            clock = CLOCKS[arguments[0]]
        elif word == "run":
            start = clock()
            for _ in range(*arguments):
                step()
            answer = clock() - start
        elif word == "tally":
            answer = tally(step, *arguments)
        elif word == "memory" and before is not None:
            answer = (peak_memory() or before) - before
        elif word == "peak":
            answer = peak_memory()
        print(json.dumps(answer), flush=True)


class Worker:
    """This end: one side in a process of its own, limited to so many threads.

    same_noise: minigan generates once for both updates of a step.
    """

    def __init__(self, side: str, threads: int, same_noise: bool = False) -> None:
        ours, threads = side in (OURS, ALONE), 1 if side == ALONE else threads
        script = "benchmark_minigan.py" if ours else "benchmark_torch.py"
        choices = ["same-noise"] if ours and same_noise else []
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self.side = side
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / script), side, str(threads), *choices],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | limits,
            start_new_session=True,  # Ctrl-C is for benchmark.py alone, which then ends its workers
        )

    def ask(self, *request: Any) -> Any:
        """The answer to one request; RuntimeError if the worker has ended."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            code = self.process.wait()
            raise RuntimeError(f"the worker of {self.side} ended with code {code}; its output stands above")
        return json.loads(answer)

    def steps_for(self, block: float) -> int:
        """How many steps fill a block of so many seconds."""
        steps = 1
        while (took := self.ask("run", steps)) < block / 8:
            steps *= 4
        return max(1, round(steps * block / took))

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def workers(
    sides: Sequence[str], threads: int, same_noise: bool = False, clock: str = "wall"
) -> Iterator[list[Worker]]:
    """One worker for each side, ended on the way out."""
    with ExitStack() as stack:
        crew = []
        for side in sides:
            crew.append(Worker(side, threads, same_noise))
            stack.callback(crew[-1].close)
            crew[-1].ask("clock", clock)
        yield crew


def measure(
    crew: Sequence[Worker], name: str, batch: int, blocks: int, block: float, report: Callable[[str], object]
) -> dict[str, Any]:
    """Seconds per step of every side in every block, the sides taking turns; `report` is called with every block.

    {"facts": {side: ...}, "steps": in a block {side: ...}, "seconds": per step and block {side: [...]},
    "memory": {side: ...}, "tally": of minigan's side}
    """
    facts = {worker.side: worker.ask("use", name, batch) for worker in crew}
    if len({tuple(sorted(fact["parameters"].items())) for fact in facts.values()}) > 1:
        raise RuntimeError(f"the sides built different networks for {name}: {facts}")
    steps = {worker.side: worker.steps_for(block) for worker in crew}
    seconds: dict[str, list[float]] = {worker.side: [] for worker in crew}
    for _ in range(blocks):
        for worker in crew:
            report(f"{name}, batch {batch}: {worker.side}")
            seconds[worker.side].append(worker.ask("run", steps[worker.side]) / steps[worker.side])
    memory = {worker.side: worker.ask("memory") for worker in crew}
    books = next(worker for worker in crew if worker.side == OURS).ask("tally", min(10, steps[OURS]))
    books["flops"] *= facts[OURS].get("processes", 1)  # each of them has an equal share
    return {"facts": facts, "steps": steps, "seconds": seconds, "memory": memory, "tally": books}
