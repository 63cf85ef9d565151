"""The third sweep at work: WGAN-GP on the embedded digits, watching what the penalty is there for.

    python examples/wgan_gp.py

While it trains, the norm of the critic's gradient between real and fake digits is measured: the penalty pulls it
to 1, and only then does the critic's loss estimate the distance between the digits and their forgeries. Both curves
are drawn into critic.png beside the usual pictures.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minigan import Config, Trainer, discriminator_step, generator_step
from minigan.device import Array, like
from minigan.plots.palette import BLUE, VERMILLION
from minigan.runs.friendly import mended
from minigan.training.flags import add_flags

RECIPE = Config.paper(
    objective="wgan-gp",  # Adam (0.5, 0.9), five critic steps for each of the generator's
    model="infogan",  # with layer norm in the critic: the penalty is on each sample by itself
    width=0.25,
    d_lr=1e-3,  # the paper has 1e-4 and 200,000 steps; this run has 625
    g_lr=1e-3,
    epochs=20,
)
WATCH_EVERY = 10  # generator steps between two measurements


def gradient_norm(D, real: Array, fake: Array, rng: np.random.Generator) -> float:
    """Mean norm of the critic's gradient halfway somewhere between real and fake samples."""
    eps = like(rng.random((len(real), 1, 1, 1), dtype=real.dtype), real)
    with D.keeping_buffers():
        scores, caches = D.forward(eps * real + (1 - eps) * fake)
    g = D.backward(np.ones_like(scores), caches)
    return float(np.sqrt((g * g).sum(axis=(1, 2, 3))).mean())


def train(trainer: Trainer) -> list[tuple[int, float, float]]:
    D, G, objective = trainer.D, trainer.G, trainer.objective
    d_optimizer, g_optimizer = trainer.d_optimizer, trainer.g_optimizer
    watched = []
    for step in trainer.steps():
        for real, z in trainer.critic_batches():
            d_loss = discriminator_step(D, G, objective, d_optimizer, real, z)
        g_loss = generator_step(D, G, objective, g_optimizer, trainer.noise())
        trainer.record(d_loss, g_loss)
        if step % WATCH_EVERY == 0:
            fake, _ = G.forward(z, train=False)
            norm = gradient_norm(D, real, fake, trainer.state.streams.at("watch", step))
            watched.append((step, norm, float(objective.a.mean() - objective.b.mean())))
    return watched


def draw(path: Path, watched: list[tuple[int, float, float]]) -> None:
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
    if trainer.config.objective != "wgan-gp":
        raise ValueError("this example watches wgan-gp; for other objectives: python examples/mnist_gan.py")
    trainer.introduce()
    with trainer.memory_explained():
        watched = train(trainer)
    print(trainer.finish())
    if watched:
        draw(trainer.run.folder / "critic.png", watched)
        print(f"  {'critic.png':<14}the critic's gradient norm, and its estimate of the distance")


if __name__ == "__main__":
    with mended("wgan_gp"):
        main()
