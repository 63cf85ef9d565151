"""The `minigan` command: train, sample, score, report, explain, export, import, objectives, gradcheck, data, study."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from minigan import __version__, data, gradcheck, objective_cards, plots
from minigan.atomic import replacing
from minigan.explain import command as explaining
from minigan.lab import command as showing
from minigan.report import command as reporting
from minigan.runs import outputs
from minigan.runs.friendly import friendly_errors
from minigan.runs.words import typed
from minigan.scoring import ageing
from minigan.scoring import command as scoring
from minigan.scoring import translate as translating
from minigan.scoring.saved_generator import SavedGenerator
from minigan.study import command as studying
from minigan.styles import command as styling
from minigan.training.config import Config
from minigan.training.flags import add_flags
from minigan.training.registry import SYSTEMS
from minigan.training.trainer import Trainer

# What samples may be asked for, where a system takes it.
CONDITIONS = {
    "class": "a class by name or number, a list with commas, or all: n samples of each, a row for each",
    "age": "an age, a list with commas, or all, for a run of ageing: a row for each",
    "text": "a caption, for a run of stackgan",
    "truncation": "psi of a run of stylegan, from -2 to 2: 0 is the mean image, 1 changes nothing",
    "cutoff": "of stylegan: how many layers are truncated (default all)",
    "noise": "of stylegan: fixed (default), random or none",
}
FOLDERS = ("train", "import", "study", "translate")  # their --out is, or can be, a folder
RAW = argparse.RawDescriptionHelpFormatter
EXCHANGE = {"export": "write weights for PyTorch", "import": "begin a run with weights from PyTorch"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with friendly_errors(" ".join(["minigan", *given[:1]]).rstrip()):
        flags = _parser(given).parse_args(typed(given))
        outputs.check(vars(flags), folders=flags.command in FOLDERS)
        code: int = flags.act(flags)
        return code


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of this command line: the flags of a system are added where it is the one that is trained."""
    parser = argparse.ArgumentParser("minigan", description="The GAN library you can read.")
    parser.add_argument("--version", action="version", version=f"minigan {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    command = given[0] if given else ""
    takes = command in ("train", "import")
    system = next((word for before, word in pairwise(given) if takes and word in SYSTEMS and before[:2] != "--"), "gan")
    _add_train(commands, system)
    _add_exchange(commands, command, system)
    adders = (
        _add_sample,
        _add_score,
        _add_translate,
        _add_age,
        _add_report,
        _add_explain,
        _add_objectives,
        _add_gradcheck,
        _add_data,
        _add_study,
        _add_lab,
    )
    for add in adders:
        add(commands)
    styling.add_commands(commands)
    return parser


def _add_train(commands: argparse._SubParsersAction, system: str) -> None:
    text = """Train a GAN into a run folder: log, pictures, checkpoints.

example: minigan train --model dcgan --objective wgan-gp --data fashion-mnist --epochs 5"""
    parser = commands.add_parser("train", help="train a GAN", description=text, formatter_class=RAW)
    what = f"{', '.join(SYSTEMS)} (default gan); minigan train SYSTEM --help shows its own flags"
    parser.add_argument("system", nargs="?", choices=SYSTEMS, default="gan", metavar="SYSTEM", help=what)
    add_flags(parser, system)
    parser.set_defaults(act=_train)


def _train(flags: argparse.Namespace) -> int:
    trainer = Trainer.from_flags(flags, Config(system=flags.system))
    with trainer.discarded_if_it_fails():
        trainer.introduce()
    trainer.train()
    print(f"{trainer.finish()}\nThe run as one page: minigan report {trainer.run.quoted}")
    return 0


def _add_sample(commands: argparse._SubParsersAction) -> None:
    text = """Draw samples from the newest checkpoint of a run.

A .png shows them as a grid; .npy and .npz (array "samples") hold uint8 (n, 28, 28), or (n, H, W, C) for colour; the
points of a mixture are float32 (n, 2).

examples: minigan sample runs/20260102-120000-infogan-nonsaturating -n 64 --out grid.png
          minigan sample runs/digits --class all -n 12 --out rows.png"""
    parser = commands.add_parser("sample", help="generate samples", description=text, formatter_class=RAW)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("-n", type=int, default=64, help="number of samples (default 64)")
    parser.add_argument("--out", type=Path, required=True, help="file to write: .png, .npy or .npz")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default 0)")
    parser.add_argument("--best", action="store_true", help="from the best checkpoint, not the newest")
    parser.add_argument("--device", default=None, help="cpu, cuda, cuda:N or auto; default $MINIGAN_DEVICE, then cpu")
    for name, what in CONDITIONS.items():
        parser.add_argument(f"--{name}", dest=f"asked.{name}", default=None, metavar=name.upper(), help=what)
    parser.set_defaults(act=_sample)


def _sample(flags: argparse.Namespace) -> int:
    if flags.n < 1:
        raise ValueError(f"-n must be at least 1, got {flags.n}")
    if not 0 <= flags.seed < 2**64:
        raise ValueError(f"--seed must be an integer from 0 to 2^64 - 1, got {flags.seed}")
    suffix = flags.out.suffix.lower()
    if suffix not in (".png", ".npy", ".npz"):
        raise ValueError(f"--out {flags.out}: the name must end in .png, .npy or .npz")
    generator = SavedGenerator(flags.run, best=flags.best, on=flags.device)
    generator.keep_out_of_data(flags.out)
    asked = {name: getattr(flags, f"asked.{name}") for name in CONDITIONS}
    words = {name: value for name, value in asked.items() if value is not None}
    samples, columns = generator.answer(flags.n, flags.seed, words)
    if suffix == ".png":
        _save_picture(flags.out, samples, columns)
    else:
        _save_arrays(flags.out, samples[..., 0] if samples.shape[-1] == 1 else samples)
    print(f"{flags.out}: {len(samples)} samples from {generator.path}")
    return 0


