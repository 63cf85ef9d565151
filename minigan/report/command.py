"""`minigan report`: its flags, and what it does."""

from __future__ import annotations

import argparse
from pathlib import Path

from minigan.report.page import write_report

TEXT = """Write a run as one HTML file: curves, samples over time, interpolations, nearest training images, scores with
their protocol, the sentences of the health monitor, the configuration, and the command that repeats the run.

Of a run that still trains, or has lost some of its files, the page shows what there is.

example: minigan report runs/20260102-120000-infogan-nonsaturating"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan report`."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--out", type=Path, help="file to write; default report.html in the run's folder")
    parser.add_argument("--best", action="store_true", help="generate from the best checkpoint, not the newest")


def report(flags: argparse.Namespace) -> int:
    """Write the page, print where it is."""
    path = write_report(flags.run, flags.out, best=flags.best)
    print(f"{path}: the run as one page, {path.stat().st_size / 1e6:.2g} MB")
    return 0
