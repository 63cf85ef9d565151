"""`minigan export` and `minigan import`: their flags, and what they do."""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan import device
from minigan.atomic import replacing
from minigan.device import Array
from minigan.exchange.modules import as_pytorch
from minigan.exchange.weights import read_safetensors, write_safetensors
from minigan.layers import Autoencoder, Join, Layer, Network
from minigan.layers.autoencoder import EncoderDecoder
from minigan.scoring.saved_generator import SavedGenerator
from minigan.training import build
from minigan.training.config import Config
from minigan.training.draw import Fixed
from minigan.training.flags import from_flags
from minigan.training.registry import About
from minigan.training.system import Player, System
from minigan.training.trainer import Trainer

EXPORT = """Write the weights of a run's network for PyTorch, and print the module that they fit into.

The file is a state dict in the safetensors format, to be loaded with strict=True; images are (N, C, H, W) there. Where
the run averages a network's weights, as --average does with G's, the file holds the average. The G of a run with
conditions takes [z, c] there, the condition joined to the noise, with one-hot vectors for classes.

example: minigan export runs/20260102-120000-infogan-nonsaturating --to G.safetensors"""

IMPORT = """Begin a run with weights from PyTorch, written by safetensors.torch.save_file.

SYSTEM (default gan) and the flags are those of `minigan train`, and define the networks; `minigan export` prints
the same networks as PyTorch modules. Names, shapes and types must fit. Nothing is trained: `minigan sample`,
`minigan score` and `minigan train --resume` take the new run as any other.

examples: minigan import --model dcgan --G G.safetensors --D D.safetensors --out runs/from-pytorch
          minigan import cyclegan --weights G_AB=G_AB.safetensors --weights G_BA=G_BA.safetensors"""


