"""`minigan translate`: pictures of one's own through a run that turns images into images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from minigan.data import to_pixels
from minigan.device import like
from minigan.scoring.saved_generator import SavedGenerator

TEXT = """Enlarge or translate pictures of any size: one file, or all pictures of a folder.

A run of srgan enlarges; --mix goes from exact (0, its first stage) to sharp (1, the default). A run of cyclegan
translates --to A or --to B; --back also writes the way back, NAME-back.png.

examples: minigan translate runs/20260102-120000-srgan-nonsaturating small.png --out large.png
          minigan translate runs/20260102-120000-cyclegan-lsgan photos/ --to B --out out/"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan translate`."""
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("input", type=Path, help="a picture, or a folder of pictures")
    parser.add_argument("--out", type=Path, required=True, help="file to write (.png), or for a folder a folder")
    parser.add_argument("--to", choices=("A", "B"), help="cyclegan: the domain to translate to")
    parser.add_argument("--back", action="store_true", help="cyclegan: write the way back as well")
    parser.add_argument("--mix", type=float, help="srgan: between exact (0) and sharp (1, the default)")
    parser.add_argument("--grey", action="store_true", help="make pictures grey where the run takes grey ones")
    parser.add_argument("--best", action="store_true", help="by the best checkpoint, not the newest")
    parser.add_argument("--device", default=None, help="cpu, cuda, cuda:N or auto; default $MINIGAN_DEVICE, then cpu")


def translate(flags: argparse.Namespace) -> int:
    """Read, translate, write."""
    generator = SavedGenerator(flags.run, best=flags.best, on=flags.device)
    work = _work_of(generator, flags)
    files = _files(flags.input, flags.out)
    source = {"srgan": "real", "cyclegan": {"A": "B", "B": "A", None: "A"}[flags.to]}[generator.config.system]
    channels = generator.about[source]["shape"][2]
    for _, target in files:
        generator.keep_out_of_data(target)
    for path, target in files:
        for suffix, picture in work(_read(path, channels, generator.config.background, grey=flags.grey)).items():
            _write(target.with_name(f"{target.stem}{suffix}{target.suffix}"), picture)
    what = flags.out if len(files) > 1 or flags.input.is_dir() else files[0][1]
    print(
        f"{what}: {len(files)} picture{'s' if len(files) > 1 else ''} through {generator.path}{_left_out(flags.input)}"
    )
    return 0


def _left_out(source: Path) -> str:
    """The end of a line: how many files of a folder were not read, and why."""
    from minigan.data.finding import find  # here: Pillow is slow to import

    note = find(source).note if source.is_dir() else ""
    return f"; {note}" if note else ""


def _work_of(generator: SavedGenerator, flags: argparse.Namespace) -> Any:
    """From a picture (H, W, C) in [-1, 1] to pictures by the ends of their names."""
    system: Any = generator.system
    kind = generator.config.system
    if kind == "srgan":
        if flags.to is not None or flags.back:
            raise ValueError(f"{flags.run} is a run of srgan, which enlarges: leave out --to and --back")
        mix = 1.0 if flags.mix is None else flags.mix
        return lambda x: {"": system.enlarge(_batch(x, generator), mix)[0]}
    if kind != "cyclegan":
        raise ValueError(f"{flags.run} is a run of {kind}, which translates no pictures; srgan and cyclegan do")
    if flags.mix is not None:
        raise ValueError(f"{flags.run} is a run of cyclegan: leave out --mix")
    if flags.to is None:
        names = generator.config.data, generator.config.options["data_b"] or "its task"
        raise ValueError(f"--to must be A or B: B translates images of A ({names[0]}), A those of B ({names[1]})")
    ways = [flags.to, *(["A" if flags.to == "B" else "B"] if flags.back else [])]
    block = 2 ** generator.config.options["downs"]
    return lambda x: _there_and_back(x, ways, block, generator)


def _there_and_back(x: np.ndarray, ways: list[str], block: int, generator: SavedGenerator) -> dict[str, np.ndarray]:
    """Translations of a picture, which is continued by reflection to whole blocks and cut back."""
    H, W, _ = x.shape
    rest = [(0, -H % block), (0, -W % block), (0, 0)]
    if -H % block >= H or -W % block >= W:
        raise ValueError(f"pictures must have at least {block} x {block} pixels, got {H} x {W}")
    y, system = _batch(np.pad(x, rest, mode="reflect"), generator), generator.system
    pictures = {}
    for suffix, to in zip(("", "-back"), ways, strict=False):
        y = system.translate(y, to)  # type: ignore[attr-defined]
        pictures[suffix] = to_pixels(y)[0, :H, :W]
    return pictures


def _batch(x: np.ndarray, generator: SavedGenerator) -> Any:
    player = next(iter(generator.system.players.values()))
    return like(x[np.newaxis], next(player.network.named_params())[1])


def _files(source: Path, out: Path) -> list[tuple[Path, Path]]:
    """The run to read, and the folder to write to."""
    from minigan.data.finding import find  # here: Pillow is slow to import

    if not source.is_dir():
        if not source.is_file():
            raise FileNotFoundError(f"{source}: no such picture or folder")
        if out.suffix.lower() != ".png":
            raise ValueError(f"--out {out}: the name must end in .png")
        if out.resolve() == source.resolve():
            raise ValueError(f"--out {out}: it would replace the picture itself; give another name")
        return [(source, out)]
    if out.suffix:
        raise ValueError(f"--out {out}: {source} is a folder, so --out must be a folder too")
    if out.resolve().is_relative_to(source.resolve()):
        raise ValueError(f"--out {out}: it lies in {source}, whose pictures are read; give a folder outside of it")
    paths = find(source).paths
    targets = [out / path.relative_to(source).with_suffix(".png") for path in paths]
    twice = {target for target in targets if targets.count(target) > 1}
    if twice:
        raise ValueError(f"{source}: pictures that differ in their suffix alone would both become {min(twice)}")
    return list(zip(paths, targets, strict=True))


def _read(path: Path, channels: int, background: str, *, grey: bool) -> np.ndarray:
    """A picture as networks take it, float32 (H, W, channels)."""
    from minigan.data import pictures

    pixels = pictures.read(path, background=background)
    if channels == 1 and not grey and pixels.shape[2] == 3:
        raise ValueError(f"{path}: this run takes grey pictures, and this one is in colour; --grey converts it")
    pixels = pictures.read(path, None, background, channels)
    return pixels.astype(np.float32) / 127.5 - 1


def _write(path: Path, picture: np.ndarray) -> None:
    from minigan.plots.files import save_png

    path.parent.mkdir(parents=True, exist_ok=True)
    save_png(path, picture)
