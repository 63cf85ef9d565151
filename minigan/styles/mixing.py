"""Style mixing: some layers of one sample, the others of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigan.device import Array
from minigan.models.stylegan import StyleGenerator
from minigan.training.system import in_pieces

GROUPS = ("coarse", "middle", "fine", "all", "none")


def mixed(G: StyleGenerator, a: Array, b: Array, layers: Sequence[int]) -> Array:
    """ws (N, L, w_dim): the styles a (N, w_dim) in `layers`, b (N, w_dim) in the others."""
    ws = np.repeat(b[:, np.newaxis], G.L, axis=1)
    for l in layers:
        ws[:, l] = a
    return ws


def mixing_grid(G: StyleGenerator, a: Array, b: Array, layers: Sequence[int]) -> np.ndarray:
    """A picture's images, row by row, uint8: the sources b on top, a on the left, and in cell (i, j) the sample b_j
    with the styles of a_i in `layers`. The corner is black. (len(a) + 1) rows of (len(b) + 1) images."""
    top, left = images_of(G, b), images_of(G, a)
    ws = mixed(G, np.repeat(a, len(b), axis=0), np.concatenate([b] * len(a)), layers)
    cells = in_pieces(G.image, ws).reshape(len(a), len(b), *top.shape[1:])
    rows = [np.concatenate([np.zeros_like(top[:1]), top])]
    rows += [np.concatenate([left[i : i + 1], cells[i]]) for i in range(len(a))]
    return np.concatenate(rows)


def images_of(G: StyleGenerator, w: Array) -> np.ndarray:
    """The images of styles (N, w_dim), or of styles for every layer (N, L, w_dim), uint8."""
    return in_pieces(G.image, w)


def named_layers(L: int) -> dict[str, list[int]]:
    """Names for the layers of a generator: which of them place the parts of an image, and which colour them.

    The layers up to 2 are coarse. With 4 levels or more (L >= 8), those of the next level and a half are middle.
    """
    middle = {6: 3, 8: 5}.get(L, 6) if L > 4 else L // 2
    coarse = min(3, L // 2)
    groups = {"coarse": range(coarse), "middle": range(coarse, middle), "fine": range(middle, L)}
    return {name: list(group) for name, group in groups.items()} | {"all": list(range(L)), "none": []}


def layers_of(text: str, L: int) -> list[int]:
    """The layers that a command asks for: a name, or numbers such as 0-2 or 0,3; ValueError names the known ones."""
    groups = named_layers(L)
    if text in groups:
        if not groups[text] and text != "none":
            raise ValueError(f"--layers {text}: this generator of {L} layers has no {text} ones; {_have(groups, L)}")
        return groups[text]
    layers: list[int] = []
    for item in text.split(","):
        first, dash, last = item.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            expected = f"expected {', '.join(GROUPS)}, or numbers such as 0-2 or 0,3"
            raise ValueError(f"--layers {text!r}: {expected}")
        ends = int(first), int(last) if dash else int(first)
        if ends[0] > ends[1]:
            raise ValueError(f"--layers {text}: the range {item.strip()} is empty")
        if ends[1] >= L:
            raise ValueError(f"--layers {text}: {_have(groups, L)}")
        layers += range(ends[0], ends[1] + 1)
    return sorted(set(layers))


def _have(groups: dict[str, list[int]], L: int) -> str:
    named = [f"{name} {group[0]}-{group[-1]}" for name, group in groups.items() if group and name != "all"]
    return f"this generator has layers 0 to {L - 1} ({', '.join(named)})"
