"""Pictures from captions: StackGAN on coloured digits, on a laptop's CPU, in minutes.

    python examples/text_to_image.py
    python examples/text_to_image.py --size 56         large pictures of four times the small ones' size
    python examples/text_to_image.py --epochs 14       longer stages
    python examples/text_to_image.py --resume runs/... continue a run that was stopped

The captions describe a digit: its class, its colours, its stroke and how it leans. Some combinations are in no picture.
captions.png shows eight captions with the small pictures of the first generator (enlarged, six on the left) and what
the second one makes of them (six on the right); the last two captions are of combinations that are in no picture. The
table has the share of 2,000 pictures that show what their captions state, by attribute, and how much pictures of one
caption vary: minigan/metrics/captions.py, with a classifier that took no part in training.
"""

import argparse
from textwrap import fill

import numpy as np
from PIL import Image

from minigan import Config, Trainer
from minigan.metrics.score import write_scores
from minigan.plots import ImagesRow, save_images_rows
from minigan.runs.friendly import friendly_errors
from minigan.scoring.captions import scores_of, table
from minigan.systems.stackgan import StackGAN
from minigan.training.flags import add_flags

CAPTIONS = (
    "a thick red three leaning left on a blue ground",
    "a thin white eight leaning right on a green ground",
    "a black five on a yellow ground",
    "yellow two leaning right on red",
    "on a white ground a thick blue four",
    "the digit seven in thin yellow strokes on a black ground",
    "a thick red nine on a green ground",
    "white zero leaning left on blue",
)  # red on green and white on blue are in no picture
SAMPLES = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser, "stackgan")
    trainer = Trainer.from_flags(parser.parse_args(), Config(system="stackgan"))
    trainer.introduce()
    trainer.train()
    print(trainer.finish())
    system, folder = trainer.system, trainer.run.folder
    assert isinstance(system, StackGAN)
    scores = scores_of(system, trainer.draw.at("score", 0), trainer.config.data)
    write_scores(folder / "scores.json", scores)
    show(system, trainer)
    print(f"  captions.png  small and large pictures of eight captions\n\n{table(scores)}")


def show(system: StackGAN, trainer: Trainer) -> None:
    """captions.png: of each caption a row of small pictures, enlarged, and the large pictures made of them."""
    texts = [text for text in CAPTIONS for _ in range(SAMPLES)]
    small, large = system.both(trainer.draw.at("captions", 0), texts)
    pairs = [smooth(small[:, :: system.scale, :: system.scale], large.shape[1]), large]
    rows = [
        ImagesRow("", np.concatenate([one[i * SAMPLES : (i + 1) * SAMPLES] for one in pairs]), fill(text, 29))
        for i, text in enumerate(CAPTIONS)
    ]
    save_images_rows(trainer.run.folder / "captions.png", rows)


def smooth(pictures: np.ndarray, side: int) -> np.ndarray:
    """Pictures enlarged by cubic interpolation."""
    enlarged = (Image.fromarray(x).resize((side, side), Image.Resampling.BICUBIC) for x in pictures)
    return np.stack([np.asarray(x) for x in enlarged])


if __name__ == "__main__":
    with friendly_errors("text_to_image"):
        main()
