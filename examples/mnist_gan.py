"""All ten digits from nothing but noise, on a laptop's CPU, in minutes.

    python examples/mnist_gan.py                                      the recipe below
    python examples/mnist_gan.py --model dcgan --objective lsgan      other networks, another objective
    python examples/mnist_gan.py --resume runs/...                    continue a run that was stopped

The loop in `train` is Algorithm 1 of Goodfellow et al. 2014. Everything around it (bar, log, pictures, checkpoints,
Ctrl-C) is the trainer's; everything inside it is two short functions of minigan/training/steps.py. `minigan train`
calls the same functions (minigan/systems/gan.py), and ends with the same weights to the last bit.
"""

import argparse

from minigan import GAN, Config, Trainer, discriminator_step, generator_step
from minigan.report import write_report
from minigan.runs.friendly import friendly_errors
from minigan.training.flags import add_flags

# How it was chosen: python examples/compare_recipes.py, all recipes at equal time.
RECIPE = Config(
    model="infogan",  # DCGAN's networks plus a hidden layer on both sides: what decides at this budget
    width=0.25,  # a quarter of the channels: three times the steps in the same time
    objective="nonsaturating",
    data="mnist-10k",  # 1,000 digits of each class, in the package
    z_dim=16,  # a digit has about so many degrees of freedom: neighbours in z stay neighbours
    epochs=28,
    batch_size=64,
    d_lr=1e-3,  # five times the usual 2e-4: the run is short
    g_lr=1e-3,
    betas=(0.5, 0.999),  # Radford et al. 2015
    decay=0.5,  # in the second half the rates fall to zero, and the strokes settle
    average=0.998,  # samples are drawn with the mean of G's last 500 weights
    real_label=0.9,  # label smoothing: a D that is never quite sure continues to teach (Salimans et al. 2016)
)


def train(trainer: Trainer, gan: GAN) -> None:
    players, objective, n = gan.players, gan.objective, trainer.config.batch_size * gan.objective.fakes
    D = players["D"].network if objective.trains_d else gan.frozen["D"]
    G = players["G"].network
    for step in trainer.steps():
        for turn, draw in trainer.turns(step):
            if turn.name == "D":
                real, z = draw.batch("real"), draw.noise(n, gan.z_dim)
                outcome = discriminator_step(D, G, objective, players["D"].optimizer, real, z)
            else:
                real = draw.batch("real") if objective.compares else None
                z = draw.noise(n, gan.z_dim, again=gan.same_noise)
                outcome = generator_step(D, G, objective, players["G"].optimizer, z, real)
            trainer.record(turn, outcome)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser)
    trainer = Trainer.from_flags(parser.parse_args(), RECIPE)
    trainer.introduce()
    if type(trainer.system) is GAN:
        with trainer.errors_explained():
            train(trainer, trainer.system)
    else:  # GMMN in code space compares codes of an autoencoder: its turn is in minigan/systems/gmmn.py
        trainer.train()
    print(trainer.finish())
    verdict = trainer.verdict()
    print(f"All of it as one page: {write_report(trainer.run.folder)}\n{verdict}")
    print(f"Move through what it has learned: minigan lab --run {trainer.run.folder}")


if __name__ == "__main__":
    with friendly_errors("mnist_gan"):
        main()