def add_export_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan export`."""
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="file to write: .safetensors")
    parser.add_argument("--network", default="G", metavar="NAME", help="which of the run's networks (default G)")
    parser.add_argument("--best", action="store_true", help="from the best checkpoint, not the newest")
    _add_rename(parser, "--rename")


def add_import_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan import`, beside those of a training run."""
    for name, player in (("G", "generator"), ("D", "discriminator")):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"weights of the {player}: .safetensors")
        _add_rename(parser, f"--rename-{name}")
    text = "weights of the network of this name, such as G_AB=G_AB.safetensors; repeatable"
    parser.add_argument("--weights", action=_Pair, default={}, metavar="NAME=FILE", help=text)


def _add_rename(parser: argparse.ArgumentParser, flag: str) -> None:
    text = "a module or tensor that PyTorch names otherwise, such as 0=main.0; =main puts main. before all; repeatable"
    parser.add_argument(flag, action=_Pair, default={}, metavar="OURS=THEIRS", help=text)


class _Pair(argparse.Action):
    """Collects OURS=THEIRS into a dict."""

    def __call__(self, parser: Any, flags: Any, values: Any, option: str | None = None) -> None:
        name, equals, value = values.partition("=")
        if not equals:
            example = "G_AB=G_AB.safetensors" if option == "--weights" else "0=main.0"
            parser.error(f"{option} expects {self.metavar}, such as {option} {example}, got {values!r}")
        setattr(flags, self.dest, {**getattr(flags, self.dest), name: value})


def export(flags: argparse.Namespace) -> int:
    """Write the file, print the module."""
    if flags.to.suffix != ".safetensors":
        raise ValueError(f"--to {flags.to}: the name must end in .safetensors")
    saved = SavedGenerator(flags.run, best=flags.best, on="cpu")
    networks = _networks(saved.system, saved.about, saved.draw("export"), _averaged)
    if flags.network not in networks:
        raise ValueError(f"--network {flags.network}: the networks of this run are {', '.join(networks)}")
    network, shape = networks[flags.network]
    write_safetensors(flags.to, network, shape, flags.rename)
    print(f"{as_pytorch(network, shape)}\n\n{flags.to}: {flags.network} from {saved.path}")
    return 0


def begin(flags: argparse.Namespace) -> int:
    """Make the run, whose first checkpoint holds what was read; imported.json contains what that was."""
    files = {name: path for name, path in (("G", flags.G), ("D", flags.D)) if path is not None}
    files |= {name: Path(path) for name, path in flags.weights.items()}
    if not files:
        raise ValueError("--G, --D or --weights must name a file to import")
    if flags.resume is not None:
        raise ValueError("a run begins with imported weights and takes none later: leave out --resume")
    config = from_flags(flags, Config(system=flags.system))
    datasets = build.datasets(config)
    about = {name: dataset.about() for name, dataset in datasets.items()}
    system = build.system(config, about)
    draw = Fixed(np.random.default_rng(0), device.choose(config.device))
    networks = _networks(system, about, draw, lambda player: player.network)
    for name, path in files.items():
        if name not in system.players:
            raise ValueError(f"{name}: the networks of this run that learn are {', '.join(system.players)}")
        _read(path, system.players[name], networks[name], getattr(flags, f"rename_{name}", {}))
    sources = {name: {"file": str(path), "sha256": _sha256(path)} for name, path in files.items()}
    trainer = Trainer(system, datasets, flags.out, config=config, quiet=True)
    run = trainer.run
    with run.lock:
        with replacing(run.folder / "imported.json") as file:
            file.write(json.dumps(sources, indent=2).encode() + b"\n")
        print(f"{run.folder}: {' and '.join(files)} imported into {trainer.save()}")
    return 0


def _read(path: Path, player: Player, network: tuple[Layer, tuple[int, ...]], names: dict[str, str]) -> None:
    """Read the weights of a player's network, with the shape of its inputs; where they are averaged, the average
    begins with them too."""
    read_safetensors(path, *network, names)
    average = player.optimizer.average
    if average is not None:
        for name, target in average.target.items():
            target[...] = average.source[name]


def _networks(
    system: System, about: Mapping[str, About], draw: Fixed, of: Callable[[Player], Layer]
) -> dict[str, tuple[Layer, tuple[int, ...]]]:
    """The networks that learn, by name, each with the shape of one of its inputs.

    about   of each data set (Dataset.about)
    of      a player's network: the one that moves, or its average

    An autoencoder beside D and G, which computes nothing as a whole, is two networks, "encoder" and "decoder".
    """
    shapes = {name: tuple(facts["shape"]) for name, facts in about.items()}
    real = {name: draw.device.asarray(np.zeros((2, *shape), np.float32)) for name, shape in shapes.items()}
    inputs = {name: probe[1:] for name, probe in system.probes(draw, real, 2).items()}
    networks = {}
    for name, player in system.players.items():
        network = of(player)
        if name in inputs:
            networks[name] = _joined(network, *inputs[name])
        elif isinstance(network, EncoderDecoder) and not isinstance(network, Autoencoder):
            x = next(iter(real.values()))
            codes, _ = network.encoder.forward(x, train=False)
            parts = {"encoder": (network.encoder, x), "decoder": (network.decoder, codes)}
            networks |= {half: (inner, tuple(shown.shape[1:])) for half, (inner, shown) in parts.items()}
    return networks


def _joined(network: Layer, x: Array, condition: Array | None = None) -> tuple[Layer, tuple[int, ...]]:
    """A network and the shape of one of its inputs; of one that begins by joining its condition to its input, the
    rest, whose inputs are [x, c], with one-hot vectors for labels."""
    if condition is None or not isinstance(network, Network) or not isinstance(network.layers[0], Join):
        return network, tuple(x.shape[1:])
    y, _ = network.layers[0].given(condition).forward(x)
    return Network(*network.layers[1:]), tuple(y.shape[1:])


def _averaged(player: Player) -> Layer:
    """A player's network, with the average of its weights where there is one."""
    average = player.optimizer.average
    if average is None:
        return player.network
    network = copy.deepcopy(player.network)
    for name, array in (*network.named_params(), *network.named_buffers()):
        array[...] = average.target[name]
    return network


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
