"""For all demonstrations: flags, the frame of a panel, and where a picture is saved."""

import argparse
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minigan.plots.files import replacing_as
from minigan.plots.palette import INK


def flags(doc: str | None, **numbers: int) -> argparse.Namespace:
    """--seed and --out, and a flag for each of `numbers` with its default."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    for name, default in numbers.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default, help=f"default {default:,}")
    parser.add_argument("--out", type=Path, default=Path("runs/theory"), help="folder for the picture")
    return parser.parse_args()


def frame(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with replacing_as(folder / name, ".png") as file:
        figure.savefig(file, dpi=120, format="png")
    print(f"picture: {folder / name}")
