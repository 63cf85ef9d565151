"""Your own networks, objective and optimizers, trained, watched, resumed and scored like those of the package.

    python examples/own_gan.py                         all ten digits, in about a minute
    python examples/own_gan.py --resume runs/own       continue a run that was stopped

Change a layer, a loss or an optimizer, and train again. No name can build these objects: a run that continues is given
the same ones, made anew, and its checkpoint has what training has changed.
"""

import argparse
from pathlib import Path

import numpy as np

from minigan import GAN, Adam, Network, Objective, Streams, Trainer, data, parallel
from minigan.device import Array
from minigan.layers import BatchNorm, Conv2d, ConvTranspose2d, Flatten, LeakyReLU, Linear, ReLU, Reshape, Tanh
from minigan.runs.friendly import friendly_errors


class Hinge(Objective):
    """D: L = mean max(0, 1 - a) + mean max(0, 1 + b), a and b scores of real and generated samples.  G: L = -mean b."""

    name = "own-hinge"

    def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
        loss = np.maximum(1 - a, 0).mean() + np.maximum(1 + b, 0).mean()
        return loss, -(a < 1).astype(a.dtype) / len(a), (b > -1).astype(b.dtype) / len(b)

    def g_loss(self, b: Array) -> tuple[Array, Array]:
        return -b.mean(), np.full_like(b, -1 / len(b))


def gan() -> GAN:
    rng = Streams(0)("init")
    G = Network(  # noise (N, 64) -> images (N, 28, 28, 1), pixels in [-1, 1]
        *(Linear(64, 256, bias=False, rng=rng), BatchNorm(256), ReLU()),
        *(Linear(256, 7 * 7 * 32, bias=False, rng=rng), BatchNorm(7 * 7 * 32), ReLU(), Reshape(7, 7, 32)),
        *(ConvTranspose2d(32, 16, 4, stride=2, padding=1, bias=False, rng=rng), BatchNorm(16), ReLU()),
        *(ConvTranspose2d(16, 1, 4, stride=2, padding=1, rng=rng), Tanh()),
    )
    D = Network(  # images -> scores (N, 1), high for real ones
        *(Conv2d(1, 16, 4, stride=2, padding=1, rng=rng), LeakyReLU(0.2)),
        *(Conv2d(16, 32, 4, stride=2, padding=1, bias=False, rng=rng), BatchNorm(32), LeakyReLU(0.2), Flatten()),
        *(Linear(7 * 7 * 32, 256, bias=False, rng=rng), BatchNorm(256), LeakyReLU(0.2)),
        Linear(256, 1, rng=rng),
    )
    g_optimizer, d_optimizer = (Adam(network.named_params(), 1e-3, betas=(0.5, 0.999)) for network in (G, D))
    return GAN(G, D, Hinge(), z_dim=64, g_optimizer=g_optimizer, d_optimizer=d_optimizer, sample_shape=(28, 28, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=float, default=8)
    parser.add_argument("--out", type=Path, default=Path("runs/own"), help="folder of a new run")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="continue the run in this folder")
    flags = parser.parse_args()
    digits = data.load("mnist-10k")
    if flags.resume is None:
        trainer = Trainer(gan(), digits, flags.out, epochs=flags.epochs, decay=0.5, threads=parallel.cores())
    else:
        trainer = Trainer.resume(flags.resume, system=gan(), data=digits)
    trainer.train()
    print(f"{trainer.finish()}\n{trainer.verdict()}")


if __name__ == "__main__":
    with friendly_errors("own_gan"):
        main()