def _save_picture(path: Path, samples: np.ndarray, columns: int | None) -> None:
    if samples.ndim == 4:
        plots.save_grid(path, samples, columns)
    else:
        plots.save_density_strip(path, [samples], [f"{len(samples):,} samples"])


def _save_arrays(path: Path, samples: np.ndarray) -> None:
    with replacing(path) as file:
        if path.suffix.lower() == ".npy":
            np.save(file, samples)
        else:
            np.savez_compressed(file, samples=samples)


def _add_score(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("score", help="measure samples", description=scoring.TEXT, formatter_class=RAW)
    scoring.add_flags(parser)
    parser.set_defaults(act=scoring.score)


def _add_age(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("age", help="age a picture", description=ageing.TEXT, formatter_class=RAW)
    ageing.add_flags(parser)
    parser.set_defaults(act=ageing.act)


def _add_translate(commands: argparse._SubParsersAction) -> None:
    text, summary = translating.TEXT, "enlarge or translate pictures"
    parser = commands.add_parser("translate", help=summary, description=text, formatter_class=RAW)
    translating.add_flags(parser)
    parser.set_defaults(act=translating.translate)


def _add_exchange(commands: argparse._SubParsersAction, command: str, system: str) -> None:
    for name, about in EXCHANGE.items():
        if name != command:
            commands.add_parser(name, help=about)
            continue
        from minigan.exchange import command as exchange  # here: other commands do not need safetensors

        text = exchange.EXPORT if name == "export" else exchange.IMPORT
        parser = commands.add_parser(name, help=about, description=text, formatter_class=RAW)
        if name == "export":
            exchange.add_export_flags(parser)
            parser.set_defaults(act=exchange.export)
        else:
            parser.add_argument(
                "system", nargs="?", choices=SYSTEMS, default="gan", metavar="SYSTEM", help=", ".join(SYSTEMS)
            )
            exchange.add_import_flags(parser)
            add_flags(parser, system)
            parser.set_defaults(act=exchange.begin)


def _add_explain(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "explain", help="show every layer in one step", description=explaining.TEXT, formatter_class=RAW
    )
    explaining.add_flags(parser)
    parser.set_defaults(act=explaining.act)


def _add_report(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "report", help="write a run as one page", description=reporting.TEXT, formatter_class=RAW
    )
    reporting.add_flags(parser)
    parser.set_defaults(act=reporting.report)


def _add_lab(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "lab", help="watch a GAN train in a browser", description=showing.TEXT, formatter_class=RAW
    )
    showing.add_flags(parser)
    parser.set_defaults(act=showing.act)


def _add_objectives(commands: argparse._SubParsersAction) -> None:
    text = """List the objectives for --objective, or print the card of one.

A card has the losses of D and G with their gradients, the paper's defaults, what a healthy run looks like, how runs
fail, and the source.

example: minigan objectives wgan-gp"""
    parser = commands.add_parser("objectives", help="list the objectives", description=text, formatter_class=RAW)
    parser.add_argument("name", nargs="?", help="an objective, to print its card (default: the table of all)")
    parser.add_argument("--markdown", action="store_true", help="print the table for minigan/objectives/README.md")
    parser.set_defaults(act=_objectives)


def _objectives(flags: argparse.Namespace) -> int:
    if flags.name is not None and flags.markdown:
        raise ValueError(f"--markdown prints the table of all objectives: leave out {flags.name}, or --markdown")
    text = (
        objective_cards.card(flags.name)
        if flags.name is not None
        else objective_cards.markdown()
        if flags.markdown
        else objective_cards.table()
    )
    print(text, flush=True)  # here, where a closed pipe is understood
    return 0


def _add_gradcheck(commands: argparse._SubParsersAction) -> None:
    text = """Compare every derivative in the library with finite differences, in float64.

Prints one line per layer, objective and training step: the worst relative error of its first derivatives and, for
layers, of its second ones. The exit code is 1 if an error is 1e-6 or more, or if it cannot be measured, because a value
is so large that rounding exceeds the difference.

example: minigan gradcheck"""
    parser = commands.add_parser("gradcheck", help="check every gradient", description=text, formatter_class=RAW)
    parser.add_argument("--markdown", action="store_true", help="print the table for minigan/layers/README.md")
    parser.set_defaults(act=_gradcheck)


def _gradcheck(flags: argparse.Namespace) -> int:
    from minigan import checks  # here: other commands need none of the systems that it builds

    failed = False
    if flags.markdown:
        print(gradcheck.markdown(checks.all_errors()), flush=True)
        return 0
    for line, good in gradcheck.table(checks.all_errors()):
        failed |= not good
        print(line if good or not sys.stdout.isatty() else f"\033[31m{line}\033[0m", flush=True)
    return 1 if failed else 0


def _add_data(commands: argparse._SubParsersAction) -> None:
    text = """List the data sets for --data: the size of each, and where it is or would be downloaded to.

example: minigan data"""
    parser = commands.add_parser("data", help="list the data sets", description=text, formatter_class=RAW)
    parser.set_defaults(act=_data)


def _data(flags: argparse.Namespace) -> int:
    for entry in data.available():
        mark = "here   " if entry.present else "missing"
        shape = " x ".join(map(str, entry.shape))
        print(f"{entry.name:<15} {mark} {entry.samples:>7,} x ({shape})  {entry.what}: {entry.where}")
    print(f"{'a path':<15} your own pictures, a folder or a file of them: --data path/to/folder --size 64")
    return 0


def _add_study(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("study", help="compare many models", description=studying.TEXT, formatter_class=RAW)
    studying.add_flags(parser)
