"""Digits become blueprints and blueprints digits, without a single pair to learn from.

    python examples/cyclegan.py                                    digits and blueprints, three minutes of one CPU core
    python examples/cyclegan.py --data mnist-10k:colour            grey digits and coloured ones
    python examples/cyclegan.py --data cats/ --data-b dogs/ --size 64     two folders of your own
    python examples/cyclegan.py --resume runs/...                  continue a run that was stopped

One half of the digits is A, blueprints of the other half are B. Two generators translate, two discriminators score, and
a picture that is translated there and back must be the same again. The turns are in minigan/systems/cyclegan.py. Of
held-out digits the true blueprints are known: the closing table has the errors. cyclegan_hides.py shows what the way
back costs.
"""

import argparse

from minigan import Config, Trainer
from minigan.runs.friendly import friendly_errors
from minigan.scoring.held_out import held_out_scores
from minigan.training.flags import add_flags


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser, "cyclegan")
    trainer = Trainer.from_flags(parser.parse_args(), Config(system="cyclegan"))
    trainer.introduce()
    for step in trainer.steps():
        for turn, draw in trainer.turns(step):  # both generators, then D_A, then D_B
            trainer.record(turn, turn.play(draw))
    print(trainer.finish())
    scores = held_out_scores(trainer.run.folder, n=1000, best=False, on=trainer.config.device)
    assert scores is not None
    print(f"\n{scores.text}")


if __name__ == "__main__":
    with friendly_errors("cyclegan"):
        main()
