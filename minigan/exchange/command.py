"""`minigan export` and `minigan import`: their flags, and what they do."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from minigan.atomic import replacing
from minigan.exchange.modules import as_pytorch
from minigan.exchange.weights import read_safetensors, write_safetensors
from minigan.runs.folder import Run
from minigan.scoring.saved_generator import Painter
from minigan.training.config import RECIPE
from minigan.training.flags import from_flags
from minigan.training.state import State
from minigan.training.trainer import Trainer

EXPORT = """Write the weights of a run's network for PyTorch, and print the module that they fit into.

The file is a state dict in the safetensors format, to be loaded with strict=True; images are (N, C, H, W) there. G is
what `minigan sample` draws with: where the run averages G's weights, their average.

example: minigan export runs/20260102-120000-infogan-nonsaturating --to G.safetensors"""

IMPORT = """Begin a run with weights from PyTorch, written by safetensors.torch.save_file.

The flags are those of `minigan train` and say what the networks are: `minigan export` prints how the same looks in
PyTorch. Names, shapes and types must fit. Nothing is trained: `minigan sample`, `minigan score` and `minigan train
--resume` take the new run as any other.

example: minigan import --model dcgan --G G.safetensors --D D.safetensors --out runs/from-pytorch"""


def add_export_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan export`."""
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="file to write: .safetensors")
    parser.add_argument("--network", choices=("G", "D"), default="G", help="which of the two (default G)")
    parser.add_argument("--best", action="store_true", help="from the best checkpoint, not the newest")
    _add_rename(parser, "--rename")


def add_import_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan import`, beside those of a training run."""
    for name, player in (("G", "generator"), ("D", "discriminator")):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"weights of the {player}: .safetensors")
        _add_rename(parser, f"--rename-{name}")


def _add_rename(parser: argparse.ArgumentParser, flag: str) -> None:
    text = "a module or tensor that PyTorch names otherwise, such as 0=main.0; =main puts main. before all; repeatable"
    parser.add_argument(flag, action=_Pair, default={}, metavar="OURS=THEIRS", help=text)


class _Pair(argparse.Action):
    """Collects OURS=THEIRS into a dict."""

    def __call__(self, parser: Any, flags: Any, values: Any, option: str | None = None) -> None:
        ours, equals, theirs = values.partition("=")
        if not equals:
            parser.error(f"{option} expects OURS=THEIRS, such as {option} 0=main.0, got {values!r}")
        setattr(flags, self.dest, {**getattr(flags, self.dest), ours: theirs})


def export(flags: argparse.Namespace) -> int:
    """Write the file, print the module."""
    if flags.to.suffix != ".safetensors":
        raise ValueError(f"--to {flags.to}: the name must end in .safetensors")
    painter = Painter(flags.run, best=flags.best, on="cpu")
    state = painter.state
    network = state.painter if flags.network == "G" else state.D
    shape = _input_shape(flags.network, state)
    write_safetensors(flags.to, network, shape, flags.rename)
    print(f"{as_pytorch(network, shape)}\n\n{flags.to}: {flags.network} from {painter.path}")
    return 0


def begin(flags: argparse.Namespace) -> int:
    """Make the run, whose first checkpoint holds what was read; imported.json says what that was."""
    files = {name: path for name, path in (("G", flags.G), ("D", flags.D)) if path is not None}
    if not files:
        raise ValueError("--G or --D must name a file to import")
    if flags.resume is not None:
        raise ValueError("a run begins with imported weights and takes none later: leave out --resume")
    trainer = Trainer(Run.create(flags.out, from_flags(flags, RECIPE)), quiet=True)
    state, run = trainer.state, trainer.run
    for name, path in files.items():
        for network in (state.G, state.painter) if name == "G" else (state.D,):
            read_safetensors(path, network, _input_shape(name, state), getattr(flags, f"rename_{name}"))
    sources = {name: {"file": str(path), "sha256": _sha256(path)} for name, path in files.items()}
    run.begin()
    with run.lock:
        with replacing(run.folder / "imported.json") as file:
            file.write(json.dumps(sources, indent=2).encode() + b"\n")
        trainer.album.add(0)
        print(f"{run.folder}: {' and '.join(files)} imported into {trainer.save()}")
    return 0


def _input_shape(name: str, state: State) -> tuple[int, ...]:
    return (state.model.z_dim,) if name == "G" else state.model.sample_shape


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
