"""Digits of 7 x 7 pixels enlarged to 28 x 28: exact and blurred, or sharp and a little less exact.

    python examples/srgan.py                     two stages, three minutes of one CPU core
    python examples/srgan.py --scale 2           from 14 x 14 pixels
    python examples/srgan.py --adversarial 0.1   more weight for the discriminator
    python examples/srgan.py --data photos/ --size 64     a folder of your own
    python examples/srgan.py --resume runs/...   continue a run that was stopped

The first stage trains G by squared error alone: its answer to an ambiguous picture is the mean of all that it could
have been, which is blurred. In the second stage a discriminator of real digits moves the answer to one of them.
The turns are in minigan/systems/srgan.py. The closing table compares both with nearest neighbours and bicubic
enlargement.
"""

import argparse

from minigan import Config, Trainer
from minigan.runs.friendly import friendly_errors
from minigan.scoring.held_out import held_out_scores
from minigan.training.flags import add_flags


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser, "srgan")
    trainer = Trainer.from_flags(parser.parse_args(), Config(system="srgan"))
    trainer.introduce()
    for step in trainer.steps():
        for turn, draw in trainer.turns(step):  # one of G; in the second stage one of D, then one of G
            trainer.record(turn, turn.play(draw))
    print(trainer.finish())
    scores = held_out_scores(trainer.run.folder, n=2000, best=False, on=trainer.config.device)
    assert scores is not None
    print(f"\n{scores.text}")


if __name__ == "__main__":
    with friendly_errors("srgan"):
        main()
