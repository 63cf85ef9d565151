"""`minigan mix`, `truncate`, `walk`, `project`, `paths` and `quiz`: commands for a run of stylegan."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minigan import arrays, plots
from minigan.atomic import replacing
from minigan.metrics import features
from minigan.styles.mixing import layers_of, mixing_grid
from minigan.styles.paths import path_lengths
from minigan.styles.projection import SPACES as PROJECTED
from minigan.styles.projection import project
from minigan.styles.quiz import quiz, quiz_page
from minigan.styles.saved import CELLS, check_cells, noise_of, saved_stylegan, seeds_of, suffix_of
from minigan.styles.separability import separability
from minigan.styles.walk import PSIS, SPACES, psi_grid, tour
from minigan.systems.truncation import psi_of
from minigan.training import build

FRAMES = 12  # of a walk, from each sample to the next

COMMANDS = {
    "mix": "mix the styles of samples",
    "truncate": "move samples through the mean style",
    "walk": "move through samples",
    "project": "find the style of a given picture",
    "paths": "measure path lengths and separability of z and w",
    "quiz": "write a quiz with real and generated images",
}
EXAMPLES = {
    "mix": "minigan mix RUN --rows 1,2,5-8 --columns 10-17 --layers coarse --out mix.png",
    "truncate": "minigan truncate RUN --seeds 1-8 --out psi.png",
    "walk": "minigan walk RUN --seeds 1,2,3,4 --out walk.gif        (.png: a strip)",
    "project": "minigan project RUN picture.png --out found.png         (and found.npz: the style)",
    "paths": "minigan paths RUN",
    "quiz": "minigan quiz RUN --out quiz.html",
}


def add_commands(commands: argparse._SubParsersAction) -> None:
    """The six commands with their flags."""
    for name, about in COMMANDS.items():
        seed = "" if name in ("project", "paths") else " A seed is the number of a sample."
        text = f"For a run of stylegan: {about}.{seed}\n\nexample: {EXAMPLES[name]}"
        raw = argparse.RawDescriptionHelpFormatter
        parser = commands.add_parser(name, help=f"{about} (stylegan)", description=text, formatter_class=raw)
        parser.add_argument("run", type=Path, help="the run's folder")
        parser.add_argument("--best", action="store_true", help="use the best checkpoint, not the newest")
        _FLAGS[name](parser)
        if name != "paths":
            parser.add_argument("--out", type=Path, required=True, help="file to write")
        parser.set_defaults(act=_ACTS[name])


def _mix_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", default="1-6", help="seeds of the samples whose styles --layers takes (default 1-6)")
    parser.add_argument("--columns", default="11-18", help="seeds of the samples with the other styles (default 11-18)")
    parser.add_argument("--layers", default="coarse", help="coarse (default), middle, fine, all, or such as 0-2 or 0,3")


def _seed_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", default="1-8", help="of the samples, such as 1,2,5-8 (default 1-8)")


def _walk_flags(parser: argparse.ArgumentParser) -> None:
    _seed_flag(parser)
    parser.add_argument("--space", choices=SPACES, default="w", help="in w straight (default), in z on great circles")


def _project_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("picture", type=Path, help="a picture of the run's size")
    parser.add_argument(
        "--space", choices=PROJECTED, default="w", help="w: one style (default); w+: one for each layer"
    )
    parser.add_argument("--steps", type=int, default=300, help="steps of Adam (default 300)")
    parser.add_argument("--resize", action="store_true", help="crop and resize the picture to the run's size")


def _paths_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=2000, help="number of pairs (default 2000)")


def _quiz_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=20, help="number of pairs (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the pairs (default 0)")
    parser.add_argument("--truncation", default="1", metavar="PSI", help="of the generated images (default 1: none)")


def _mix(flags: argparse.Namespace) -> int:
    suffix_of(flags.out, ".png")
    rows, columns = seeds_of(flags.rows, "--rows"), seeds_of(flags.columns, "--columns")
    check_cells((len(rows) + 1) * (len(columns) + 1))
    saved, system = saved_stylegan(flags.run, flags.best, flags.out)
    G = system.drawing
    layers = layers_of(flags.layers, G.L)
    a, b = (G.map(noise_of(saved, G, seeds)) for seeds in (rows, columns))
    plots.save_grid(flags.out, mixing_grid(G, a, b, layers), len(columns) + 1)
    print(
        f"{flags.out}: columns give the sample, rows the styles of the layers {', '.join(map(str, layers)) or 'none'}"
    )
    return 0


def _truncate(flags: argparse.Namespace) -> int:
    suffix_of(flags.out, ".png")
    seeds = seeds_of(flags.seeds, "--seeds")
    check_cells(len(seeds) * len(PSIS))
    saved, system = saved_stylegan(flags.run, flags.best, flags.out)
    G = system.drawing
    plots.save_grid(flags.out, psi_grid(G, G.map(noise_of(saved, G, seeds))), len(PSIS))
    print(
        f"{flags.out}: psi {', '.join(f'{psi:g}' for psi in PSIS)} from left to right; 0 is the mean, the same for all"
    )
    return 0


def _walk(flags: argparse.Namespace) -> int:
    suffix, seeds = suffix_of(flags.out, ".gif", ".png"), seeds_of(flags.seeds, "--seeds")
    check_cells(len(seeds) * FRAMES)
    saved, system = saved_stylegan(flags.run, flags.best, flags.out)
    images = tour(system.drawing, noise_of(saved, system.drawing, seeds), FRAMES, flags.space)
    if suffix == ".png":
        plots.save_grid(flags.out, images, FRAMES)
    else:
        plots.save_animation(flags.out, [plots.grid(image[np.newaxis], scale=4) for image in images], hold=0)
    print(f"{flags.out}: {len(images)} images on the way through {len(seeds)} samples and back, in {flags.space}")
    return 0


def _project(flags: argparse.Namespace) -> int:
    from minigan.data import pictures  # here: Pillow is slow to import

    suffix_of(flags.out, ".png")
    saved, system = saved_stylegan(flags.run, flags.best, flags.out)
    H, W, C = shape = system.sample_shape or (0, 0, 0)
    codes = flags.out.with_suffix(".npz")
    if codes.exists() and arrays.names(codes) != ["ws"]:
        raise ValueError(f"--out {flags.out}: the styles go into {codes}, which is something else; give another name")
    picture = pictures.read(flags.picture, H if flags.resize else None, channels=C, background=saved.config.background)
    if picture.shape != shape:
        came = " x ".join(map(str, picture.shape))
        raise ValueError(
            f"{flags.picture} is {came}, and this run generates {H} x {W} x {C}; --resize makes it that size"
        )
    target = picture[np.newaxis].astype(np.float32) / np.float32(127.5) - 1
    rng = np.random.default_rng(saved.config.seed)
    projection = project(system.drawing, target, rng, space=flags.space, steps=flags.steps)
    plots.save_grid(flags.out, np.concatenate([picture[np.newaxis], projection.images]), 2)
    with replacing(codes) as file:
        np.savez_compressed(file, ws=projection.ws)
    error = f"mean squared error {projection.error[0]:.4f}, {projection.psnr[0]:.1f} dB"
    print(f"{flags.out}: the picture, and the nearest that was found in {flags.space}: {error}; styles in {codes}")
    return 0


def _paths(flags: argparse.Namespace) -> int:
    saved, system = saved_stylegan(flags.run, flags.best)
    name = features.for_data(saved.config.data)
    if name is None:
        raise ValueError(f"path lengths need a feature network, and there is none for {saved.config.data}")
    judge, rng = features.get(name), np.random.default_rng(saved.config.seed)
    print(path_lengths(system.drawing, judge, rng, flags.n))
    print(separability(system.drawing, judge, rng))
    return 0


def _quiz(flags: argparse.Namespace) -> int:
    suffix_of(flags.out, ".html")
    if not 1 <= flags.n <= CELLS:
        raise ValueError(f"-n must lie between 1 and {CELLS}, got {flags.n}")
    psi = psi_of(flags.truncation)
    saved, system = saved_stylegan(flags.run, flags.best)
    training = build.datasets(saved.config)["real"].images
    rng = np.random.default_rng(flags.seed)
    fake = system.generate(saved.draw("quiz", flags.seed), flags.n, psi=psi)
    rows = rng.choice(len(training), flags.n, replace=flags.n > len(training))
    D = system.players["D"].network
    as_input = [images.astype(np.float32) / np.float32(127.5) - 1 for images in (training[rows], fake)]
    scores = D.forward(as_input[0], train=False)[0], D.forward(as_input[1], train=False)[0]
    page = quiz_page(quiz(fake, training, scores, rows, rng), f"Real: {saved.config.data}")
    with replacing(flags.out) as file:
        file.write(page.encode())
    print(f"{flags.out}: {flags.n} pairs; open it in a browser")
    return 0


_FLAGS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "mix": _mix_flags,
    "truncate": _seed_flag,
    "walk": _walk_flags,
    "project": _project_flags,
    "paths": _paths_flags,
    "quiz": _quiz_flags,
}
_ACTS: dict[str, Any] = {
    "mix": _mix,
    "truncate": _truncate,
    "walk": _walk,
    "project": _project,
    "paths": _paths,
    "quiz": _quiz,
}
