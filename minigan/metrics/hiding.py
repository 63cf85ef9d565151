"""How much a translation hides: the way back from it, after it was disturbed.

A CycleGAN must find the source again, also where the other domain has no room for what the source
has. It then writes it into the translation, too finely for eyes and for discriminators (Chu,
Zhmoginov & Sandler 2017). Whatever destroys the fine part shows it: the way back gets worse.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minigan.data.dataset import Dataset, to_pixels
from minigan.data.domains import hue, hue_error
from minigan.device import Array, like, to_host
from minigan.metrics.pairs import error
from minigan.metrics.translations import COLOURFUL

LEVELS = (256, 64, 32, 16, 8)
NOISES = (1, 2, 4, 8, 16, 32)  # grey levels of 255
NEARLY = -0.8  # in [-1, 1], 25 grey levels above black


@dataclass(frozen=True)
class Row:
    """The way back after a disturbance: the mean error in grey levels, and in colour the mean and the median of the hue
    error in degrees."""

    what: str
    error: float
    hue: float | None
    median: float | None = None


def disturbances(rng: np.random.Generator) -> Mapping[str, Callable[[np.ndarray], np.ndarray]]:
    """The disturbances of translations x (N, H, W, C) in [-1, 1], by name."""
    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {"as it is": lambda x: x}
    changes |= {f"rounded to {n} levels": partial(_rounded, n) for n in LEVELS}
    changes |= {f"noise of {sigma} grey levels": partial(_noisy, sigma, rng) for sigma in NOISES}
    changes |= {"nearly black made black": lambda x: np.where(x < NEARLY, -1.0, x)}
    changes |= {"black or white": lambda x: np.where(x > 0, 1.0, -1.0), "means of 3 x 3 pixels": _blurred}
    return changes | {"moved by one pixel": _moved, "JPEG, quality 75": _jpeg}


def curve(system: Any, held: Mapping[str, Dataset], source: str, *, n: int = 500, seed: int = 0) -> list[Row]:
    """The way back to `source`, "A" or "B", of up to n held-out images after each disturbance; where the truth is
    known, last from the true image of the other domain, which hides nothing. Before it, from the translation of another
    image."""
    to, some = "A" if source == "B" else "B", next(system.players["G_AB"].network.named_params())[1]
    count = min(n, *(len(held[side]) for side in (source, to)))
    images = held[source].images[:count]
    fake = translated(system, like(held[source].batch(np.arange(count)), some), to)
    inputs = {name: act(fake).astype(fake.dtype) for name, act in disturbances(np.random.default_rng(seed)).items()}
    inputs["the translation of another image"] = np.roll(fake, 1, axis=0)
    if system.paired:
        inputs["the true image"] = held[to].batch(np.arange(count))
    hues = hue(images) if images.shape[3] == 3 else None
    colourful = hues is not None and hue_error(hues, hues[::-1]).mean() > COLOURFUL
    rows = []
    for name, x in inputs.items():
        again = system.pixels(like(x, some), source)
        drift = hue_error(hue(again), hues) if colourful and hues is not None else None
        hue_errors = (None, None) if drift is None else (float(drift.mean()), float(np.median(drift)))
        rows.append(Row(name, float(error(again, images).mean()), *hue_errors))
    return rows


def translated(system: Any, x: Array, to: str, size: int = 250) -> np.ndarray:
    """Translations of x as they are, not rounded to pixels."""
    return np.concatenate([to_host(system.translate(x[i : i + size], to)) for i in range(0, len(x), size)])


def attack(network: Any, x: Array, wanted: Array, *, levels: float = 1.0, steps: int = 20) -> Array:
    """Images within `levels` grey levels of x (N, H, W, C) from which `network` makes something near `wanted`.

    Sign steps on |network(y) - wanted|: the gradient with respect to y, with no weight's gradient asked for.
    """
    reach, y = levels / 127.5, x
    for _ in range(steps):
        made, cache = network.forward(y, train=False)
        slope = network.input_grad(np.sign(made - wanted), cache)
        y = np.clip(y - reach / 4 * np.sign(slope), np.maximum(x - reach, -1), np.minimum(x + reach, 1))
    return y


def _rounded(n: int, x: np.ndarray) -> np.ndarray:
    return np.rint((x + 1) / 2 * (n - 1)) / (n - 1) * 2 - 1


def _noisy(sigma: float, rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    return x + sigma / 127.5 * rng.normal(size=x.shape)


def _moved(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x[:, :, :1], x[:, :, :-1]], axis=2)


def _jpeg(x: np.ndarray) -> np.ndarray:
    from PIL import Image  # here: Pillow is slow to import

    images, grey, after = to_pixels(x), x.shape[3] == 1, []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image[..., 0] if grey else image).save(file, "JPEG", quality=75)
        after.append(np.asarray(Image.open(file)).reshape(image.shape))
    return np.stack(after) / 127.5 - 1


def _blurred(x: np.ndarray) -> np.ndarray:
    framed = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    H, W = x.shape[1:3]
    return np.mean([framed[:, i : i + H, j : j + W] for i in range(3) for j in range(3)], axis=0)
