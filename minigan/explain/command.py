"""`minigan explain`: its flags, and what it does."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from minigan import data, models, objectives
from minigan.atomic import replacing
from minigan.explain.sections import describe
from minigan.explain.step import explain
from minigan.explain.terminal import text
from minigan.explain.webpage import webpage
from minigan.training import registry
from minigan.training.config import PENALTIES, Config
from minigan.training.flags import Pair
from minigan.training.registry import SYSTEMS

TEXT = """Show one training step: what every layer of D and G computes, and by which formula.

A turn of D and a turn of G with real samples, in order: forward, loss, backward, a penalty's second-order pass, the
optimizer. Shapes, sizes and gains of every layer, the lines of code, and marks where gradients vanish or explode.

examples: minigan explain --model dcgan --objective wgan-gp --html step.html
          minigan explain --system conditional
          minigan explain --system stackgan --at 0.5
          minigan explain --system stylegan --option style=adain"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan explain`."""
    known = f"{', '.join(data.NAMES)} or a folder of images"
    systems = "the system (default gan); others begin with their own recipe, and take the flags that they have"
    parser.add_argument("--system", default="gan", choices=SYSTEMS, help=systems)
    shown = "which step, as a share of the run: where a system has stages, one of each (default 0, the first)"
    parser.add_argument("--at", type=float, default=0.0, metavar="SHARE", help=shown)
    parser.add_argument("--model", choices=models.names(), help="the two networks (default dcgan; for points: points)")
    parser.add_argument("--objective", choices=objectives.names(), metavar="NAME", help="default wgan-gp")
    parser.add_argument("--data", help=f"{known} (default mnist-10k)")
    parser.add_argument("--size", type=int, help="pixels along a side, for a folder of images")
    parser.add_argument("--width", type=float, help="factor on the models' channels; default the recipe's")
    parser.add_argument("--penalty", choices=PENALTIES, help="a penalty on D's gradient, in addition")
    parser.add_argument("--spectral-norm", action="store_true", help="keep D's layers 1-Lipschitz")
    what = "a hyper-parameter of the objective; repeatable"
    parser.add_argument("--hyper", action=Pair, default={}, metavar="NAME=VALUE", help=what)
    what = "a choice of the system, such as first=constant (minigan train SYSTEM --help); repeatable"
    parser.add_argument("--option", action=Pair, default={}, dest="options", metavar="NAME=VALUE", help=what)
    parser.add_argument("--batch", type=int, default=4, help="samples in a batch (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights, the data and the noise (default 0)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with all formulas instead of printing")
    parser.add_argument("--full", action="store_true", help="print the formulas below every layer")


def act(flags: argparse.Namespace) -> int:
    """Take the step; print it, or write the page."""
    config = _config(flags)
    story = describe(config, explain(config, flags.at))
    if flags.html is None:
        print(text(story, full=flags.full, columns=shutil.get_terminal_size((120, 24)).columns), flush=True)
        return 0
    page = webpage(story).encode()
    with replacing(flags.html) as file:
        file.write(page)
    print(f"{flags.html}: {story.title}, {len(page) / 1000:,.0f} kB")
    return 0


def _config(flags: argparse.Namespace) -> Config:
    """The run whose first step it is: the objective's recipe, with the flags in place."""
    if flags.html is not None and flags.full:
        raise ValueError("--full prints the formulas below every layer; the page has them all: leave out --full")
    if flags.html is not None and flags.html.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--html {flags.html}: the name must end in .html")
    names = ("model", "objective", "data", "size", "width", "penalty", "spectral_norm", "seed", "hyper", "options")
    choices = {name: getattr(flags, name) for name in names if getattr(flags, name) not in (None, False, {})}
    if flags.system == "gan":
        model = "points" if flags.data in data.MIXTURES else "dcgan"
        choices = {"model": model, "objective": "wgan-gp", "data": "mnist-10k", **choices}
    else:
        entry = registry.entry(flags.system)
        strange = [name for name in choices if name in registry.FIELDS and name not in entry.fields]
        if strange:
            raise ValueError(f"the system {flags.system} takes no --{strange[0].replace('_', '-')}")
    return Config(system=flags.system, batch_size=flags.batch, **choices)
