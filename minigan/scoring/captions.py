"""The scores of a run of StackGAN on captioned digits: do its pictures show what captions state?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minigan import data
from minigan.data import Dataset, captioned, embedded
from minigan.metrics import features
from minigan.metrics.captions import caption_scores, variety_score
from minigan.metrics.score import Score
from minigan.runs.folder import Run
from minigan.scoring.saved_generator import SavedGenerator
from minigan.systems.stackgan import StackGAN
from minigan.training.draw import Fixed

JUDGE = "lenet-mnist-v1"
KINDS = ("captions seen in training", "held-out captions")
NAMES = ("class", "ink", "ground", "stroke", "stroke_bin", "lean", "lean_bin", "caption", "sharpness", "variety", "fid")
VARIED, EACH = 60, 8  # captions, and pictures of each, that are compared with each other


def some_captions(n: int, *, held_out: bool, seed: int = 0) -> list[str]:
    """n captions, of combinations that are in the data or of those that are in no picture, all equally likely."""
    rng = np.random.default_rng(seed)
    facts = [one for one in captioned.all_facts() if captioned.held_out(one) == held_out]
    chosen = [facts[i] for i in rng.integers(len(facts), size=n)]
    return [captioned.captions_of(one)[i] for one, i in zip(chosen, rng.integers(4, size=n), strict=True)]


def scores_of(system: StackGAN, draw: Fixed, dataset: str, n: int = 2000) -> list[Score]:
    """Of n captions seen in training and of n held-out ones: small and large pictures, judged by LeNet.

    ValueError for other data than captioned-mnist, whose captions nobody can check.
    """
    if dataset != data.CAPTIONED:
        raise ValueError(f"only captions of {data.CAPTIONED} can be checked, and this run was trained on {dataset}")
    judge, scores = features.get(JUDGE), list[Score]()
    digits = _some(embedded.load())
    for kind in KINDS:
        texts = some_captions(n, held_out=kind == KINDS[1])
        some = texts[:VARIED]
        asked = system.both(draw, texts, progress=kind)
        again = system.both(draw, [text for text in some for _ in range(EACH)], progress=kind)
        real = captioned.pictures_of([captioned.facts_of(text) for text in some], EACH, np.random.default_rng(0))
        for size in (0, 1) if system.stage == 2 else (0,):
            of, step = f"{('small', 'large')[size]}, {kind}", (system.scale, 1)[size]  # small ones are enlarged
            pictures, rows = (both[size][:, ::step, ::step] for both in (asked, again))
            scores += caption_scores(texts, pictures, judge, of=of, real=digits)
            scores.append(variety_score(rows.reshape(len(some), EACH, *rows.shape[1:]), real, of=of))
    return scores


def _some(digits: Dataset) -> Dataset:
    """Every fifth of the digits."""
    assert digits.labels is not None
    return Dataset(f"every fifth of {digits.name}", digits.images[::5], digits.labels[::5], digits.source)


def of_run(folder: Path, *, n: int, best: bool, on: str | None) -> tuple[list[Score], str] | None:
    """The scores of a run of StackGAN on captioned digits, and their table; None where it is another run, or none."""
    if not (folder / "config.json").is_file():
        return None
    config = Run.open(folder).config
    if config.system != "stackgan" or config.data != data.CAPTIONED:
        return None
    generator = SavedGenerator(folder, best=best, on=on)
    assert isinstance(generator.system, StackGAN)
    scores = scores_of(generator.system, generator.draw("score"), config.data, n)
    return scores, f"{n:,} captions of each kind through {generator.path}, digits read by {JUDGE}\n\n{table(scores)}"


def table(scores: Sequence[Score]) -> str:
    """A line for each kind of picture, a column for each attribute."""
    rows: dict[str, dict[str, float]] = {}
    for score in scores:
        name = score.protocol.metric.removeprefix("caption_")
        rows.setdefault(score.protocol.parameters["of"], {})[name] = score.value
    lines = [f"{'':<34}" + "".join(f"{name.replace('_', ' '):>12}" for name in NAMES)]
    for of, values in rows.items():
        lines.append(f"{of:<34}" + "".join(f"{values[name]:>12.3f}" if name in values else " " * 12 for name in NAMES))
    return "\n".join(lines)
