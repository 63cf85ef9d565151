"""What do the start and the end of the first run cost? CPU seconds of every part but the training.

    python examples/benchmark_first_run.py --repeats 5 --out first_run.json

Each repeat is a new process that trains for a few steps: the parts do not depend on how many. The report page is
written by a process of its own, as `minigan report` does. Medians, with the least and the greatest value in brackets.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import report

from minigan.atomic import replacing

PARTS = {
    "import": "`import minigan`",
    "start": "data, networks, first picture",
    "finish": "closing pictures",
    "verdict": "verdict on 10,000 samples",
    "page": "report page",
}
FEW = 0.05  # epochs
PROCESS = "import sys; sys.path.insert(0, sys.argv[1]); import benchmark_first_run as own; own.{}(sys.argv[2])"


@contextmanager
def timed(spent: dict[str, float], part: str) -> Iterator[None]:
    """Add the CPU seconds of what happens inside."""
    start = time.process_time()
    yield
    spent[part] = time.process_time() - start


def trained(folder: str) -> None:
    """Print the seconds of a run's parts."""
    spent: dict[str, float] = {}
    from minigan import Config, Trainer

    with timed(spent, "start"):
        trainer = Trainer.start(Config(epochs=FEW), folder, quiet=True)
    trainer.train()
    with timed(spent, "finish"):
        trainer.finish()
    with timed(spent, "verdict"):
        trainer.verdict()
    print(json.dumps(spent))


def page(folder: str) -> None:
    """Print the seconds of the report page."""
    spent: dict[str, float] = {}
    from minigan.report import write_report

    with timed(spent, "page"):
        write_report(folder)
    print(json.dumps(spent))


def imported() -> float:
    """Seconds of the import, in a process that has imported nothing."""
    code = "import time; start = time.process_time(); import minigan; print(time.process_time() - start)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def repeat() -> dict[str, float]:
    """The seconds of all parts, once."""
    with tempfile.TemporaryDirectory() as home:
        spent = {"import": imported()}
        for act in ("trained", "page"):
            command = [sys.executable, "-c", PROCESS.format(act), str(Path(__file__).parent), f"{home}/run"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            spent |= json.loads(done.stdout.splitlines()[-1])
    return spent


def markdown(parts: dict[str, Sequence[float]]) -> str:
    """A line for each part."""
    lines = [[PARTS[part], report.bracketed(report.spread(seconds))] for part, seconds in parts.items()]
    return report.table(["part", "CPU seconds"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="default 5")
    parser.add_argument("--out", type=Path, help="also write the numbers as JSON")
    flags = parser.parse_args()
    if flags.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {flags.repeats}")
    repeats = [repeat() for _ in range(flags.repeats)]
    parts = {part: [one[part] for one in repeats] for part in PARTS}
    print(markdown(parts))
    if flags.out is not None:
        about = {"machine": report.machine(), "versions": report.versions()}
        with replacing(flags.out) as file:
            file.write((json.dumps(about | {"parts": parts}, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
