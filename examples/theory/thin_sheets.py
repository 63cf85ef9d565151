"""How thin is the set of all samples of a generator, and why is there always a D that is never wrong?

    python examples/theory/thin_sheets.py

Sheets. A G from 2 numbers to 10 generates a surface. In the large it is curved, and fills more than two directions; in
the small, among the neighbours of a point, there are two (local principal components), and the Jacobian has rank 2.
The surfaces of two generators in 10 dimensions have no reason to meet: a D distinguishes them without a mistake.

Rings. Two linked circles in space, each point of one exactly 1 away from the other. No plane parts them, so that a D
without hidden layers must err; a small D never does. Their JSD is log 2, and would still be if they all but touched.
"""

import math

import numpy as np
from low_dimensional_supports import Draw, critic, judged, train
from matplotlib.figure import Figure
from scipy.spatial import cKDTree
from slide import flags, frame, save
from tqdm import tqdm

from minigan import Layer, Network, Streams, objectives
from minigan.init import normal
from minigan.layers import Linear, Tanh
from minigan.plots.palette import BLUE, INK, VERMILLION


def generator(rng: np.random.Generator) -> Network:
    """A random generator from 2 numbers to 10, in float64."""

    def linear(inputs: int, outputs: int, std: float) -> Linear:
        layer = Linear(inputs, outputs, rng=rng, init=normal(std), dtype=np.float64)
        layer.bias[...] = 0.3 * rng.standard_normal(outputs)  # without any, every surface would pass through 0
        return layer

    return Network(linear(2, 64, 1.0), Tanh(), linear(64, 64, 0.2), Tanh(), linear(64, 10, 0.2))


def sheets(rng: np.random.Generator) -> Draw:
    real, fake = generator(rng), generator(rng)
    return lambda n: (real.forward(rng.standard_normal((n, 2)))[0], fake.forward(rng.standard_normal((n, 2)))[0])


def rings(rng: np.random.Generator) -> Draw:
    """One circle lies flat around 0, the other stands around (1, 0, 0)."""

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        s, t = rng.uniform(0, 2 * math.pi, (2, n))
        return np.stack([np.cos(s), np.sin(s), 0 * s], axis=1), np.stack([1 + np.cos(t), 0 * t, np.sin(t)], axis=1)

    return draw


def shares(points: np.ndarray) -> np.ndarray:
    """Of groups of points (..., n, d), the share of the variance in each principal direction: (..., d), falling."""
    squares = np.linalg.svd(points - points.mean(axis=-2, keepdims=True), compute_uv=False) ** 2
    return squares / squares.sum(axis=-1, keepdims=True)


def neighbourhoods(points: np.ndarray, count: int, places: int = 100) -> np.ndarray:
    """The nearest `count` points of each of the first few points: (places, count, d)."""
    return points[cKDTree(points).query(points[:places], count)[1]]


def jacobian(G: Layer, z: np.ndarray) -> np.ndarray:
    """∂G/∂z at one z (1, 2), a backward pass for each output: (10, 2)."""
    y, cache = G.forward(z)
    return np.concatenate([G.backward(row[None], cache) for row in np.eye(y.shape[1])])


def distance(draw: Draw, n: int = 2000) -> tuple[float, float]:
    """From each of n fakes to the nearest of many real samples: the least and the largest."""
    near = cKDTree(draw(50_000)[0]).query(draw(n)[1])[0]
    return float(near.min()), float(near.max())


def verdict(draw: Draw, steps: int, seed: int = 0, straight: bool = False) -> tuple[float, float]:
    """Accuracy of a trained D on fresh samples, and the JSD as it sees it; a straight D has no hidden layers."""
    rng, game = Streams(seed)("straight"), objectives.get("minimax")
    D = Network(Linear(draw(1)[0].shape[1], 1, rng=rng, dtype=np.float64)) if straight else critic(draw, seed)
    for _ in train(D, game, draw, steps, lr=1e-2):
        pass
    accuracy, loss = judged(D, game, draw)
    return accuracy, math.log(2) - loss / 2


def picture(spectra: dict[str, np.ndarray], draw: Draw, right: float) -> Figure:
    figure = Figure(figsize=(11, 5), layout="constrained")
    small, space = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2, projection="3d")
    styles = ((INK, "-", "o"), (VERMILLION, "--", "s"), (BLUE, ":", "^"))
    for (name, spectrum), (color, dashes, marker) in zip(spectra.items(), styles, strict=True):
        small.semilogy(range(1, 11), spectrum, dashes, marker=marker, color=color, label=name)
    small.legend(frameon=False)
    small.set_xticks(range(1, 11))
    small.set_ylim(1e-9, 2)
    frame(small, "In 10 dimensions, G's samples lie on a surface", "principal direction", "share of the variance")
    for x, color, marker, name in zip(draw(400), (BLUE, VERMILLION), "o^", ("data", "G's samples"), strict=True):
        space.scatter(*x.T, color=color, marker=marker, s=8, label=name)
    space.set(aspect="equal", xticks=[-1, 0, 1, 2], yticks=[-1, 0, 1], zticks=[-1, 0, 1])
    space.view_init(22, -60)
    space.set_title(f"Linked rings, 1 apart: D is right on {right:.2%}", loc="left", fontsize=11, color=INK)
    space.legend(frameon=False, loc="upper right")
    return figure


def main() -> None:
    chosen = flags(__doc__, steps=600, samples=100_000)
    surfaces, circles = sheets(Streams(chosen.seed)("sheets")), rings(Streams(chosen.seed)("rings"))
    points = surfaces(chosen.samples)[0]
    spectra = {"all samples": shares(points)}
    for count in (300, 30):
        spectra[f"{count} neighbours"] = np.median(shares(neighbourhoods(points, count)), axis=0)
    print("share of the variance        1st       2nd       3rd   all others")
    for name, spectrum in spectra.items():
        print(f"{name:<20}{spectrum[0]:>12.4f}{spectrum[1]:>10.4f}{spectrum[2]:>10.1e}{spectrum[3:].sum():>13.1e}")
    print("                                        D right   JSD (log 2 = 0.69315)")
    cases = {"two sheets": (surfaces, False), "two rings": (circles, False), "two rings, straight D": (circles, True)}
    verdicts = {
        name: verdict(draw, chosen.steps, chosen.seed, s) for name, (draw, s) in tqdm(cases.items(), leave=False)
    }
    for name, (accuracy, jsd) in verdicts.items():
        print(f"{name:<38}{accuracy:>9.2%}{jsd:>10.5f}")
    print("distance of the rings, least and largest: {:.5f} {:.5f} (1 and 1)".format(*distance(circles)))
    save(picture(spectra, circles, verdicts["two rings"][0]), chosen.out, "thin_sheets.png")


if __name__ == "__main__":
    main()
