"""Do both sides of `benchmark.py` compute the same step? Losses of two steps, from the same weights and noise.

    python examples/benchmark_torch_check.py

The second step starts from what the first one's updates made of the weights, so its losses compare gradients, too.
Left out are steps that draw random numbers inside of a network or a penalty: those of `mlp` and of WGAN-GP. StyleGAN's
noise is without effect in the first step, and differs in the second, where its losses are compared loosely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from benchmark_minigan import Played
from benchmark_torch import twin

from minigan.layers import Layer

NAMES = ("infogan", "dcgan", "conditional", "srgan", "cyclegan", "stylegan", "infogan-0.5-32", "dcgan-0.25-64")
BATCH, TOLERANCE, LOOSE = 8, 1e-4, 3e-3


def parameters(network: Layer) -> list[np.ndarray]:
    """A network's parameters in PyTorch's order and layout: of a styled convolution, the affine layer comes last."""
    named = list(network.named_params())
    part = {name: re.split(r"\.(?:affine|pair|after)\.", name)[0] for name, _ in named}
    order = list(dict.fromkeys(part.values()))
    named.sort(key=lambda pair: (order.index(part[pair[0]]), "affine" in pair[0]))
    return [_turned(name, array) for name, array in named]


def _turned(name: str, array: np.ndarray) -> np.ndarray:
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    return array.T if array.ndim == 2 and not name.endswith("embed") else array


def copy(network: Layer, module: torch.nn.Module) -> None:
    """The network's weights into the module."""
    with torch.no_grad():
        for array, param in zip(parameters(network), module.parameters(), strict=True):
            param.copy_(torch.from_numpy(array.copy()))


def same_start(name: str) -> tuple[Played, Any]:
    """Both sides with the same weights, images, classes and noise."""
    ours, theirs = Played(name, BATCH, 1, same_noise=True), twin(name, BATCH, tuned=True)
    for player, module in theirs.networks.items():
        copy(ours.system.players[player].network, module)
    real = {part: torch.from_numpy(np.moveaxis(x, 3, 1).copy()) for part, (x, _) in ours.draw.first.items()}
    theirs.real = {side: real[side] for side in ("A", "B")} if name == "cyclegan" else real["real"]
    system: Any = ours.system
    if name == "srgan":
        copy(system.content.phi, theirs.phi)
        theirs.v = float(system.content.v)
    if name == "conditional":
        theirs.labels = torch.from_numpy(ours.draw.labelled()[1])
    share_draws(ours, theirs)
    return ours, theirs


def share_draws(ours: Played, theirs: Any) -> None:
    """From now on PyTorch's side takes the noise and the classes that minigan's has drawn."""
    noise, classes, system = ours.draw.noise, ours.draw.labels, ours.system
    theirs.noises, theirs.drawn = [], []

    def drawn_noise(*size: Any, **options: Any) -> np.ndarray:
        z = noise(*size, **options)
        theirs.noises.append(torch.from_numpy(z))
        return z

    def drawn_classes(*size: Any) -> np.ndarray:
        c = classes(*size)
        theirs.drawn.append(torch.from_numpy(system.labels[c]))  # type: ignore[attr-defined]
        return c

    ours.draw.noise, ours.draw.labels = drawn_noise, drawn_classes  # type: ignore[method-assign]
    theirs.noise, theirs.classes = lambda: theirs.noises.pop(0), lambda: theirs.drawn.pop(0)


def losses(name: str) -> Iterator[tuple[str, float, float, float]]:
    """Of two steps: turn, minigan's loss, PyTorch's, and by how much they may differ."""
    ours, theirs = same_start(name)
    for step in (1, 2):
        computed = ours.step()
        expected = theirs.tuned_step()
        for turn, loss in computed.items():
            loose = name == "stylegan" and step == 2
            yield f"{turn}, step {step}", float(loss), expected[turn].item(), LOOSE if loose else TOLERANCE
        theirs.noises.clear()


def main() -> int:
    torch.set_num_threads(1)
    wrong = 0
    for name in NAMES:
        for turn, ours, theirs, allowed in losses(name):
            agree = abs(ours - theirs) <= allowed * max(1.0, abs(theirs))
            wrong += not agree
            print(f"{name:16s}{turn:20s}{ours:12.6f}{theirs:12.6f}  {'' if agree else 'DIFFER'}".rstrip())
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
