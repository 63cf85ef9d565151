"""Scores of runs that turn images into images: of held-out ones, whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from minigan.metrics import features
from minigan.metrics.score import Score
from minigan.runs.folder import Run
from minigan.scoring.saved_generator import SavedGenerator
from minigan.training import registry
from minigan.training.config import OWN

UNITS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "reads": "read right",
    "distance": "Fréchet distance",
    "sharpness": "sharpness",
    "consistency": "consistency",
    "error": "error",
    "nearest": "nearest truth",
    "gap": "gap",
    "hue": "hue error",
    "moved": "moved",
}
NOTES = {
    "reads": "share of images that the feature network puts into the true class",
    "distance": "of the features to those of the same true images; 0 is perfect",
    "sharpness": "squared differences of neighbouring pixels over those of the truth: below 1 is blurred",
    "consistency": "root mean square of the answer's blocks minus the small image, grey levels",
    "error": "mean absolute difference to the truth (AB, BA) or of the way back (ABA, BAB), grey levels",
    "nearest": "share of translations whose nearest truth is their own",
    "gap": "error back from a true image minus that back from a translation: what a translation hides",
    "hue": "degrees between the hue before and after; 90 by chance",
    "moved": "mean distance of a translation to its source",
}


@dataclass(frozen=True)
class HeldOut:
    """Scores, and the table of them."""

    scores: Sequence[Score]
    text: str


def held_out_scores(folder: Path, *, n: int, best: bool, on: str | None) -> HeldOut | None:
    """The scores of a run by its held-out images, at most n; None if its samples are scored, or if it is not a run."""
    if not (folder / "config.json").is_file():
        return None
    config = Run.open(folder).config
    entry = None if config.system == OWN else registry.entry(config.system)
    if entry is None or entry.held_out is None:
        return None
    generator = SavedGenerator(folder, best=best, on=on)
    held = entry.held_out(generator.config, n)
    name = features.for_data(config.data.partition(":")[0])
    judge = None if name is None else features.get(name).to_device(generator.device)
    scores = generator.system.scores(held, judge)
    first = next(iter(held.values()))
    title = f"{len(first):,} images of {first.name} through {generator.path}"
    seen = "" if judge is None else f", read by {judge.id}"
    return HeldOut(scores, f"{title}{seen}\n\n{table(scores)}")


def table(scores: Sequence[Score]) -> str:
    """A row for each of the compared sets of images, a column for each metric, and what the metrics are."""
    metrics = list(dict.fromkeys(score.protocol.metric for score in scores))
    rows: dict[str, dict[str, str]] = {}
    for score in scores:
        rows.setdefault(score.protocol.parameters["of"], {})[score.protocol.metric] = _number(score)
    lines = [["", *(UNITS[metric] for metric in metrics)]]
    lines += [[name, *(numbers.get(metric, "-") for metric in metrics)] for name, numbers in rows.items()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines]
    return "\n".join([*text, "", *(f"{UNITS[metric]}: {NOTES[metric]}" for metric in metrics if metric in NOTES)])


def _number(score: Score) -> str:
    return f"{score.value:.1%}" if score.protocol.metric in ("reads", "nearest") else f"{score.value:.3g}"
