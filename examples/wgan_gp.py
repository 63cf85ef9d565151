"""The second-order pass at work: WGAN-GP on the embedded digits, and the purpose of the penalty.

    python examples/wgan_gp.py

While it trains, the norm of the critic's gradient between real and generated digits is measured: the penalty pulls it
to 1, and only then does the critic's loss estimate the distance between the two distributions. Both curves are drawn
into critic.png beside the usual pictures.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minigan import GAN, Config, Trainer, discriminator_step, generator_step
from minigan.device import Array, like
from minigan.layers import Layer
from minigan.plots.palette import BLUE, VERMILLION
from minigan.runs.friendly import friendly_errors
from minigan.training.flags import add_flags

RECIPE = Config(
    paper=True,
    objective="wgan-gp",  # Adam (0.5, 0.9), five critic steps for each of the generator's
    model="infogan",  # with layer norm in the critic: the penalty is on each sample separately
    width=0.25,
    d_lr=1e-3,  # the paper has 1e-4 and 200,000 steps; this run has 625
    g_lr=1e-3,
    epochs=20,
)
WATCH_EVERY = 10  # generator steps between two measurements


def gradient_norm(D: Layer, real: Array, fake: Array, rng: np.random.Generator) -> float:
    """Mean norm of the critic's gradient at random points between real and generated samples."""
    eps = like(rng.random((len(real), 1, 1, 1), dtype=real.dtype), real)
    with D.keeping_buffers():
        scores, caches = D.forward(eps * real + (1 - eps) * fake)
    g = D.backward(np.ones_like(scores), caches)
    assert g is not None
    return float(np.sqrt((g * g).sum(axis=(1, 2, 3))).mean())


def train(trainer: Trainer, gan: GAN) -> list[tuple[int, float, float]]:
    D, G, objective, n = gan.players["D"], gan.players["G"], gan.objective, trainer.config.batch_size
    watched = []
    for step in trainer.steps():
        for turn, draw in trainer.turns(step):
            z = draw.noise(n, gan.z_dim, again=gan.same_noise and turn.name == "G")
            if turn.name == "D":
                real = draw.batch("real")
                critic = outcome = discriminator_step(D.network, G.network, objective, D.optimizer, real, z)
            else:
                outcome = generator_step(D.network, G.network, objective, G.optimizer, z)
            trainer.record(turn, outcome)
        if step % WATCH_EVERY == 0:
            fake, _ = G.network.forward(z, train=False)
            norm = gradient_norm(D.network, real, fake, trainer.draw.at("watch", step).generator)
            distance = critic.scores["real"].mean() - critic.scores["fake"].mean()
            watched.append((step, norm, float(distance)))
    return watched


def plot(path: Path, watched: list[tuple[int, float, float]]) -> None:
    step, norm, distance = np.array(watched).T
    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    above.plot(step, norm, color=BLUE)
    above.axhline(1, color="0.5", linestyle="--")
    above.set_ylabel("norm of the critic's gradient")
    below.plot(step, distance, color=VERMILLION)
    below.set(xlabel="generator step", ylabel="mean D(x) - mean D(G(z))")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser)
    trainer = Trainer.from_flags(parser.parse_args(), RECIPE)
    if trainer.config.objective != "wgan-gp" or type(trainer.system) is not GAN:
        raise ValueError("this example watches wgan-gp; for other objectives: python examples/mnist_gan.py")
    trainer.introduce()
    with trainer.errors_explained():
        watched = train(trainer, trainer.system)
    print(trainer.finish())
    if watched:
        plot(trainer.run.folder / "critic.png", watched)
        print(f"  {'critic.png':<14}the critic's gradient norm, and its estimate of the distance")


if __name__ == "__main__":
    with friendly_errors("wgan_gp"):
        main()
