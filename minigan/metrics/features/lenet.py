"""LeNet: the digits' own feature network, made of this library's layers and trained by it.

    x in [0, 1] - 0.5, 28 x 28 (or H x W, with C channels, for a network of one's own)
    conv 5x5, 16, padding 2 → ReLU → max pool 2        14 x 14 x 16
    conv 5x5, 32, padding 2 → ReLU → max pool 2         7 x  7 x 32
    flatten → fc 128 → ReLU                            128: the features
    fc 10                                              the logits

215,370 parameters. 128 features keep a covariance of full rank from about a thousand samples on, and still see style.
Like Inception's pool3 they are the last values before the classes, after a ReLU. Their unit is fixed: over the 60,000
training images the trace of their covariance is 100, so that distances of later versions stay on one scale.

The weights are never trained again in place: a change of any bit is a new name. `load` compares the digest of the
weights and, for four images drawn by formula, the features with those that the network had when it was trained.

Source      LeCun et al. 1998; as a judge of samples: TF-GAN's MNIST score, Li et al. 2017 (MMD GAN).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from minigan import arrays as files
from minigan import init
from minigan.atomic import replacing
from minigan.device import Array, like, to_host
from minigan.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d, Network, ReLU
from minigan.metrics.features.extractor import Extractor

SIZE = 28
FEATURES = 128
VARIANT = "x/255-0.5"
NAMES = ("conv1.w", "conv1.b", "conv2.w", "conv2.b", "fc1.w", "fc1.b", "fc2.w", "fc2.b")  # in the order of the digest
TOLERANCE = 1e-4  # relative, of golden features: matrix products differ between machines in the last bits


class LeNet(Extractor):
    """The feature network of MNIST and Fashion-MNIST, with its classes.

    `body` makes the 128 features, `head` the logits. For images (H, W, C) of another `shape`, H and W are divided by 4
    and rounded down on the way.
    """

    variant, d = VARIANT, FEATURES

    def __init__(
        self,
        name: str,
        classes: Iterable[str],
        *,
        rng: np.random.Generator,
        shape: tuple[int, int, int] = (SIZE, SIZE, 1),
    ) -> None:
        self.name, self.classes, self.shape = name, tuple(classes), shape
        H, W, C = shape
        drawn: dict[str, Any] = {"rng": rng, "init": init.he_uniform}
        self.body = Network(
            Conv2d(C, 16, 5, padding=2, **drawn),
            ReLU(),
            MaxPool2d(2),
            Conv2d(16, 32, 5, padding=2, **drawn),
            ReLU(),
            MaxPool2d(2),
            Flatten(),
            Linear((H // 4) * (W // 4) * 32, FEATURES, **drawn),
            ReLU(),
        )
        self.head = Linear(FEATURES, len(self.classes), **drawn)

    @property
    def digest(self) -> str:  # type: ignore[override]
        return digest(self.arrays())

    def networks(self) -> tuple[Layer, Layer]:
        return self.body, self.head

    def check_shape(self, shape: tuple[int, ...]) -> None:
        H, W, C = self.shape
        kind = "grey images" if C == 1 else "images in colour"
        if tuple(shape[:2]) != (H, W) or shape[2] not in (1, C):
            h, w, c = shape
            raise ValueError(f"{self.name} takes {kind} of {H} x {W}, got {h} x {w} with {c} channel(s)")

    def bring(self, images: np.ndarray) -> Array:
        self.check_shape(images.shape[1:])
        images = np.broadcast_to(images, (*images.shape[:3], self.shape[2]))  # grey ones in all channels
        return like(images, self.head.weight) / np.float32(255) - np.float32(0.5)

    def look(self, x: Array) -> tuple[Array, Array]:
        features, _ = self.body.forward(x, train=False)
        logits, _ = self.head.forward(features, train=False)
        return features, logits

    def arrays(self) -> dict[str, Array]:
        """The weights themselves under the names of the file."""
        layers = (self.body.layers[0], self.body.layers[3], self.body.layers[7], self.head)
        return dict(zip(NAMES, (a for layer in layers for _, a in layer.named_params()), strict=True))

    @classmethod
    def load(cls, name: str) -> LeNet:
        """The network of this name from the package; ValueError where its files are damaged or it sees differently."""
        folder = resources.files("minigan.data") / "extractors"
        with resources.as_file(folder / f"{name}.json") as card, resources.as_file(folder / f"{name}.npz") as weights:
            return cls.read(card, weights)

    def write(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write <name>.npz and <name>.json: the weights, and the card with classes, digest and golden features."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"name": self.name, "preprocessing": self.variant, "classes": self.classes, "shape": self.shape}
        checks = {"weights_sha256": self.digest, "golden": self.golden()}
        with replacing(folder / f"{self.name}.npz") as file:
            weights: dict[str, Any] = {name: to_host(array) for name, array in self.arrays().items()}
            np.savez(file, **weights)
        with replacing(folder / f"{self.name}.json") as file:
            file.write(json.dumps({**facts, **card, **checks}, indent=1).encode())

    @classmethod
    def read(cls, card: Path, weights: Path) -> LeNet:
        """The network of a card and its weights; errors as `load`."""
        header = json.loads(card.read_text())
        shape = tuple(header.get("shape", (SIZE, SIZE, 1)))
        network = cls(header["name"], header["classes"], rng=np.random.default_rng(0), shape=shape)
        saved, _ = files.read(weights, "file of a network's weights", only=NAMES)
        if len(saved) < len(NAMES):
            raise ValueError(f"{weights}: damaged, it lacks {', '.join(name for name in NAMES if name not in saved)}")
        sha256 = digest(saved)
        if sha256 != header["weights_sha256"]:
            raise ValueError(f"{weights}: damaged, its digest is {sha256}, expected {header['weights_sha256']}")
        for name, array in network.arrays().items():
            array[...] = saved[name]
        network.check(header["golden"], weights)
        return network

    def golden(self) -> dict[str, list[float]]:
        """The features of the four procedural images, to six digits."""
        images = procedural(self.shape)
        seen = self(np.stack(list(images.values())))
        return {name: [float(f"{v:.6g}") for v in row] for name, row in zip(images, seen.features, strict=True)}

    def check(self, golden: Mapping[str, list[float]], path: Path) -> None:
        """ValueError where the procedural images do not have these features."""
        seen = self.golden()
        for name, expected in golden.items():
            error = np.abs(np.subtract(seen[name], expected)).max() / np.abs(expected).max()
            if not error <= TOLERANCE:
                raise ValueError(f"{path}: features of the image {name!r} are off by {error:.1e} of their size")


def digest(arrays: Mapping[str, Array]) -> str:
    """SHA-256 over the little-endian float32 bytes of the arrays, in the order of `NAMES`."""
    sha = hashlib.sha256()
    for name in NAMES:
        sha.update(np.ascontiguousarray(to_host(arrays[name]), "<f4").tobytes())
    return sha.hexdigest()


def procedural(shape: tuple[int, int, int] = (SIZE, SIZE, 1)) -> dict[str, np.ndarray]:
    """Four images of formulas, float32 (H, W, C) in [0, 1], all channels alike."""
    H, W, C = shape
    i, j = np.indices((H, W), dtype=np.float32)
    images: dict[str, np.ndarray] = {
        "zeros": 0 * i,
        "ones": 0 * i + 1,
        "ramp": j / (W - 1),
        "checkerboard": (i + j) % 2,
    }
    return {name: np.repeat(image[..., np.newaxis], C, axis=2) for name, image in images.items()}
