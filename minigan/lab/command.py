"""`minigan lab`: its flags. What it needs is imported when it is used, so that other commands start quickly."""

from __future__ import annotations

import argparse
from pathlib import Path

from minigan import data, objectives

PORT = 2014  # the year of the paper
TEXT = """See a GAN train in the browser, and change it during training; or explore what a run has learned.

examples: minigan lab                                    a GAN in the plane
          minigan lab --objective wgan-gp --data grid    begin with these
          minigan lab --run runs/digits                  what a run has learned; --run may be repeated
          minigan lab --preset lesson.json               a session that somebody saved"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan lab`."""
    parser.add_argument("--objective", choices=objectives.names(), metavar="NAME", help="default nonsaturating")
    parser.add_argument("--data", help=f"{', '.join(data.MIXTURES)}, or a shape such as spiral (default ring)")
    parser.add_argument("--seed", type=int, default=None, help="of the first session (default 0)")
    parser.add_argument("--run", type=Path, action="append", default=[], metavar="RUN", help="a run to explore")
    parser.add_argument("--preset", metavar="FILE", help="a preset: a file, or the text of a link (p1.…)")
    parser.add_argument("--port", type=int, help=f"port of the server (default {PORT}, or any free one)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def act(flags: argparse.Namespace) -> int:
    """Serve until Ctrl-C; returns the exit code."""
    from minigan.lab.serving import serve

    if flags.preset is not None and (flags.objective, flags.data, flags.seed) != (None, None, None):
        raise ValueError("--preset has its own objective, data and seed: leave out those flags")
    if flags.port is not None and not 0 <= flags.port < 2**16:
        raise ValueError(f"--port must be from 0 to 65535, got {flags.port}")
    return serve(
        flags.preset,
        {"objective": flags.objective} if flags.objective else {},
        flags.data or "ring",
        flags.seed or 0,
        runs=flags.run,
        port=flags.port,
        browser=not flags.no_browser,
    )
